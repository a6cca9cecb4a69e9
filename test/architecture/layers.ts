import { posix } from "node:path";
import { importsOf, type Problem, type SourceFile } from "./scan.ts";

/** The layers of the design, low to high: a file imports only from lower ones and from its own room. */
const layers: readonly (readonly string[])[] = [
  ["src/base"],
  ["src/api", "src/objects", "src/record"],
  [
    "src/kube",
    "src/local",
    "src/events/bus",
    "src/gitops/source",
    "src/gitops/render",
    "src/gitops/diff",
    "src/gitops/health",
    "src/gitops/project",
  ],
  ["src/ledger", "src/events/sources", "src/events/triggers", "src/gitops/sync", "src/gitops/generators"],
  ["src/events/sensor", "src/events/trial", "src/gitops/reconcile"],
  ["src/validate", "src/controllers", "src/server"],
  ["src/engine", "src/ui"],
  ["src/cli"],
];

/** Drivers beside the contract they fill; those of sources and triggers are what their registry imports. */
const drivers = ["src/events/bus/jetstream.ts", "src/events/bus/sqlite.ts"];

function roomOf(path: string): { readonly room: string; readonly layer: number } | undefined {
  for (const [layer, rooms] of layers.entries()) {
    const room = rooms.find((name) => path === name || path.startsWith(`${name}/`));
    if (room !== undefined) return { room, layer };
  }
  return undefined;
}

export function layerProblems(files: readonly SourceFile[]): Problem[] {
  return files.flatMap((file) => {
    const own = roomOf(file.path);
    if (own === undefined) return [{ path: file.path, message: "is in no folder of the layer table" }];
    return importsOf(file).flatMap((target) => {
      const message = refusal(own, target);
      return message === undefined ? [] : [{ path: file.path, message: `imports ${target}: ${message}` }];
    });
  });
}

function refusal(own: { room: string; layer: number }, target: string): string | undefined {
  if (target === "package.json") return undefined;
  const other = roomOf(target);
  if (other === undefined) return "which is in no folder of the layer table";
  if (other.room === own.room) return undefined;
  if (sideOf(own.room) !== undefined && sideOf(other.room) !== undefined && sideOf(own.room) !== sideOf(other.room)) {
    return "events and gitops do not know each other";
  }
  if (other.room === "src/record" && own.layer === 1) return undefined;
  if (other.layer < own.layer) return undefined;
  if (isBefore(other.room, own.room)) return undefined;
  return `layer ${own.layer} may use lower layers only, this is layer ${other.layer}`;
}

/** Inside `events` and `gitops` a room may use those named before it, on its own layer too. */
const orders = [
  ["bus", "sources", "triggers", "sensor", "trial"].map((room) => `src/events/${room}`),
  ["source", "render", "diff", "health", "project", "sync", "generators"].map((room) => `src/gitops/${room}`),
];

function isBefore(other: string, own: string): boolean {
  return orders.some((rooms) => rooms.includes(other) && rooms.indexOf(other) < rooms.indexOf(own));
}

function sideOf(room: string): "events" | "gitops" | undefined {
  if (room.startsWith("src/events/")) return "events";
  return room.startsWith("src/gitops/") ? "gitops" : undefined;
}

/** An adapter is what a `registry.ts` imports from its own folder, apart from the folder's contract. */
export function adapterProblems(files: readonly SourceFile[]): Problem[] {
  const groups = [drivers, ...files.filter(({ path }) => path.endsWith("/registry.ts")).map(adaptersOf)];
  return groups.flatMap((adapters) =>
    files
      .filter(({ path }) => adapters.includes(path))
      .flatMap((file) =>
        importsOf(file)
          .filter((target) => adapters.includes(target))
          .map((target) => ({ path: file.path, message: `imports another adapter, ${target}` })),
      ),
  );
}

function adaptersOf(registry: SourceFile): string[] {
  const folder = posix.dirname(registry.path);
  const contract = `${folder}/${posix.basename(folder).replace(/s$/, "")}.ts`;
  return importsOf(registry).filter((target) => posix.dirname(target) === folder && target !== contract);
}

/** Each cycle once, as a path; type imports count. */
export function cycleProblems(files: readonly SourceFile[]): Problem[] {
  const graph = new Map(files.map((file) => [file.path, importsOf(file)]));
  const done = new Set<string>();
  const problems: Problem[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) problems.push({ path, message: `import cycle: ${[...trail.slice(at), path].join(" -> ")}` });
    if (at >= 0 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return problems;
}

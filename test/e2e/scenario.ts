import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { projectRoot } from "../harness/run.ts";

/** A bus that an engine is started with: its arguments, and the server behind it. */
export interface BusUnderTest extends AsyncDisposable {
  readonly args: readonly string[];
}

/** Both buses, each with the reason to skip it. */
export const buses: readonly {
  readonly name: string;
  readonly skip: string | undefined;
  start(): Promise<BusUnderTest>;
}[] = [
  {
    name: "embedded bus",
    skip: undefined,
    start: async () => ({ args: [], [Symbol.asyncDispose]: async () => undefined }),
  },
  {
    name: "nats-server",
    skip: natsServerMissing(),
    start: async () => {
      const server = await startNatsServer();
      return { args: ["--bus", server.url], [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    },
  },
];

/** Copies a folder of examples, and the folders in it, to `target`, with texts replaced: fixed ports and slow clocks. */
export async function copyExample(
  name: string,
  target: string,
  replacements: Readonly<Record<string, string>>,
): Promise<string> {
  const source = join(projectRoot, "examples", name);
  await mkdir(target, { recursive: true });
  for (const entry of await readdir(source, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    const to = join(target, relative(source, from));
    let text = await readFile(from, "utf8");
    for (const [fixed, own] of Object.entries(replacements)) text = text.replaceAll(fixed, own);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, text);
  }
  return target;
}

/** Writes objects as one manifest file of `target`. */
export async function writeManifests(target: string, objects: readonly object[]): Promise<string> {
  await mkdir(target, { recursive: true });
  const text = objects.map((object) => JSON.stringify(object, undefined, 2)).join("\n---\n");
  await writeFile(join(target, "manifests.yaml"), text);
  return target;
}

export function resource(kind: string, name: string, spec: object): object {
  return { apiVersion: "argoproj.io/v1alpha1", kind, metadata: { name, namespace: "default" }, spec };
}

export function webhookSource(name: string, port: number, fields: object = {}): object {
  return resource("EventSource", name, {
    webhook: { push: { port: String(port), endpoint: "/push", method: "POST", ...fields } },
  });
}

export function postJson(url: string, body: unknown, more: Readonly<Record<string, string>> = {}): Promise<Response> {
  const headers = { "content-type": "application/json", ...more };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
}

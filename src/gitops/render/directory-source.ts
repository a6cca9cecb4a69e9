import type { DirectoryOptions } from "../../api/application-types.ts";
import { FilesTooLarge, ReadBudget } from "../source/read-budget.ts";
import type { TreeEntry } from "../source/source.ts";
import { createLinkCheck } from "../source/symlink.ts";
import { comparePaths, manifestsTooLarge, renderDirectory, selectFiles } from "./directory.ts";
import { type Inputs, inputIds } from "./inputs.ts";
import { planJsonnet } from "./jsonnet.ts";
import { decodeIfManifest } from "./manifest-file.ts";
import type { Job, Plan, Produced } from "./plan.ts";
import { RenderError, type SourceFile } from "./render.ts";
import { linkLeaves } from "./tree-reader.ts";

/** A folder of plain manifests and jsonnet (spec argo-cd-engine 7.6). */
export async function planDirectory(job: Job, signal: AbortSignal): Promise<Plan> {
  const { source, inputs, rendering, log } = job;
  const options = source.directory ?? {};
  const files = await readFolder(job, options);
  const jsonnet = files
    .filter(({ path, text }) => path.endsWith(".jsonnet") && !isSkipped(text))
    .map(({ path }) => path);
  const [first] = jsonnet;
  if (first !== undefined && rendering.disabled.includes("Jsonnet")) {
    const why = "jsonnet is switched off by jsonnet.enable of argocd-cm";
    throw new RenderError("FailedPrecondition", `Failed to evaluate jsonnet "${first}": ${why}`);
  }
  const plan = jsonnet.length === 0 ? undefined : await planJsonnet(job, jsonnet, signal);
  return {
    type: "Directory",
    key: [options, files.map(({ path }) => path), plan?.key, inputIds(inputs)],
    isVolatile: false,
    usesTool: plan !== undefined,
    async produce(stop): Promise<Produced> {
      const evaluated = (await plan?.evaluate(stop)) ?? [];
      const texts = new Map(evaluated.map(({ path, text }) => [path, text]));
      const ready = files.map(({ path, text }) => ({ path, text: texts.get(path) ?? text }));
      const bytes = ready.reduce((sum, { text }) => sum + text.length, 0);
      const began = performance.now();
      const manifests = renderDirectory(ready, options, rendering.maxDirectoryBytes).map(({ object }) => object);
      log.step("parse", performance.now() - began);
      return { manifests, bytes };
    },
  };
}

function isSkipped(text: string): boolean {
  return text.includes("+argocd:skip-file-rendering");
}

/** Only files that the options choose are read. Links are followed; those to nothing and to folders are left out. */
async function readFolder(job: Job, options: DirectoryOptions): Promise<readonly SourceFile[]> {
  const { path, inputs, rendering } = job;
  const below = (file: string): string => file.slice(path === "" ? 0 : path.length + 1);
  const entries = (await inputs.main.list(path)).filter(({ kind }) => kind !== "submodule");
  const names = entries.map((entry) => ({ path: below(entry.path), text: "" }));
  const chosen = new Set(selectFiles(names, options).map((file) => file.path));
  const wanted = entries.filter((entry) => chosen.has(below(entry.path)));
  const budget = new ReadBudget(rendering.maxDirectoryBytes);
  try {
    return await readChosen(job, wanted, budget, below);
  } catch (error) {
    const cause = error instanceof RenderError ? error.cause : error;
    if (!(cause instanceof FilesTooLarge)) throw error;
    const sizes = cause.sizes.map((one) => ({ ...one, path: below(one.path) }));
    throw manifestsTooLarge(sizes, rendering.maxDirectoryBytes);
  }
}

/** @throws FilesTooLarge, or a RenderError of it */
async function readChosen(
  { inputs, rendering }: Job,
  wanted: readonly TreeEntry[],
  budget: ReadBudget,
  below: (file: string) => string,
): Promise<readonly SourceFile[]> {
  const { main } = inputs;
  const contents = await main.contents(wanted, rendering.maxDirectoryBytes);
  const links = new Map(
    wanted.flatMap((one) => (one.kind === "symlink" ? [[one.path, String(contents.get(one.path))] as const] : [])),
  );
  const leavesTree = createLinkCheck(links);
  const files: SourceFile[] = [];
  for (const entry of wanted) {
    const found = await standingFor(entry, leavesTree, inputs);
    if (found === undefined) continue;
    const content = (await main.contents([found], rendering.maxDirectoryBytes)).get(found.path) ?? Buffer.alloc(0);
    budget.take(entry.path, content.length);
    const text = decodeIfManifest(content, below(entry.path));
    if (text !== undefined) files.push({ path: below(entry.path), text });
  }
  return files.sort((a, b) => comparePaths(a.path, b.path));
}

/** The file itself, or the one that a link leads to. @throws RenderError for a link out of the tree */
async function standingFor(
  entry: TreeEntry,
  leavesTree: (path: string) => boolean,
  inputs: Inputs,
): Promise<TreeEntry | undefined> {
  if (entry.kind !== "symlink") {
    inputs.addListed(entry);
    return entry;
  }
  if (leavesTree(entry.path)) {
    if (inputs.main.linksOut === "nowhere") return undefined;
    throw linkLeaves(entry.path);
  }
  const found = await inputs.add(entry.path);
  if (found === undefined || found.kind === "folder" || found.kind === "submodule") return undefined;
  return { ...found, kind: found.kind };
}

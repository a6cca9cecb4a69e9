import { createHash } from "node:crypto";
import type { ApplicationSource } from "../../api/application-types.ts";
import { EngineError } from "../../base/errors.ts";
import { buildEnvironment } from "./build-environment.ts";
import { planDirectory } from "./directory-source.ts";
import { planHelm } from "./helm.ts";
import { createInputs } from "./inputs.ts";
import { planKustomize } from "./kustomize.ts";
import { withOverrides } from "./overrides.ts";
import {
  type Job,
  type Plan,
  type Plugin,
  type RenderSettings,
  renderingFact,
  renderingOf,
  renderingText,
} from "./plan.ts";
import { choosePlugin, discoverPlugin, planPlugin } from "./plugin.ts";
import { createRecorder, type Recorded } from "./recorder.ts";
import {
  type InputTree,
  type InputTreesByRef,
  type RenderContext,
  RenderError,
  type RenderLog,
  type SourceType,
} from "./render.ts";
import { declaredType, detectType } from "./source-type.ts";
import { normalPath, TreeReader } from "./tree-reader.ts";

export interface SourceToRender {
  readonly source: ApplicationSource;
  readonly tree: InputTree;
  readonly refs: InputTreesByRef;
  readonly context: RenderContext;
  /** Hand over, and key by, the whole tree. */
  readonly isWhole: boolean;
  readonly log: RenderLog;
}

/** A rendering that is ready to run, under the key of everything that decides its result. */
export interface Prepared extends Recorded {
  readonly plan: Plan;
  readonly key: string;
  /** Whether the tool gets the whole tree: that it lacks a file cannot be why it fails. */
  readonly isWhole: boolean;
}

/** Part of every key: results of another program version may differ. */
const keyVersion = 1;

/**
 * Finds out what the source is, and which files and versions its manifests come from; no tool has run yet (but for a
 * plugin's discovery).
 * @throws RenderError for a source that is wrong; TerminalError TOOL_MISSING; what the tree throws
 */
export async function prepareSource(
  { source: written, tree, refs, context, isWhole, log }: SourceToRender,
  settings: RenderSettings,
  signal: AbortSignal,
): Promise<Prepared> {
  const began = performance.now();
  const recorder = createRecorder();
  const rendering = renderingOf(settings);
  recorder.fact(renderingFact, renderingText(settings));
  const { linksOut } = rendering;
  const reader = (ref: string, of: InputTree): TreeReader =>
    new TreeReader({ ref, tree: of, linksOut, recorder, signal });
  const main = reader("", tree);
  const inputs = createInputs(main, new Map([...refs].map(([ref, of]) => [ref, reader(ref, of)])));
  const path = await sourceFolder(written, main);
  const source = await withOverrides(written, context.instance, main);
  const variables = buildEnvironment(source, tree.revision, context);
  const variable = (name: string): string | undefined => {
    recorder.fact(`$${name}`, variables.get(name) ?? "");
    return variables.get(name);
  };
  const environment = (): Readonly<Record<string, string>> =>
    Object.fromEntries([...variables.keys()].map((name) => [name, variable(name) ?? ""]));
  const job: Job = {
    source,
    path,
    inputs,
    recorder,
    context,
    settings,
    rendering,
    variable,
    environment,
    isWhole,
    log,
  };
  const plan = await planOf(job, signal);
  if (isWhole) await inputs.add("");
  // What is read beyond the inputs is not known: the commit stands for it.
  const root = plan.isVolatile || isWhole ? (await main.find(""))?.id : undefined;
  const entries = isWhole ? [root] : [];
  log.step("prepare", performance.now() - began);
  const key = digest([keyVersion, plan.type, root, entries, plan.key]);
  return { plan, key, isWhole: inputs.isWhole(), ...recorder.finish() };
}

function digest(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** @throws RenderError when the folder is not there */
async function sourceFolder({ path = "" }: ApplicationSource, main: TreeReader): Promise<string> {
  const folder = normalPath(path);
  const id = await main.tree.treeId(folder, main.signal);
  if (id === undefined) throw new RenderError("Unknown", `${path}: app path does not exist`);
  return folder;
}

async function planOf(job: Job, signal: AbortSignal): Promise<Plan> {
  const { type, plugin } = await typeOf(job, signal);
  switch (type) {
    case "Helm":
      return planHelm(job, signal);
    case "Kustomize":
      return planKustomize(job, signal);
    case "Directory":
      return planDirectory(job, signal);
    case "Plugin":
      return planPlugin(job, plugin ?? (await choosePlugin(job, signal)), signal);
  }
}

/** The source's own word, else a plugin's, else that of the files (spec argo-cd-engine 7.2). */
async function typeOf(job: Job, signal: AbortSignal): Promise<{ readonly type: SourceType; readonly plugin?: Plugin }> {
  const declared = declaredType(job.source);
  if (declared !== undefined) return { type: enabled(declared, job) };
  const plugin = await discoverPlugin(job, signal);
  if (plugin !== undefined) return { type: "Plugin", plugin };
  return { type: enabled(detectType(await namesIn(job)), job) };
}

/** What is switched off is read as plain manifests. */
function enabled(type: SourceType, { rendering }: Job): SourceType {
  return rendering.disabled.some((one) => one === type) ? "Directory" : type;
}

/** Names of files of the folder itself. */
async function namesIn({ path, inputs, source }: Job): Promise<readonly string[]> {
  try {
    const prefix = path === "" ? "" : `${path}/`;
    const names = (await inputs.main.list(path)).map((entry) => entry.path.slice(prefix.length));
    return names.filter((name) => !name.includes("/"));
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "GIT_PATH_INVALID") throw error;
    throw new RenderError("Unknown", `${source.path ?? ""}: app path is not a directory`, error);
  }
}

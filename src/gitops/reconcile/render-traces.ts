import type { ApplicationSource } from "../../api/application-types.ts";
import { buildEnvironment } from "../render/build-environment.ts";
import {
  isPermittedIn,
  permittedFact,
  type RenderSettings,
  readToolFact,
  renderingFact,
  renderingText,
} from "../render/plan.ts";
import { isStill, type Recorded } from "../render/recorder.ts";
import type { InputTree, InputTreesByRef, RenderContext } from "../render/render.ts";
import { isFullCommit } from "../source/revision.ts";

/** What is rendered, and from what: all that a trace is compared with. */
export interface Asked {
  readonly source: ApplicationSource;
  readonly tree: InputTree;
  readonly refs: InputTreesByRef;
  readonly context: RenderContext;
}

interface Trace {
  readonly recorded: Recorded;
  /** Of the rendering. */
  readonly key: string;
  /** The commits at which it held last: what a commit says does not change. */
  commits: string | undefined;
}

/** For each way to render a source, what earlier renderings looked at and came to. */
export interface RenderTraces {
  /** The key of a rendering all of whose looks would find the same now. */
  find(asked: Asked, signal: AbortSignal): Promise<string | undefined>;
  keep(asked: Asked, recorded: Recorded, key: string): void;
}

/** Branches and revisions of one source that are rendered in turns. */
const maxPerRecipe = 4;

export function createRenderTraces(settings: RenderSettings, maxRecipes: number): RenderTraces {
  const byRecipe = new Map<string, Trace[]>();

  async function holds(trace: Trace, asked: Asked, signal: AbortSignal): Promise<boolean> {
    if (!(await haveFacts(trace.recorded, asked, settings, signal))) return false;
    const commits = commitsOf(asked);
    if (commits !== undefined && commits === trace.commits) return true;
    if (!(await haveReads(trace.recorded, asked, signal))) return false;
    trace.commits = commits;
    return true;
  }

  return {
    async find(asked, signal) {
      for (const trace of byRecipe.get(recipeOf(asked)) ?? []) if (await holds(trace, asked, signal)) return trace.key;
      return undefined;
    },
    keep(asked, recorded, key) {
      const recipe = recipeOf(asked);
      const commits = commitsOf(asked);
      const others = (byRecipe.get(recipe) ?? []).filter((trace) => trace.key !== key || trace.commits !== commits);
      byRecipe.delete(recipe);
      byRecipe.set(recipe, [{ recorded, key, commits }, ...others].slice(0, maxPerRecipe));
      const [oldest] = byRecipe.keys();
      if (byRecipe.size > maxRecipes && oldest !== undefined) byRecipe.delete(oldest);
    },
  };
}

/** Everything that decides how a source is rendered, but for the files and what is recorded as facts. */
export function recipeOf({ source, refs, context }: Asked): string {
  const { repoURL: _repository, targetRevision: _revision, ...options } = source;
  const { appName, instance, project, namespace, isMultiSource } = context;
  return JSON.stringify([options, appName, instance, project, namespace, isMultiSource, [...refs.keys()]]);
}

/** Undefined where a revision may come to mean something else. */
function commitsOf({ tree, refs }: Asked): string | undefined {
  const all = [tree, ...refs.values()].map(({ revision }) => revision);
  return all.every(isFullCommit) ? all.join(" ") : undefined;
}

async function haveFacts({ facts }: Recorded, asked: Asked, settings: RenderSettings, signal: AbortSignal) {
  const variables = buildEnvironment(asked.source, asked.tree.revision, asked.context);
  for (const [name, value] of facts) {
    if ((await factNow(name, { variables, context: asked.context, settings }, signal)) !== value) return false;
  }
  return true;
}

interface FactSources {
  readonly variables: ReadonlyMap<string, string>;
  readonly context: RenderContext;
  readonly settings: RenderSettings;
}

/** What would be recorded under that name now. */
async function factNow(name: string, { variables, context, settings }: FactSources, signal: AbortSignal) {
  if (name.startsWith("$")) return variables.get(name.slice(1)) ?? "";
  if (name.startsWith(permittedFact)) return String(isPermittedIn(context, name.slice(permittedFact.length)));
  if (name === renderingFact) return renderingText(settings);
  if (name === "cluster") return JSON.stringify(await context.versions?.(signal));
  return readToolFact(name, settings, signal);
}

async function haveReads({ reads }: Recorded, { tree, refs }: Asked, signal: AbortSignal): Promise<boolean> {
  for (const read of reads) {
    const from = read.ref === "" ? tree : refs.get(read.ref);
    if (from === undefined || !isStill(read, await from.treeId(read.path, signal))) return false;
  }
  return true;
}

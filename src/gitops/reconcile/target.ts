import type { Application, ApplicationSource } from "../../api/application-types.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { instanceName } from "../diff/tracking.ts";
import {
  type ClusterVersions,
  type RenderContext,
  RenderError,
  type RenderedSource,
  type RenderLog,
  type SourceType,
  targetStateMessage,
} from "../render/render.ts";
import { gitTree } from "../source/git-tree.ts";
import { normaliseRepositoryUrl } from "../source/repository-url.ts";
import { isFullCommit } from "../source/revision.ts";
import type { GitSources, SourceTree } from "../source/source.ts";
import type { RenderCache } from "./render-cache.ts";
import type { ReconcileRequest, SeenCommit } from "./request.ts";

/** What the sources of an Application say. */
export interface Rendered {
  /** Commits, one for each source. */
  readonly revisions: readonly string[];
  /** Those of sources that are rendered. */
  readonly types: readonly SourceType[];
  /** Of all sources, in order. The same array while nothing changed. */
  readonly manifests: readonly JsonObject[];
  /** The manifests of each source. */
  readonly parts: readonly (readonly JsonObject[])[];
}

/** The sources cannot be rendered: `message` is that of the condition ComparisonError. Asking again may help. */
export class TargetError extends EngineError {
  readonly isTransient: boolean;
  constructor(message: string, cause: EngineError) {
    super(cause.code, message, cause);
    this.isTransient = !(cause instanceof TerminalError);
  }
}

export interface TargetDeps {
  readonly sources: GitSources;
  readonly renders: RenderCache;
  /** Applications of other namespaces have their namespace in their instance name. */
  readonly controllerNamespace: string;
  /** Told of each rendering. */
  readonly renderLog?: RenderLog;
  /** Whether the project lets charts be taken from a repository; absent: from all. */
  readonly isPermitted?: (repository: string) => boolean;
  /** Of the destination; asked for only when a chart can tell the difference. */
  readonly versions?: ((signal: AbortSignal) => Promise<ClusterVersions>) | undefined;
}

interface RenderedPart {
  readonly commit: string;
  /** Undefined: it is only referred to. */
  readonly rendered?: RenderedSource;
}

/**
 * Renders all sources. `revisions` names the revision of each in place of the source's own; `before` is what was rendered
 * last: its arrays are kept where they still hold.
 * @throws TargetError of the first source that fails
 */
export async function renderTarget(
  application: Application,
  revisions: readonly (string | undefined)[],
  request: Pick<ReconcileRequest, "level" | "hard" | "seen">,
  before: Rendered | undefined,
  deps: TargetDeps,
  signal: AbortSignal,
): Promise<Rendered> {
  const { sources } = application;
  const resolveOne = async (source: ApplicationSource, index: number): Promise<SourceTree> => {
    if (source.chart) throw new RenderError("Unknown", "Helm charts from a chart repository: are not supported yet");
    const commit = await resolveSource(source, revisions[index], request, deps, signal);
    return gitTree(deps.sources, source.repoURL, commit);
  };
  // All are waited for, so that of several failures it is always the same one that is told.
  const trees = await allOf(sources, resolveOne, signal);
  const refs = new Map(
    sources.flatMap(({ ref, chart }, index) => {
      const tree = trees[index];
      return ref === undefined || chart || tree === undefined ? [] : [[ref, tree] as const];
    }),
  );
  const options = {
    ...contextOf(application, deps),
    hard: request.hard,
    refs,
    ...(deps.renderLog === undefined ? {} : { log: deps.renderLog }),
  };
  const renderOne = async (source: ApplicationSource, index: number): Promise<RenderedPart> => {
    const tree = trees[index];
    if (tree === undefined) throw new Error("every source has a tree");
    if (source.ref !== undefined && !source.path && !source.chart) return { commit: tree.revision };
    return { commit: tree.revision, rendered: await deps.renders.render(source, tree, options, signal) };
  };
  const done = await allOf(sources, renderOne, signal);
  const parts = done.map(({ rendered }) => rendered?.manifests ?? nothing);
  return {
    revisions: done.map(({ commit }) => commit),
    types: done.flatMap(({ rendered }) => rendered?.type ?? []),
    manifests: before !== undefined && isSame(before.parts, parts) ? before.manifests : joinManifests(parts),
    parts,
  };
}

async function allOf<T>(
  sources: readonly ApplicationSource[],
  work: (source: ApplicationSource, index: number) => Promise<T>,
  signal: AbortSignal,
): Promise<readonly T[]> {
  const settled = await Promise.allSettled(sources.map(work));
  signal.throwIfAborted();
  return settled.map((result, index) => {
    if (result.status === "rejected") throw targetError(result.reason, index + 1, sources.length);
    return result.value;
  });
}

/** What the manifests may depend on beside their files. */
function contextOf({ metadata, project, destination, isMultiSource }: Application, deps: TargetDeps): RenderContext {
  return {
    appName: metadata.name,
    instance: instanceName(metadata.name, metadata.namespace, deps.controllerNamespace),
    project,
    namespace: destination.namespace ?? "",
    isMultiSource,
    ...(deps.isPermitted === undefined ? {} : { isPermitted: deps.isPermitted }),
    ...(deps.versions === undefined ? {} : { versions: deps.versions }),
  };
}

const nothing: readonly JsonObject[] = [];

async function resolveSource(
  source: ApplicationSource,
  revision: string | undefined,
  request: Pick<ReconcileRequest, "level" | "seen">,
  { sources }: TargetDeps,
  signal: AbortSignal,
): Promise<string> {
  const wanted = revision ?? source.targetRevision ?? "";
  // What a commit says never changes: it is fetched only if the mirror lacks it.
  if (!isFullCommit(wanted)) await look(source.repoURL, request, sources, signal);
  return (await sources.resolve(source.repoURL, wanted, signal)).commit;
}

/**
 * Brings the mirror to where somebody saw the repository. A push only says "look": of a push that is late, repeated or
 * replayed the mirror holds the commit already, and nothing is asked (DESIGN section 5).
 */
async function look(
  repository: string,
  { level, seen }: Pick<ReconcileRequest, "level" | "seen">,
  sources: GitSources,
  signal: AbortSignal,
): Promise<void> {
  if (level === 3 || seen === "all") {
    await sources.fetch(repository, {}, signal);
    return;
  }
  const key = normaliseRepositoryUrl(repository);
  for (const { repository: other, commit, ref, before } of seen) {
    if (other !== key) continue;
    const isNews = await movesTip(repository, { commit, ref, before }, sources, signal);
    await sources.fetch(repository, isNews ? {} : { commit, ref }, signal);
  }
}

/**
 * Whether the push began where the mirror stands: then it is news, also when it goes back to an older commit, which the
 * mirror holds.
 */
async function movesTip(
  repository: string,
  { commit, ref, before }: Omit<SeenCommit, "repository">,
  sources: GitSources,
  signal: AbortSignal,
): Promise<boolean> {
  if (/^0+$/.test(commit)) return true; // the ref is gone
  try {
    const tip = await sources.resolve(repository, ref, signal);
    return tip.commit === before && tip.commit !== commit;
  } catch (error) {
    if (error instanceof EngineError && error.code === "GIT_REVISION_NOT_FOUND") return true;
    throw error;
  }
}

function isSame(before: Rendered["parts"], parts: Rendered["parts"]): boolean {
  return before.length === parts.length && parts.every((part, index) => part === before[index]);
}

function joinManifests(parts: Rendered["parts"]): readonly JsonObject[] {
  const [first, ...rest] = parts.filter((part) => part.length > 0);
  return rest.length === 0 ? (first ?? nothing) : parts.flat();
}

function targetError(error: unknown, index: number, count: number): unknown {
  if (!(error instanceof EngineError)) return error;
  const rendered = error instanceof RenderError ? error : new RenderError("Unknown", error.message, error);
  return new TargetError(targetStateMessage(rendered, index, count), error);
}

import type { Application, ApplicationSource } from "../../api/application-types.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { instanceName } from "../diff/tracking.ts";
import {
  type ClusterVersions,
  type InputTree,
  type RenderContext,
  RenderError,
  type RenderedSource,
  type RenderLog,
  type SourceType,
  targetStateMessage,
} from "../render/render.ts";
import type { SourceTree } from "../source/source.ts";
import type { RenderCache } from "./render-cache.ts";
import type { ReconcileRequest } from "./request.ts";
import { kindOfSource, type ResolveDeps, resolveTree } from "./resolve-source.ts";

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

export interface TargetDeps extends ResolveDeps {
  readonly renders: RenderCache;
  /** Applications of other namespaces have their namespace in their instance name. */
  readonly controllerNamespace: string;
  /** Of the source at a place: told of how its files come here, and of its rendering. */
  readonly renderLog?: (index: number) => RenderLog;
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
  const { sources, project } = application;
  const logs = sources.map((_source, index) => deps.renderLog?.(index));
  const resolveOne = async (source: ApplicationSource, index: number): Promise<SourceTree> => {
    const began = performance.now();
    const tree = await resolveTree({ source, revision: revisions[index], project }, request, deps, signal);
    logs[index]?.step("fetch", performance.now() - began);
    return tree;
  };
  // All are waited for, so that of several failures it is always the same one that is told.
  const trees = await allOf(sources, resolveOne, signal);
  const refs = new Map(
    sources.flatMap(({ ref, chart }, index) => {
      const tree = trees[index];
      return ref === undefined || chart || tree === undefined ? [] : [[ref, tree] as const];
    }),
  );
  const options = { ...contextOf(application, deps), hard: request.hard, refs };
  const renderOne = async (source: ApplicationSource, index: number): Promise<RenderedPart> => {
    const tree = trees[index];
    if (tree === undefined) throw new Error("every source has a tree");
    if (source.ref !== undefined && !source.path && !source.chart) return { commit: tree.revision };
    const log = logs[index];
    const given = log === undefined ? options : { ...options, log };
    return { commit: tree.revision, rendered: await deps.renders.render(source, tree, given, signal) };
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

/**
 * What the Application's one source would be of other files than its repository's.
 * @throws EngineError USAGE for other Applications than of one source of Git without a plugin; RenderError
 */
export async function renderFiles(
  application: Application,
  tree: InputTree,
  deps: Pick<TargetDeps, "renders" | "controllerNamespace" | "isPermitted" | "versions">,
  signal: AbortSignal,
): Promise<RenderedSource> {
  const [source, ...others] = application.sources;
  if (source === undefined || others.length > 0 || kindOfSource(source) !== "git") {
    throw new EngineError("USAGE", "files can be sent for an Application of one source, of a Git repository, only");
  }
  // It would run what somebody sends.
  if (source.plugin !== undefined) throw new EngineError("USAGE", "files cannot be sent for a source with a plugin");
  return deps.renders.render(source, tree, { ...contextOf(application, deps), hard: false, refs: new Map() }, signal);
}

/** What the manifests may depend on beside their files. */
function contextOf(
  application: Application,
  deps: Pick<TargetDeps, "controllerNamespace" | "isPermitted" | "versions">,
): RenderContext {
  const { metadata, project, destination, isMultiSource, sources } = application;
  const chartRefs = sources.flatMap(({ ref, chart }) => (ref !== undefined && chart ? [ref] : []));
  return {
    appName: metadata.name,
    instance: instanceName(metadata.name, metadata.namespace, deps.controllerNamespace),
    project,
    namespace: destination.namespace ?? "",
    isMultiSource,
    ...(chartRefs.length === 0 ? {} : { chartRefs }),
    ...(deps.isPermitted === undefined ? {} : { isPermitted: deps.isPermitted }),
    ...(deps.versions === undefined ? {} : { versions: deps.versions }),
  };
}

const nothing: readonly JsonObject[] = [];

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

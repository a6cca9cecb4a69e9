import type { Application, ApplicationSource } from "../../api/application-types.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { RenderError, targetStateMessage } from "../render/render.ts";
import { normaliseRepositoryUrl } from "../source/repository-url.ts";
import type { GitSources } from "../source/source.ts";
import type { RenderCache } from "./render-cache.ts";
import type { ReconcileRequest, SeenCommit } from "./request.ts";
import type { SourceType } from "./status.ts";

/** What the sources of an Application say. */
export interface Rendered {
  /** Commits, one for each source. */
  readonly revisions: readonly string[];
  /** Those of sources that are rendered. */
  readonly types: readonly SourceType[];
  /** Of all sources, in order. The same array while nothing changed. */
  readonly manifests: readonly JsonObject[];
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
}

/** Renderings of one source alone are shared; those of several are one array for as long as all stay the same. */
const joined = new WeakMap<readonly JsonObject[], { readonly parts: readonly unknown[]; readonly all: JsonObject[] }>();

/**
 * Renders all sources. `revisions` names the revision of each in place of the source's own.
 * @throws TargetError
 */
export async function renderTarget(
  application: Application,
  revisions: readonly (string | undefined)[],
  request: Pick<ReconcileRequest, "level" | "hard" | "seen">,
  deps: TargetDeps,
  signal: AbortSignal,
): Promise<Rendered> {
  const { sources } = application;
  const rendered = await Promise.all(
    sources.map(async (source, index) => {
      try {
        const commit = await resolveSource(source, revisions[index], request, deps, signal);
        if (source.ref !== undefined && !source.path && !source.chart)
          return { commit, type: undefined, manifests: [] };
        return { commit, ...(await deps.renders.render(source, commit, request.hard, signal)) };
      } catch (error) {
        signal.throwIfAborted();
        throw targetError(error, index + 1, sources.length);
      }
    }),
  );
  return {
    revisions: rendered.map(({ commit }) => commit),
    types: rendered.flatMap(({ type }) => type ?? []),
    manifests: joinManifests(rendered.map(({ manifests }) => manifests)),
  };
}

async function resolveSource(
  source: ApplicationSource,
  revision: string | undefined,
  request: Pick<ReconcileRequest, "level" | "seen">,
  { sources }: TargetDeps,
  signal: AbortSignal,
): Promise<string> {
  await look(source.repoURL, request, sources, signal);
  return (await sources.resolve(source.repoURL, revision ?? source.targetRevision ?? "", signal)).commit;
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

function joinManifests(parts: readonly (readonly JsonObject[])[]): readonly JsonObject[] {
  const [first, ...rest] = parts;
  if (first === undefined) return [];
  if (rest.length === 0) return first;
  const known = joined.get(first);
  if (known?.parts.length === parts.length && known.parts.every((part, index) => part === parts[index])) {
    return known.all;
  }
  const all = parts.flat();
  joined.set(first, { parts, all });
  return all;
}

function targetError(error: unknown, index: number, count: number): unknown {
  if (!(error instanceof EngineError)) return error;
  const rendered = error instanceof RenderError ? error : new RenderError("Unknown", error.message, error);
  return new TargetError(targetStateMessage(rendered, index, count), error);
}

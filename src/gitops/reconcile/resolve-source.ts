import type { ApplicationSource } from "../../api/application-types.ts";
import { gitTree } from "../source/git-tree.ts";
import { normaliseRepositoryUrl } from "../source/repository-url.ts";
import { isFullCommit } from "../source/revision.ts";
import { isSemverVersion } from "../source/semver-text.ts";
import type { ChartSources, GitSources, SourceTree } from "../source/source.ts";
import type { ReconcileRequest } from "./request.ts";

/** Where a source's files come from (spec argo-cd-engine 1.2). */
export type SourceKind = "git" | "chart" | "oci";

export function kindOfSource({ repoURL, chart }: Pick<ApplicationSource, "repoURL" | "chart">): SourceKind {
  if (chart) return "chart";
  return repoURL.trim().startsWith("oci://") ? "oci" : "git";
}

/** Whether what a chart or an artifact's name means may change without anybody telling. */
export function isMovingChart(source: ApplicationSource): boolean {
  const revision = source.targetRevision?.trim() ?? "";
  const kind = kindOfSource(source);
  if (kind === "chart") return !isSemverVersion(revision);
  return kind === "oci" && !revision.startsWith("sha256:");
}

export interface ResolveDeps {
  readonly sources: GitSources;
  readonly charts: ChartSources;
}

/** A source of an Application, and the revision to use in place of its own. */
export interface SourceToResolve {
  readonly source: ApplicationSource;
  readonly revision: string | undefined;
  readonly project: string;
}

/** The files of a source at what its revision means now. @throws what `GitSources` and `ChartSources` throw */
export async function resolveTree(
  { source, revision, project }: SourceToResolve,
  request: Pick<ReconcileRequest, "level" | "seen">,
  deps: ResolveDeps,
  signal: AbortSignal,
): Promise<SourceTree> {
  const repository = source.repoURL.trim();
  const wanted = (revision ?? source.targetRevision ?? "").trim();
  switch (kindOfSource(source)) {
    case "chart": {
      const passesCredentials = source.helm?.passCredentials === true;
      const asked = { repository, project, revision: wanted, passesCredentials, isFresh: request.level === 3 };
      return deps.charts.openChart({ ...asked, chart: source.chart ?? "" }, signal);
    }
    case "oci":
      return deps.charts.openArtifact({ repository, project, revision: wanted }, signal);
    default: {
      const git = deps.sources.ofProject(project);
      // What a commit says never changes: it is fetched only if the mirror lacks it.
      if (!isFullCommit(wanted)) await look(source.repoURL, request, git, signal);
      const { commit } = await git.resolve(source.repoURL, wanted, signal, source.tagPrefix);
      return gitTree(git, source.repoURL, commit);
    }
  }
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
    await sources.fetch(repository, { acceptsFailure: level < 3 }, signal);
    return;
  }
  const key = normaliseRepositoryUrl(repository);
  for (const { repository: other, commit, ref, before } of seen) {
    if (other !== key) continue;
    await sources.fetch(repository, { commit, ref, before }, signal);
  }
}

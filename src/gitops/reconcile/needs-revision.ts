import type { Application, ApplicationSource } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { normaliseRepositoryUrl } from "../source/repository-url.ts";
import type { GitSources } from "../source/source.ts";
import { needsOf, type UnmetNeed } from "./needs.ts";
import { kindOfSource } from "./resolve-source.ts";

/** What a comparison of an Application used, as its status tells it. */
interface Compared {
  readonly branch: string;
  readonly revision: string;
}

/**
 * Why a sync to `revisions` has to wait for an Application that is needed and follows the same branch, but was not compared
 * at these commits, or later ones, yet: whether it is ready there nobody knows. Undefined: none is behind. Without this a
 * push to both would be synced by whichever is looked at first.
 */
export async function needBehind(
  application: Application,
  own: KubeObject,
  revisions: readonly string[],
  find: (key: string) => KubeObject | undefined,
  sources: GitSources,
  signal: AbortSignal,
): Promise<UnmetNeed | undefined> {
  const git = sources.ofProject(application.project);
  for (const need of needsOf(own)) {
    const theirs = comparedBy(find(need));
    for (const [index, source] of application.sources.entries()) {
      const [branch, ours] = [branchOf(source), revisions[index]];
      const behind = theirs.find((one) => one.branch === branch && one.revision !== ours);
      if (branch === undefined || ours === undefined || behind === undefined) continue;
      if (await isIn(git, source.repoURL, ours, behind.revision, signal)) continue;
      const reason = `it needs ${need}, which was not compared at ${ours.slice(0, 7)} yet`;
      return { kind: "wait", reason, need, isBehind: true };
    }
  }
  return undefined;
}

/** What an Application was compared at, one line of text for each source; another text: a reason to look at who needs it. */
export function comparedText(object: KubeObject | undefined): string {
  return comparedBy(object)
    .map(({ branch, revision }) => `${branch} ${revision}`)
    .join("\n");
}

function comparedBy(object: KubeObject | undefined): readonly Compared[] {
  const sync = objectOf(objectOf(object?.status as JsonValue | undefined).sync);
  const { source, sources } = objectOf(sync.comparedTo);
  const several = listOf(sources).map(objectOf);
  const revisions = several.length > 0 ? listOf(sync.revisions).map(textOf) : [textOf(sync.revision)];
  return (several.length > 0 ? several : [objectOf(source)]).flatMap((one, index) => {
    const { repoURL, targetRevision, chart } = one;
    const branch = branchOf({ repoURL: textOf(repoURL), targetRevision: textOf(targetRevision), chart: textOf(chart) });
    const revision = revisions[index] ?? "";
    return branch === undefined || revision === "" ? [] : [{ branch, revision }];
  });
}

/** The same for all who follow one branch of one repository; undefined for what is no Git repository. */
function branchOf(source: Pick<ApplicationSource, "repoURL" | "targetRevision" | "chart">): string | undefined {
  if (source.repoURL === "" || kindOfSource(source) !== "git") return undefined;
  return `${normaliseRepositoryUrl(source.repoURL)} ${source.targetRevision?.trim() || "HEAD"}`;
}

/** What cannot be found out is a no: a look at the other one tells. */
async function isIn(
  git: GitSources,
  repository: string,
  commit: string,
  later: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await git.isAncestor(repository, commit, later, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof EngineError)) throw error;
    return false;
  }
}

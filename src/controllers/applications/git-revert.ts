import type { Application, ApplicationSource } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import { type Directory, placeOf } from "../../gitops/reconcile/destination.ts";
import { kindOfSource } from "../../gitops/reconcile/resolve-source.ts";
import { deploymentOf } from "../../gitops/reconcile/rollback.ts";
import type { GitWriter } from "../../gitops/source/git-writer.ts";
import { normaliseRepositoryUrl, shownRepositoryUrl } from "../../gitops/source/repository-url.ts";
import { isFullCommit } from "../../gitops/source/revision.ts";
import type { RepositoryAccess } from "../../gitops/source/source.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ResourceName } from "../../record/records.ts";
import { type ApplicationStore, readApplication } from "./application-store.ts";
import { revisionsIn } from "./operation-progress.ts";
import type { SeenPush } from "./push-intake.ts";

/** What is to be brought back, and how. */
export interface RevertWish {
  /** Of the history; absent: the newest deployment of something else than Git says now. */
  readonly id?: number;
  /** Where the commits are pushed, for a pull request; absent: to the branch that the source follows. */
  readonly branch?: string;
  readonly by: string;
  /** Names the effect: the same again makes no second commit. */
  readonly key?: string;
}

/** One commit. */
export interface Reverted {
  readonly repoURL: string;
  readonly path: string;
  readonly branch: string;
  readonly commit: string;
  /** The commit whose folder is back. */
  readonly restored: string;
}

/**
 * Goes back in Git: for each source with a folder that differs, a commit on top of its branch that makes the folder what
 * that deployment had. Automated sync follows it as any other.
 * @throws EngineError NOT_FOUND, DEPLOYMENT_UNKNOWN; SYNC_REFUSED where nothing can be brought back; GIT_WRITE_UNDECLARED where
 * nobody declared who may write; what `GitWriter` throws
 */
export type RevertInGit = (ref: ResourceName, wish: RevertWish) => Promise<readonly Reverted[]>;

export interface GitRevertDeps {
  readonly store: Pick<ApplicationStore, "find">;
  readonly directory: Directory;
  readonly writer: GitWriter;
  /** Of those who may write there; undefined: nobody declared any. */
  readonly rightsTo: (repository: string, project: string, signal: AbortSignal) => Promise<WriteRights | undefined>;
  /** Told of what was pushed, as by a webhook. */
  readonly onPush: (push: SeenPush) => Promise<void>;
  readonly log: Logger;
}

export interface WriteRights {
  readonly rights: RepositoryAccess;
  /** Where it is, if not at its address: this process serves it. */
  readonly path?: string;
}

/** Below the time that the command line waits for an answer. */
const timeoutMs = 25_000;

export function createGitRevert(deps: GitRevertDeps): RevertInGit {
  return async (ref, wish) => {
    const key = `${ref.namespace}/${ref.name}`;
    const object = deps.store.find(key);
    if (object === undefined) throw new EngineError("NOT_FOUND", `there is no Application "${key}"`);
    const application = readApplication(object);
    if ("problem" in application) throw new EngineError("SYNC_REFUSED", application.problem);
    const place = placeOf(application, deps.directory);
    if ("problems" in place) throw new EngineError("SYNC_REFUSED", place.problems.join("; "));
    const deployment = wish.id === undefined ? lastOther(application, object) : deploymentOf(object, wish.id);
    const changes = changesTo(application, deployment);
    const done: Reverted[] = [];
    for (const change of changes) done.push(...(await bringBack(application, deployment, change, wish, deps)));
    if (done.length > 0) return done;
    const text = `no folder that the sources have in Git was another one at deployment ${Number(deployment.id ?? 0)} of ${key}`;
    throw new EngineError("SYNC_REFUSED", `there is nothing to bring back: ${text}`);
  };
}

interface Change {
  readonly source: ApplicationSource;
  readonly now: string;
  readonly before: string;
}

/** What Git says now is what is to go: after a rollback that is no longer what was deployed last. */
function lastOther(application: Application, { metadata }: KubeObject): JsonObject {
  const now = revisionsIn(objectOf(application.status.sync)).join();
  const found = listOf(application.status.history)
    .map(objectOf)
    .findLast((entry) => revisionsIn(entry).join() !== now);
  if (found !== undefined) return found;
  const text = `Application ${metadata.name} was never deployed at anything else than what Git says now`;
  throw new EngineError("DEPLOYMENT_UNKNOWN", text);
}

function changesTo(application: Application, deployment: JsonObject): readonly Change[] {
  const now = revisionsIn(objectOf(application.status.sync));
  const before = revisionsIn(deployment);
  const sources = [...listOf(deployment.sources), ...(application.isMultiSource ? [] : [deployment.source ?? {}])];
  return application.sources.flatMap((source, index) => {
    const [is, was] = [now[index] ?? "", before[index] ?? ""];
    const then = objectOf(sources[index]);
    const isSame = textOf(then.path) === source.path && isOneRepository(textOf(then.repoURL), source.repoURL);
    if (kindOfSource(source) !== "git" || !source.path || !isSame || is === was || !isFullCommit(was)) return [];
    return [{ source, now: is, before: was }];
  });
}

function isOneRepository(a: string, b: string): boolean {
  return normaliseRepositoryUrl(a) === normaliseRepositoryUrl(b);
}

async function bringBack(
  application: Application,
  deployment: JsonObject,
  { source, now, before }: Change,
  { branch, by, key }: RevertWish,
  { writer, rightsTo, onPush, log }: GitRevertDeps,
): Promise<readonly Reverted[]> {
  const signal = AbortSignal.timeout(timeoutMs);
  const { repoURL, path = "." } = source;
  const found = await rightsTo(repoURL, application.project, signal);
  if (found === undefined) {
    throw new EngineError("GIT_WRITE_UNDECLARED", `nobody declared who may write to ${shownRepositoryUrl(repoURL)}`);
  }
  const followed = branchOf(source);
  const { namespace, name } = application.metadata;
  const at = textOf(deployment.deployedAt);
  const message = [
    `Revert ${path} to ${before.slice(0, 7)}`,
    "",
    `Application ${namespace}/${name} was deployed with it as ${Number(deployment.id ?? 0)}${at === "" ? "" : ` at ${at}`}.`,
    `It takes the place of ${now}.`,
    "",
    `Asked-for-by: ${by.replaceAll(/\s+/g, " ")}`,
  ].join("\n");
  const asked = {
    repository: found.path ?? repoURL,
    rights: found.rights,
    branch: followed,
    path,
    from: before,
    message,
  };
  const more = { ...(branch ? { to: branch } : {}), ...(key === undefined ? {} : { key: `${key} ${path}` }) };
  const pushed = writer.restore({ ...asked, ...more }, signal);
  const made = await pushed.catch((error: unknown) => {
    if (!signal.aborted) throw error;
    throw new EngineError(
      "TOOL_TIMEOUT",
      `${shownRepositoryUrl(repoURL)} did not take a commit in ${timeoutMs / 1_000} s`,
    );
  });
  if (made === undefined) return [];
  const { commit, before: old, ref } = made;
  log.info("a folder was brought back in Git", { application: `${namespace}/${name}`, commit, ref, by });
  if (!branch && old !== commit) {
    const headRef = followed === "" ? ref : undefined;
    await onPush({ url: repoURL, refs: [{ name: ref, old, new: commit }], headRef });
  }
  const where = { repoURL: shownRepositoryUrl(repoURL), path, branch: ref.replace("refs/heads/", "") };
  return [{ ...where, commit, restored: before }];
}

/** "": what HEAD names. A tag or a commit is no branch, which the server tells. */
function branchOf({ targetRevision = "" }: ApplicationSource): string {
  const revision = targetRevision.trim();
  return revision === "HEAD" ? "" : revision.replace(/^refs\/heads\//, "");
}

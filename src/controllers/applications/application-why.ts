import type { Application, ApplicationSource } from "../../api/application-types.ts";
import { objectOf, textOf } from "../../api/fields.ts";
import { type Clock, type Instant, isoTime } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { decisionOfStatus } from "../../gitops/reconcile/decision-of-status.ts";
import { clusterOf, type Directory, placeOf } from "../../gitops/reconcile/destination.ts";
import type { Hold } from "../../gitops/reconcile/holds.ts";
import type { Memory } from "../../gitops/reconcile/look.ts";
import { unmetNeed } from "../../gitops/reconcile/needs.ts";
import { kindOfSource } from "../../gitops/reconcile/resolve-source.ts";
import { type Wait, waitsOf } from "../../gitops/reconcile/waits.ts";
import { type CommitFacts, deployedRevision, inEffect, type WhyNot, whyNot } from "../../gitops/reconcile/why-not.ts";
import type { GitSources } from "../../gitops/source/source.ts";
import type { History, HistoryEntry } from "../../ledger/history.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ResourceName, SyncRecord } from "../../record/records.ts";
import { type ApplicationStore, readApplication } from "./application-store.ts";
import { decisionOf, revisionsIn, syncKey } from "./operation-progress.ts";
import { remedyOf } from "./wait-remedies.ts";

export interface ShownWait extends Wait {
  /** What a person can do about it. */
  readonly remedy: string;
}

/** Why an Application is as it is. */
export interface ApplicationWhy {
  readonly application: ResourceName;
  /** RFC 3339 */
  readonly at: string;
  readonly sync: { readonly status: string; readonly revisions: readonly string[] };
  readonly health: { readonly status: string; readonly message: string };
  /** What the last look came to; absent: there was none. `isStored`: as its status tells it, not the engine that looked. */
  readonly decided?: { readonly at: string; readonly text: string; readonly isStored?: true };
  /** Empty: for nothing. */
  readonly waits: readonly ShownWait[];
  /** The sync in progress, or else the last one, with what led to it and what followed; absent: there was none. */
  readonly chain?: {
    readonly self: HistoryEntry;
    readonly causes: readonly HistoryEntry[];
    readonly effects: readonly HistoryEntry[];
  };
  /** Decisions since that sync, which began none; the newest last. */
  readonly since: readonly HistoryEntry[];
  readonly not?: WhyNot;
}

export interface ApplicationWhyDeps {
  readonly store: Pick<ApplicationStore, "find">;
  readonly directory: Directory;
  readonly decided: (key: string) => Memory["decided"];
  /** Of many Applications; undefined while they are not read. */
  readonly holds: () => readonly Hold[] | undefined;
  /** Whether this engine looks at the Application. */
  readonly isOurs: (key: string) => boolean;
  readonly history: History;
  readonly sources: GitSources;
  readonly clock: Clock;
}

/** @throws EngineError NOT_FOUND; USAGE when the Application cannot be read */
export type ExplainApplication = (ref: ResourceName, commit?: string) => Promise<ApplicationWhy>;

/** Syncs that are looked through for one commit, and decisions that are shown. */
const maxSyncs = 500;
const maxDecisions = 5;
const gitTimeoutMs = 20_000;

export function createApplicationWhy(deps: ApplicationWhyDeps): ExplainApplication {
  const { store, directory, isOurs, history, clock } = deps;
  return async (ref, commit) => {
    const key = `${ref.namespace}/${ref.name}`;
    const object = store.find(key);
    if (object === undefined) throw new EngineError("NOT_FOUND", `there is no Application "${key}"`);
    const application = readApplication(object);
    if ("problem" in application) throw new EngineError("USAGE", application.problem);
    await history.caughtUp();
    const { status } = application;
    const now = clock.now();
    const { last, told } = lastDecision(application, object, now, deps);
    const project = directory.project(application.project);
    const cluster = clusterOf(application, directory.clusters());
    const pausedCluster = typeof cluster !== "string" && cluster.isPaused ? cluster.name : undefined;
    const isLeftOut = directory.isNamespaceEnabled?.(ref.namespace) === false;
    const facts = { application, project, pausedCluster, isLeftOut, decided: last, isOurs: isOurs(key), now };
    const waits = waitsOf(facts);
    const { status: healthStatus, message } = objectOf(status.health);
    const chain = await chainOf(application, ref, history);
    return {
      application: ref,
      at: isoTime(now),
      sync: { status: textOf(objectOf(status.sync).status), revisions: revisionsIn(objectOf(status.sync)) },
      health: { status: textOf(healthStatus), message: textOf(message) },
      ...(told === undefined ? {} : { decided: told }),
      waits: waits.map((wait) => ({ ...wait, remedy: remedyOf(wait, application) })),
      ...(chain === undefined ? {} : { chain }),
      since: await decisionsSince(chain?.self, application, ref, history),
      ...(commit === undefined ? {} : { not: await notOf(application, ref, commit, waits, deps) }),
    };
  };
}

/** Of the engine that looked, if that is this one; else as the status tells it. */
function lastDecision(
  application: Application,
  object: KubeObject,
  now: Instant,
  { store, directory, decided, isOurs, holds }: ApplicationWhyDeps,
): { readonly last: Memory["decided"]; readonly told: ApplicationWhy["decided"] } {
  const { namespace, name } = application.metadata;
  const key = `${namespace}/${name}`;
  const known = isOurs(key) ? decided(key) : undefined;
  if (known !== undefined) return { last: known, told: decidedText(known) };
  const place = placeOf(application, directory);
  if ("problems" in place) return { last: undefined, told: undefined }; // a condition tells it
  const last = decisionOfStatus({ application, place, unmet: unmetNeed(object, store.find), holds: holds(), now });
  return { last, told: last && { ...decidedText(last), isStored: true } };
}

function decidedText({ at, decision }: NonNullable<Memory["decided"]>): { readonly at: string; readonly text: string } {
  return { at: new Date(at).toISOString(), text: decision.kind === "error" ? decision.message : decision.reason };
}

async function chainOf(
  { operation }: Application,
  ref: ResourceName,
  history: History,
): Promise<ApplicationWhy["chain"]> {
  const decision = operation && decisionOf(operation.raw);
  const begun = decision === undefined ? undefined : await history.record(decision);
  const [last] = begun === undefined ? await history.records({ kind: "sync", sensor: ref, limit: 1 }) : [];
  const self = begun ?? last;
  if (self === undefined) return undefined;
  const followed = await history.effects(self.id);
  // What is observed while a sync runs names it before its record is there.
  const observed = begun === undefined ? [] : await history.effects(syncKey(begun.id));
  const causes = await history.causes(self.id);
  return { self: { kind: "record", record: self }, causes, effects: [...followed, ...observed] };
}

async function decisionsSince(
  self: HistoryEntry | undefined,
  { metadata: { uid } }: Application,
  ref: ResourceName,
  history: History,
): Promise<readonly HistoryEntry[]> {
  const after = self?.kind === "record" ? self.record.at : 0;
  const records = await history.records({ kind: "decision", sensor: ref, limit: maxDecisions });
  return records
    .filter((record) => record.at > after && record.kind === "decision" && record.sensor.uid === uid)
    .toReversed()
    .map((record) => ({ kind: "record", record }));
}

async function notOf(
  application: Application,
  ref: ResourceName,
  asked: string,
  waits: readonly Wait[],
  { history, sources }: ApplicationWhyDeps,
): Promise<WhyNot> {
  const signal = AbortSignal.timeout(gitTimeoutMs);
  const git = sources.ofProject(application.project);
  const records = await history.records({ kind: "sync", sensor: ref, limit: maxSyncs });
  const syncs = records.filter((record): record is SyncRecord => record.kind === "sync");
  try {
    for (const [index, source] of application.sources.entries()) {
      const commit = await commitIn(source, asked, git, syncs, index, signal);
      if (commit === undefined) continue;
      const known = { asked, source: index, commit, syncs: syncs.filter((one) => one.revisions[index] === commit) };
      const found = await placed(application, index, source, commit, git, signal);
      return whyNot(application, { ...known, ...found }, waits);
    }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { commit: asked, verdict: "not-known", text: `it cannot be told: ${error.message}`, waits };
  }
  const none = { tip: undefined, isOnTip: false, isInDeployed: false, touchesPath: undefined, syncs: [] };
  return whyNot(application, { asked, source: undefined, commit: asked, ...none }, waits);
}

/** The whole id, where the source's repository has it; a version of a chart is known by what was synced. */
async function commitIn(
  source: ApplicationSource,
  asked: string,
  git: GitSources,
  syncs: readonly SyncRecord[],
  index: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (kindOfSource(source) !== "git")
    return syncs.find(({ revisions }) => revisions[index] === asked)?.revisions[index];
  try {
    const { commit } = await git.resolve(source.repoURL, asked, signal);
    await git.commitInfo(source.repoURL, commit, signal);
    return commit;
  } catch (error) {
    if (error instanceof EngineError && error.code === "GIT_REVISION_NOT_FOUND") return undefined;
    throw error;
  }
}

async function placed(
  application: Application,
  index: number,
  source: ApplicationSource,
  commit: string,
  git: GitSources,
  signal: AbortSignal,
): Promise<Pick<CommitFacts, "tip" | "isOnTip" | "isInDeployed" | "touchesPath">> {
  const { repoURL, targetRevision = "", path = "." } = source;
  if (kindOfSource(source) !== "git") {
    return { tip: undefined, isOnTip: true, isInDeployed: false, touchesPath: undefined };
  }
  const { tagPrefix } = source as { readonly tagPrefix?: string };
  const tip = (await git.resolve(repoURL, targetRevision, signal, tagPrefix)).commit;
  const isIn = async (revision: string | undefined): Promise<boolean> =>
    revision === commit || (revision !== undefined && (await git.isAncestor(repoURL, commit, revision, signal)));
  const synced = deployedRevision(application, index);
  const folder = (revision: string) => git.treeId(repoURL, revision, path, signal);
  return {
    tip,
    isOnTip: await isIn(tip),
    isInDeployed: await isIn(inEffect(application, index)),
    touchesPath: synced === undefined ? undefined : (await folder(commit)) !== (await folder(synced)),
  };
}

import { automatedRetryLimit } from "../../api/application.ts";
import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { Instant } from "../../base/clock.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { SyncStatus } from "../diff/compare.ts";
import type { ObjectKey } from "../diff/diff.ts";
import { hasSameSources, isNamespaceMetadataChanged, revisionFields, sourceFields } from "./compared-to.ts";
import type { HoldScope } from "./holds.ts";
import { isTerminalPhase } from "./operation-state.ts";
import { onRevisionAnnotation, policiesOf } from "./policies.ts";
import { readTime } from "./timestamps.ts";

/** One object of the comparison. */
export interface AutoSyncResource extends ObjectKey {
  /** Absent: it has none (hooks, copies that others made). */
  readonly status?: SyncStatus;
  readonly requiresPruning: boolean;
  /** Another Application owns it; an automated sync does not take it over. */
  readonly isForeign?: boolean;
}

/** How long self-heal waits; it has no end, so that the wait has an upper bound. */
export interface SelfHealBackoff {
  /** Before the second attempt; the first does not wait. 0: no back-off, `fixedMs` after each. */
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly fixedMs: number;
}

/** Of the original's process parameters (spec argo-cd-engine 0.4). */
export const defaultSelfHealBackoff: SelfHealBackoff = { firstMs: 2_000, factor: 3, maxMs: 300_000, fixedMs: 0 };

export interface AutoSyncInput {
  readonly application: Application;
  /** Of the comparison that was just made. */
  readonly syncStatus: SyncStatus;
  readonly resources: readonly AutoSyncResource[];
  /** Those that the comparison used, one for each source. */
  readonly revisions: readonly string[];
  /**
   * False: nothing that this Application reads changed since its last sync, so that another revision alone is no reason to
   * sync. Default: true.
   */
  readonly mayContainChanges?: boolean;
  readonly selfHeal?: SelfHealBackoff;
  readonly now: Instant;
}

/** What a sync that is due waits for. */
export interface Obstacle {
  /**
   * manual: automated sync is off. prune: pruning is. drift: self-heal is. revision: new revisions wait for a person.
   * shared: another Application owns what differs. failed: the last attempt. empty: nothing would be left.
   */
  readonly kind:
    | ("manual" | "prune" | "drift" | "revision" | "shared" | "failed" | "empty" | "policy")
    | ("signature" | "quarantine" | "hold" | "need" | "circle" | "window" | "approval");
  /** When it passes by itself; absent: nobody knows, or never. */
  readonly until?: Instant;
  /** Of `need`: the Application that is waited for, as `namespace/name`. */
  readonly need?: string;
  /** Of `hold`: those that are in force. */
  readonly holds?: readonly HoldScope[];
}

/** `reason` is a sentence for people; `message` is that of the condition SyncError. */
export type AutoSyncDecision =
  | { readonly kind: "none"; readonly reason: string; readonly obstacle?: Obstacle }
  | { readonly kind: "error"; readonly message: string; readonly obstacle?: Obstacle }
  | { readonly kind: "wait"; readonly afterMs: number; readonly reason: string }
  | { readonly kind: "start"; readonly operation: JsonObject; readonly reason: string };

type Automated = NonNullable<Application["syncPolicy"]["automated"]>;

/**
 * Whether an Application syncs by itself now (spec argo-cd-engine 2.7). Sync windows are the caller's to ask first. Any
 * result but `error` clears the condition SyncError.
 *
 * Two things differ from the original. Objects without a status never count: a copy that somebody made of a managed object
 * would otherwise hide that a sync deletes everything that is really there. Objects that another Application owns do not
 * count either: two Applications would take them from each other for ever.
 */
export function decideAutoSync(input: AutoSyncInput): AutoSyncDecision {
  const { application, revisions } = input;
  const { automated } = application.syncPolicy;
  if (automated === undefined) return none("automated sync is not enabled", "manual");
  const out = notNow(input);
  if (out !== undefined) return out;
  const policies = policiesOf(application);
  if ("problem" in policies) return { kind: "error", message: policies.problem, obstacle: { kind: "policy" } };
  const own = input.resources.filter(({ status, isForeign = false }) => status !== undefined && !isForeign);
  const different = own.filter(({ status }) => status !== "Synced");
  const refusal = nothingToDo(input, automated, different);
  if (refusal !== undefined) return refusal;

  const isRepeat = wasAttempted(input);
  // A dry run of a revision that waits for a person is not that person's word.
  if (policies.onRevision === "wait" && (!isRepeat || wasDryRun(application))) {
    return none(`${listed(revisions)} waits for a person: ${onRevisionAnnotation} is wait`, "revision");
  }
  if (isRepeat) {
    const decision = afterAttempt(input, policies.onDrift === "heal");
    if (decision !== undefined) return decision;
  }
  if (automated.prune && !automated.allowEmpty && own.every(({ requiresPruning }) => requiresPruning)) {
    const message = `Skipping sync attempt to ${listed(revisions)}: auto-sync will wipe out all resources`;
    return { kind: "error", message, obstacle: { kind: "empty" } };
  }
  const operation = operationOf(input, automated, isRepeat ? different : undefined);
  const what = isRepeat ? "live objects were changed since the last sync" : "this state was not synced yet";
  return { kind: "start", operation, reason: `${what}: syncing to ${listed(revisions)}` };
}

function notNow({ application, syncStatus }: AutoSyncInput): AutoSyncDecision | undefined {
  if (application.operation !== undefined) return none("another operation is in progress");
  if (application.deletedAt !== "") return none("the Application is being deleted");
  if (syncStatus === "Synced") return none("everything is as it should be");
  if (syncStatus === "Unknown") return none("it is not known what differs: the comparison failed");
  return undefined;
}

function none(reason: string, kind?: Obstacle["kind"]): AutoSyncDecision {
  return { kind: "none", reason, ...(kind === undefined ? {} : { obstacle: { kind } }) };
}

function nothingToDo(
  { application, resources }: AutoSyncInput,
  { prune }: Automated,
  different: readonly AutoSyncResource[],
): AutoSyncDecision | undefined {
  if (different.length === 0 && !isNamespaceMetadataChanged(application)) {
    const foreign = resources.filter(({ status, isForeign }) => isForeign && status !== "Synced");
    if (foreign.length > 0)
      return none("only objects that other Applications own differ; automated sync does not take them over", "shared");
  }
  if (prune) return undefined;
  if (different.length === 0) return none("no object differs, and pruning is not enabled");
  if (different.every(({ requiresPruning }) => requiresPruning)) {
    return none("all objects that differ would be pruned, and pruning is not enabled", "prune");
  }
  return undefined;
}

/** Whether the last operation was to bring about what is wanted now; how it ended is another question. */
function wasAttempted({ application, revisions, mayContainChanges = true }: AutoSyncInput): boolean {
  const state = application.status.operationState;
  if (!isJsonObject(state)) return false;
  const { syncResult } = state;
  if (!isJsonObject(syncResult)) {
    // It ended before it knew what it brings about. One that was for something else, as a rollback is, says nothing of this:
    // the original takes it for an attempt at whatever comes next.
    const sync = objectOf(objectOf(state.operation).sync);
    const isOther =
      namesRevisions(sync) && !(isAtRevisions(application, sync, revisions) && isOfSources(application, sync));
    return isTerminalPhase(state.phase) && !isOther;
  }
  if (mayContainChanges && !isAtRevisions(application, syncResult, revisions)) return false;
  return hasSameSources(application, syncResult);
}

function namesRevisions({ revision, revisions }: JsonObject): boolean {
  return textOf(revision) !== "" || listOf(revisions).length > 0;
}

/** An operation that names no sources is of the Application's own. */
function isOfSources(application: Application, sync: JsonObject): boolean {
  return (sync.source === undefined && sync.sources === undefined) || hasSameSources(application, sync);
}

function isAtRevisions(application: Application, syncResult: JsonObject, revisions: readonly string[]): boolean {
  if (!application.isMultiSource) return textOf(syncResult.revision) === (revisions[0] ?? "");
  const recorded = listOf(syncResult.revisions);
  return recorded.length === revisions.length && recorded.every((revision, index) => revision === revisions[index]);
}

function wasDryRun({ status }: Application): boolean {
  return objectOf(objectOf(objectOf(status.operationState).operation).sync).dryRun === true;
}

/** Undefined: self-heal may start. */
function afterAttempt(input: AutoSyncInput, selfHeal: boolean): AutoSyncDecision | undefined {
  const { application, revisions, now, selfHeal: backoff = defaultSelfHealBackoff } = input;
  const state = objectOf(application.status.operationState);
  if (state.phase !== "Succeeded") {
    const message = `Failed last sync attempt to ${listed(revisions)}: ${textOf(state.message)}`;
    return { kind: "error", message, obstacle: { kind: "failed" } };
  }
  if (!selfHeal) {
    const what = wasDryRun(application)
      ? "the last operation was a dry run of this state"
      : "this state was synced already";
    return none(`${what}, and self-heal is not enabled`, "drift");
  }
  const finishedAt = readTime(state.finishedAt);
  // Of a clock that was set back since, nothing can be told: to wait until then may be to wait for days.
  const elapsedMs = finishedAt === undefined ? 0 : finishedAt > now ? Number.POSITIVE_INFINITY : now - finishedAt;
  const afterMs = selfHealDelayMs(backoff, healAttempts(application)) - elapsedMs;
  if (afterMs <= 0) return undefined;
  const reason = `self-heal tried ${healAttempts(application)} times; next in ${Math.ceil(afterMs / 1_000)} seconds`;
  return { kind: "wait", afterMs, reason };
}

/** 0, 2, 6, 18, 54, 162, 300, 300 … seconds by default. */
function selfHealDelayMs({ firstMs, factor, maxMs, fixedMs }: SelfHealBackoff, attempts: number): number {
  if (firstMs <= 0) return fixedMs;
  return attempts <= 0 ? 0 : Math.min(maxMs, firstMs * factor ** (attempts - 1));
}

/** How often self-heal tried at this revision; a sync to a new one starts over, since it carries no count. */
function healAttempts({ status }: Application): number {
  const { sync } = objectOf(objectOf(status.operationState).operation);
  const { autoHealAttemptsCount: count } = objectOf(sync);
  return typeof count === "number" ? count : 0;
}

/** `healed`: the objects of a self-heal; such a sync runs no hooks and is not kept in the history. */
function operationOf(
  { application, revisions }: AutoSyncInput,
  { prune }: Automated,
  healed: readonly AutoSyncResource[] | undefined,
): JsonObject {
  const { syncOptions } = application.syncPolicy;
  const { retry } = objectOf(application.spec.syncPolicy);
  return {
    sync: {
      ...sourceFields(application),
      ...revisionFields(application, revisions),
      ...(prune ? { prune } : {}),
      ...(syncOptions.length > 0 ? { syncOptions } : {}),
      ...(healed === undefined ? {} : { autoHealAttemptsCount: healAttempts(application) + 1 }),
      ...(healed === undefined || healed.length === 0 ? {} : { resources: healed.map(selectionOf) }),
    },
    initiatedBy: { automated: true },
    retry: isJsonObject(retry) ? retry : { limit: automatedRetryLimit },
  };
}

/** With its namespace: the original leaves it out, and so syncs objects of the same name in all namespaces. */
function selectionOf({ group, kind, namespace, name }: AutoSyncResource): JsonObject {
  return { ...(group === "" ? {} : { group }), kind, ...(namespace === "" ? {} : { namespace }), name };
}

function listed(revisions: readonly string[]): string {
  return `[${revisions.join(" ")}]`;
}

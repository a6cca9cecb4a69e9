import type { RetryPolicy } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { type Instant, instant } from "../../base/clock.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { diffMergePatch } from "../../objects/merge-patch.ts";
import type { OperationPhase } from "../sync/sync.ts";
import { kitchenTime, readTime, timeText } from "./timestamps.ts";

/**
 * `status.operationState` and its ways (spec argo-cd-engine 2.8, 4.11, 4.14):
 *
 *     begin ─► Running ─► Succeeded, Failed, Error
 *               │  ▲ │
 *               │  │ └─► Terminating ─► Failed, Error (never tried again)
 *               ▼  │
 *     Running, with finishedAt: waits for its next attempt
 */
export interface AttemptOutcome {
  readonly phase: "Succeeded" | "Failed" | "Error";
  readonly message: string;
  /** The newer revisions that took its place; absent: none did. */
  readonly supersededBy?: readonly string[];
}

/** What a sync is terminated with. */
export const terminatedOutcome: AttemptOutcome = { phase: "Failed", message: "Operation terminated" };
export const terminationFailed: AttemptOutcome = { phase: "Error", message: "Operation termination had errors" };

const timedOutMessage = "operation is terminating due to timeout";
/** An upper bound where the policy has none, so that a time can be told. */
const longestDelayMs = 365 * 24 * 3_600_000;

export function isTerminalPhase(phase: JsonValue | undefined): boolean {
  return phase === "Succeeded" || phase === "Failed" || phase === "Error";
}

/**
 * The merge patch that asks for an operation. The caller read the Application at `resourceVersion` and found no operation
 * there; on a conflict it reads again. The former operation's state goes: with it, a count of self-heals that `operation`
 * does not carry on.
 */
export function askOperationPatch(operation: JsonObject, resourceVersion: string): JsonObject {
  return { metadata: { resourceVersion }, operation, status: { operationState: null } };
}

/** `operation` is the Application's, as written. */
export function beginOperation(operation: JsonObject, now: Instant): JsonObject {
  return { operation, phase: "Running" satisfies OperationPhase, startedAt: timeText(now) };
}

/**
 * An attempt ended. What failed waits for its next attempt as long as `retry` has some left; without `retry` there is none.
 * What was being terminated is not tried again. `startedAt` stays that of the first attempt.
 */
export function endAttempt(
  state: JsonObject,
  outcome: AttemptOutcome,
  retry: RetryPolicy | undefined,
  now: Instant,
): JsonObject {
  const ended = { ...state, finishedAt: timeText(now) };
  const isTerminating = state.phase === "Terminating";
  if (outcome.phase === "Succeeded") return { ...ended, phase: outcome.phase, message: outcome.message };
  const retries = retryCount(state);
  if (!isTerminating && retry !== undefined && (retry.limit < 0 || retries < retry.limit)) {
    const attempt = retries + 1;
    const dueAt = kitchenTime(instant(now + retryDelayMs(retry, attempt)));
    const message = `${outcome.message}. Retrying attempt #${attempt} at ${dueAt}.`;
    return { ...ended, phase: "Running" satisfies OperationPhase, retryCount: attempt, message };
  }
  const cause = state.message === timedOutMessage ? ", triggered by controller sync timeout" : "";
  const count = retries > 0 ? ` (retried ${retries} times).` : "";
  const message = `${outcome.message}${cause}${count}`;
  return { ...ended, phase: outcome.phase, message, ...supersededResult(state, outcome) };
}

function supersededResult({ syncResult }: JsonObject, { supersededBy }: AttemptOutcome): JsonObject {
  return supersededBy === undefined ? {} : { syncResult: { ...objectOf(syncResult), supersededBy } };
}

export function isWaitingForRetry(state: JsonObject): boolean {
  return state.phase === "Running" && readTime(state.finishedAt) !== undefined;
}

/** Milliseconds until the next attempt of what `isWaitingForRetry`; 0: now. */
export function retryAfterMs(state: JsonObject, retry: RetryPolicy | undefined, now: Instant): number {
  const finishedAt = readTime(state.finishedAt);
  if (finishedAt === undefined || retry === undefined) return 0;
  const delayMs = retryDelayMs(retry, retryCount(state));
  return Math.min(delayMs, Math.max(0, finishedAt + delayMs - now)); // the clock may have been set back since
}

/** Before retry number `attempt`, which counts from 1. A factor of 0 waits once and then no more. */
function retryDelayMs({ durationMs, factor, maxDurationMs }: RetryPolicy, attempt: number): number {
  const delayMs = durationMs * factor ** Math.max(0, attempt - 1);
  return Math.min(maxDurationMs > 0 ? maxDurationMs : longestDelayMs, longestDelayMs, Math.max(0, delayMs));
}

function retryCount(state: JsonObject): number {
  return typeof state.retryCount === "number" ? state.retryCount : 0;
}

/**
 * The next attempt starts from scratch, with the commit of the former one; a policy with `refresh` takes the newest, and
 * resolves what the source names again.
 */
export function beginRetry(state: JsonObject, retry: RetryPolicy | undefined): JsonObject {
  const { finishedAt: _, syncResult, ...rest } = state;
  const isRefreshed = retry?.refresh === true;
  const operation = objectOf(state.operation);
  const { revision, revisions, ...sync } = objectOf(operation.sync);
  const named = { ...(revision ? { revision } : {}), ...(listOf(revisions).length > 0 ? { revisions } : {}) };
  const pinned = isRefreshed ? {} : { ...named, ...resolvedRevisions(objectOf(syncResult)) };
  return {
    ...rest,
    ...(isJsonObject(operation.sync) ? { operation: { ...operation, sync: { ...sync, ...pinned } } } : {}),
    message: `Retrying operation${isRefreshed ? " with latest revisions" : ""}. Attempt #${retryCount(state)}`,
  };
}

function resolvedRevisions({ revision, revisions }: JsonObject): JsonObject {
  if (listOf(revisions).length > 0) return { revisions: listOf(revisions) };
  return textOf(revision) === "" ? {} : { revision: textOf(revision) };
}

/** A running operation is to be stopped; others stay as they are. */
export function terminate(state: JsonObject): JsonObject {
  return state.phase === "Running" ? { ...state, phase: "Terminating", message: "operation is terminating" } : state;
}

/**
 * Stops what runs longer than `timeoutMs` since its first attempt; 0: no timeout. The message has to stay until
 * `endAttempt`, which tells the cause by it.
 */
export function terminateIfLate(state: JsonObject, timeoutMs: number, now: Instant): JsonObject {
  const startedAt = readTime(state.startedAt);
  if (timeoutMs <= 0 || startedAt === undefined || state.phase !== "Running") return state;
  return now - startedAt > timeoutMs ? { ...state, phase: "Terminating", message: timedOutMessage } : state;
}

/**
 * The merge patch of the Application from the stored state to `after`; a terminal phase takes `operation` away with it.
 * Undefined: nothing to write. What somebody else wrote in between, such as the phase Terminating, stays as long as
 * `after` did not change the same field.
 */
export function operationStatePatch(before: JsonValue | undefined, after: JsonObject): JsonObject | undefined {
  const change = diffMergePatch({ operationState: before ?? null }, { operationState: after });
  const isOver = isTerminalPhase(after.phase);
  if (change === undefined && !isOver) return undefined;
  return { ...(change === undefined ? {} : { status: change }), ...(isOver ? { operation: null } : {}) };
}

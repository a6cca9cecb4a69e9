import type { Application } from "../api/application-types.ts";
import { listOf, objectOf, textOf } from "../api/fields.ts";
import { type Instant, instant, sleepFor } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { Logger } from "../base/log.ts";
import { revisionFields, sourceFields } from "../gitops/reconcile/compared-to.ts";
import { placeOf } from "../gitops/reconcile/destination.ts";
import { appendHistory, isKeptInHistory } from "../gitops/reconcile/history.ts";
import { lookAt, type Memory } from "../gitops/reconcile/look.ts";
import { operate, type RunningOperation, touchedBy } from "../gitops/reconcile/operate.ts";
import {
  type AttemptOutcome,
  beginRetry,
  endAttempt,
  isTerminalPhase,
  isWaitingForRetry,
  operationStatePatch,
  retryAfterMs,
  terminatedOutcome,
} from "../gitops/reconcile/operation-state.ts";
import type { ReconcileDeps } from "../gitops/reconcile/reconcile.ts";
import { readTime } from "../gitops/reconcile/timestamps.ts";
import type { ResourceResult, SyncProgress } from "../gitops/sync/sync.ts";
import type { Ledger } from "../record/records.ts";
import { type ApplicationStore, readApplication } from "./application-store.ts";

export interface OperationDeps extends ReconcileDeps {
  readonly store: ApplicationStore;
  readonly ledger: Ledger;
  readonly log: Logger;
  readonly pollMs: number;
  readonly waveDelayMs: number;
}

/** An operation that runs for an Application; its state is in the Application, so that a restart goes on with it. */
export interface OperationRun {
  /** Resolves when it is over, or when it was cut off by the engine's end. */
  readonly ended: Promise<void>;
  /** Commits that it brings about; empty until they are known. */
  readonly revisions: readonly string[];
  /** Whether it waits: for health, for a hook, or for its next attempt. */
  readonly isWaiting: boolean;
  /** Names it in records before its record is written. */
  readonly recordKey: string;
  /** Stops it for good; what it did stays. */
  terminate(outcome?: AttemptOutcome): void;
}

/** `info` of an operation that names the decision behind it (the original's field, an entry of ours). */
const causeInfo = "tiphys.io/decision";
/** Progress without hooks is written this often: only hooks must not run twice. */
const reportEveryMs = 1_000;
const maxRecorded = 100;

/** The operation with the decision that it comes from. */
export function withDecision(operation: JsonObject, decision: string): JsonObject {
  return { ...operation, info: [...listOf(operation.info), { name: causeInfo, value: decision }] };
}

/** The decision behind an operation; undefined for one that somebody set. */
export function decisionOf(operation: JsonObject): string | undefined {
  const entry = listOf(operation.info).map(objectOf);
  return textOf(entry.findLast(({ name }) => name === causeInfo)?.value) || undefined;
}

/** How records name the sync of a decision. */
export function syncKey(decision: string): string {
  return `sync/${decision}`;
}

/** Runs the operation that the Application holds and that has begun, until `stop` aborts. */
export function runOperation(key: string, memory: Memory, deps: OperationDeps, stop: AbortSignal): OperationRun {
  return new Run(key, memory, deps, stop);
}

class Run implements OperationRun {
  readonly ended: Promise<void>;
  readonly recordKey: string;
  revisions: readonly string[] = [];
  isWaiting = false;
  readonly #key: string;
  readonly #memory: Memory;
  readonly #deps: OperationDeps;
  readonly #stop: AbortSignal;
  readonly #begunAt: Instant;
  readonly #terminated = new AbortController();
  #outcome: AttemptOutcome = terminatedOutcome;
  #reportedAt = 0;

  constructor(key: string, memory: Memory, deps: OperationDeps, stop: AbortSignal) {
    this.#key = key;
    this.#memory = memory;
    this.#deps = deps;
    this.#stop = stop;
    this.#begunAt = deps.clock.now();
    const application = this.#read();
    this.recordKey = syncKey(decisionOf(application?.operation?.raw ?? {}) ?? "");
    this.ended = this.#run();
  }

  terminate(outcome: AttemptOutcome = terminatedOutcome): void {
    this.#outcome = outcome;
    this.#terminated.abort(new EngineError("SYNC_TERMINATED", outcome.message));
  }

  async #run(): Promise<void> {
    const signal = AbortSignal.any([this.#stop, this.#terminated.signal]);
    for (;;) {
      const application = this.#read();
      if (application?.operation === undefined) return;
      const state = await this.#ready(application, signal);
      if (state === undefined) return;
      const outcome = await this.#attempt(application, state, signal);
      if (this.#stop.aborted || outcome === undefined) return;
      const isOver = await this.#end(application, outcome);
      if (isOver) return;
    }
  }

  #read(): Application | undefined {
    const object = this.#deps.store.find(this.#key);
    const application = object && readApplication(object);
    return application === undefined || "problem" in application ? undefined : application;
  }

  #now(): Instant {
    return this.#deps.clock.now();
  }

  /** The state to make an attempt from: a retry is waited for. Undefined when the engine ends. */
  async #ready(application: Application, signal: AbortSignal): Promise<JsonObject | undefined> {
    const state = objectOf(application.status.operationState);
    if (!isWaitingForRetry(state)) return state;
    const { retry } = application.operation ?? {};
    this.isWaiting = true;
    const waitMs = retryAfterMs(state, retry, this.#now());
    await sleepFor(this.#deps.clock, waitMs, signal).catch(() => undefined);
    this.isWaiting = false;
    if (this.#stop.aborted) return undefined;
    if (this.#terminated.signal.aborted) return state;
    const next = beginRetry(state, retry);
    await this.#store(application, next);
    return next;
  }

  /** Undefined when it was cut off by the engine's end: the next start goes on with it. */
  async #attempt(
    application: Application,
    state: JsonObject,
    signal: AbortSignal,
  ): Promise<AttemptOutcome | undefined> {
    try {
      signal.throwIfAborted();
      const { phase, message } = await this.#sync(application, state, signal);
      if (phase === "Succeeded" || phase === "Failed" || phase === "Error") return { phase, message };
      return { phase: "Error", message };
    } catch (error) {
      if (this.#stop.aborted) return undefined;
      if (this.#terminated.signal.aborted) return this.#outcome;
      if (error instanceof EngineError) return { phase: "Error", message: messageIn(error) };
      throw error;
    }
  }

  async #sync(application: Application, state: JsonObject, signal: AbortSignal): Promise<SyncProgress> {
    const { operation } = application;
    if (operation?.sync === undefined) {
      return { phase: "Error", message: "Invalid operation request: no operation specified", resources: [] };
    }
    const place = placeOf(application, this.#deps.directory);
    if ("problems" in place) {
      const message = place.problems.map((problem) => `InvalidSpecError: ${problem}`).join(";");
      return { phase: "Error", message, resources: [] };
    }
    const isAutomated = operation.initiatedBy.automated === true;
    const revisions = wantedRevisions(application, objectOf(state.syncResult));
    const isKnown = isAutomated || revisions.some((revision) => revision !== undefined);
    const request = { level: isKnown ? (2 as const) : (3 as const), hard: false, seen: [] };
    const look = await lookAt(application, place, request, revisions, this.#memory, this.#deps, signal);
    this.revisions = look.revisions;
    const previous = listOf(objectOf(state.syncResult).resources) as unknown as readonly ResourceResult[];
    await this.#report(look.revisions, { phase: "Running", message: textOf(state.message), resources: previous });
    const running: RunningOperation = {
      sync: operation.sync,
      isAutomated,
      startedAt: readTime(state.startedAt) ?? this.#now(),
      previous,
      isApproved: false,
    };
    const { clock, pollMs, waveDelayMs } = this.#deps;
    const report = (progress: SyncProgress): Promise<void> => this.#report(look.revisions, progress);
    return operate(application, place, look, running, { clock, report, pollMs, waveDelayMs }, signal);
  }

  /** Ends are written by `#end`, with everything else that goes with them. */
  async #report(revisions: readonly string[], progress: SyncProgress): Promise<void> {
    this.isWaiting = progress.message.startsWith("waiting for");
    const application = this.#read();
    if (application === undefined) return;
    const state = withProgress(application, revisions, progress);
    this.#pending = state;
    const hasHooks = progress.resources.some(({ hookType }) => hookType !== undefined);
    const isFirst = objectOf(application.status.operationState).syncResult === undefined;
    const isDue = this.#deps.clock.monotonicMs() - this.#reportedAt >= reportEveryMs;
    if (isTerminalPhase(progress.phase) || !(hasHooks || isFirst || isDue)) return;
    this.#reportedAt = this.#deps.clock.monotonicMs();
    await this.#store(application, state);
  }

  /** The newest progress; may not be written yet. */
  #pending: JsonObject | undefined;

  /** Whether the operation is over; else it waits for its next attempt. */
  async #end(before: Application, outcome: AttemptOutcome): Promise<boolean> {
    const application = this.#read();
    if (application === undefined) return true;
    const now = this.#now();
    const stored = this.#pending ?? objectOf(application.status.operationState);
    this.#pending = undefined;
    const isTerminated = this.#terminated.signal.aborted;
    const state = isTerminated ? { ...stored, phase: "Terminating" } : { ...stored, phase: "Running" };
    const ended = endAttempt(state, outcome, before.operation?.retry, now);
    if (!isTerminalPhase(ended.phase)) {
      await this.#store(application, ended);
      return false;
    }
    await this.#record(application, ended, now);
    await this.#store(application, ended, historyOf(application, ended, now));
    return true;
  }

  async #record(application: Application, state: JsonObject, now: Instant): Promise<void> {
    const { namespace, name, uid } = application.metadata;
    const result = objectOf(state.syncResult);
    const resources = listOf(result.resources) as unknown as readonly ResourceResult[];
    const decision = decisionOf(objectOf(state.operation));
    await this.#deps.ledger.write({
      kind: "sync",
      at: now,
      causes: [decision ?? `operation/${this.#key}`],
      key: this.recordKey,
      application: { namespace, name, uid },
      startedAt: this.#startOf(state),
      revisions: revisionsIn(result),
      phase: state.phase === "Succeeded" || state.phase === "Failed" ? state.phase : "Error",
      retries: typeof state.retryCount === "number" ? state.retryCount : 0,
      message: textOf(state.message),
      objects: touchedBy({ phase: "Running", message: "", resources }).slice(0, maxRecorded),
    }).kept;
  }

  /** The state has whole seconds; of an operation that began here more is known. */
  #startOf(state: JsonObject): number {
    const startedAt = readTime(state.startedAt) ?? this.#begunAt;
    return this.#begunAt - startedAt < 1_000 ? this.#begunAt : startedAt;
  }

  async #store(application: Application, state: JsonObject, more: JsonObject = {}): Promise<void> {
    const patch = operationStatePatch(application.status.operationState, state);
    if (patch === undefined) return;
    const status = { ...objectOf(patch.status), ...more };
    await this.#deps.store.patch(this.#key, { ...patch, status }, this.#stop);
  }
}

function messageIn(error: EngineError): string {
  const isTarget = error.message.startsWith("Failed to load target state");
  return isTarget ? `ComparisonError: ${error.message}` : error.message;
}

/** Those that were resolved before count: a restart goes on at the same commit. */
function wantedRevisions({ operation }: Application, syncResult: JsonObject): readonly (string | undefined)[] {
  const resolved = revisionsIn(syncResult);
  if (resolved.length > 0) return resolved;
  const { revision, revisions = [] } = operation?.sync ?? {};
  return revisions.length > 0 ? revisions : [revision];
}

function revisionsIn({ revision, revisions }: JsonObject): readonly string[] {
  const several = listOf(revisions).map(textOf);
  if (several.length > 0) return several;
  return textOf(revision) === "" ? [] : [textOf(revision)];
}

function withProgress(application: Application, revisions: readonly string[], progress: SyncProgress): JsonObject {
  const state = objectOf(application.status.operationState);
  const metadata = objectOf(application.spec.syncPolicy).managedNamespaceMetadata;
  const { finishedAt: _, ...rest } = state;
  return {
    ...rest,
    ...(state.phase === "Terminating" ? {} : { phase: "Running", message: progress.message }),
    syncResult: {
      ...revisionFields(application, revisions),
      ...sourceFields(application),
      ...(isJsonObject(metadata) ? { managedNamespaceMetadata: metadata } : {}),
      resources: progress.resources.map((resource) => ({ ...resource })),
    },
  };
}

function historyOf(application: Application, state: JsonObject, now: Instant): JsonObject {
  if (!isKeptInHistory(state)) return {};
  const { status, revisionHistoryLimit } = application;
  return { history: appendHistory(status.history, state, revisionHistoryLimit, instant(now)) };
}

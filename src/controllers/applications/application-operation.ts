import { createHash } from "node:crypto";
import type { Application, AppProject } from "../../api/application-types.ts";
import { objectOf, textOf } from "../../api/fields.ts";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Instant, sleepFor, unneeded } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { KeyedSlots } from "../../base/slots.ts";
import { assessObject } from "../../gitops/health/assess.ts";
import { type Place, placeOf } from "../../gitops/reconcile/destination.ts";
import { lookAt, type Memory } from "../../gitops/reconcile/look.ts";
import { blockedBy, operate, type RunningOperation } from "../../gitops/reconcile/operate.ts";
import {
  type AttemptOutcome,
  beginRetry,
  endAttempt,
  isTerminalPhase,
  isWaitingForRetry,
  operationStatePatch,
  retryAfterMs,
  terminatedOutcome,
  terminateIfLate,
  terminationFailed,
} from "../../gitops/reconcile/operation-state.ts";
import type { ReconcileDeps } from "../../gitops/reconcile/reconcile.ts";
import { TargetError } from "../../gitops/reconcile/target.ts";
import { readTime } from "../../gitops/reconcile/timestamps.ts";
import type { SyncProgress } from "../../gitops/sync/sync.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { Ledger } from "../../record/records.ts";
import { leaseLost } from "./application-partition.ts";
import { type ApplicationStore, readApplication } from "./application-store.ts";
import { limitedClient } from "./limited-client.ts";
import {
  historyOf,
  isWaitingText,
  onlyWaits,
  recordKeyOf,
  resultsIn,
  revisionsIn,
  wantedRevisions,
  withOperationSources,
  withoutResults,
  withProgress,
} from "./operation-progress.ts";
import { terminateHooks } from "./operation-termination.ts";
import { type Brought, broughtBy, type SyncRecordDraft, syncRecordOf } from "./sync-record.ts";
import type { SyncSettings } from "./sync-settings.ts";
import type { WorkPlaces } from "./work-places.ts";

export interface OperationDeps extends ReconcileDeps {
  readonly store: ApplicationStore;
  readonly ledger: Ledger;
  readonly log: Logger;
  readonly pollMs: number;
  readonly waveDelayMs: number;
  readonly syncSettings: SyncSettings;
}

export interface RunDeps extends OperationDeps {
  /** Requests of all operations at once, by cluster: one that hangs holds those of its own only. */
  readonly slots: KeyedSlots;
  readonly places: WorkPlaces;
  /** Whether this engine may act for the Application at this moment. */
  readonly owns: (key: string) => boolean;
  /** Other Applications, whose shared objects changed. */
  readonly onDisturbed: (applications: Iterable<string>) => void;
  readonly onEnd: (record: SyncRecordDraft, application: Application) => void;
}

/** An operation that runs for an Application; its state is in the Application, so that a restart goes on with it. */
export interface OperationRun {
  /** Resolves when it is over, or when it was cut off by the engine's end. */
  readonly ended: Promise<void>;
  /** Commits that it brings about; empty until they are known. */
  readonly revisions: readonly string[];
  /** Whether it waits for health or for its next attempt: a newer commit may take its place. Not while a hook runs. */
  readonly isWaiting: boolean;
  /** Names it in records before its record is written. */
  readonly recordKey: string;
  /** Stops it for good; what it did stays. */
  terminate(outcome?: AttemptOutcome): void;
}

/** Progress without hooks is written this often: only hooks must not run twice. */
const reportEveryMs = 1_000;
/** How often is looked whether an operation has run for too long; the setting may change meanwhile. */
const timeoutLookMs = 5_000;
/** How often is looked whether a window opened, or somebody changed it. */
const blockedLookMs = 1_000;

/** Runs the operation that the Application holds and that has begun, until `stop` aborts. */
export function runOperation(key: string, memory: Memory, deps: RunDeps, stop: AbortSignal): OperationRun {
  return new Run(key, memory, deps, stop);
}

/**
 * Attempts, one after the other, until the operation is over; then its record and its end are written. It belongs to one
 * Application: one that is made anew under the same name is not its own. Writes of the state go one by one, each from
 * what is stored by then, so that an older progress never replaces a newer one.
 */
class Run implements OperationRun {
  readonly ended: Promise<void>;
  readonly recordKey: string;
  revisions: readonly string[] = [];
  isWaiting = false;
  readonly #key: string;
  readonly #uid: string | undefined;
  readonly #memory: Memory;
  readonly #deps: RunDeps;
  readonly #stop: AbortSignal;
  readonly #begunAt: Instant;
  readonly #terminated = new AbortController();
  #outcome: AttemptOutcome = terminatedOutcome;
  #reportedAt = Number.NEGATIVE_INFINITY;
  /** The newest progress; may not be written yet. */
  #pending: JsonObject | undefined;
  /** Cuts off the write that will show `#pending`. */
  #later: AbortController | undefined;
  #writing: Promise<void> = Promise.resolve();
  #brought: Brought = {};
  /** Whether what became of each object is more than the API takes: it is in the records only, then. */
  #isTooLarge = false;

  constructor(key: string, memory: Memory, deps: RunDeps, stop: AbortSignal) {
    this.#key = key;
    this.#memory = memory;
    this.#deps = deps;
    this.#stop = stop;
    this.#begunAt = deps.clock.now();
    this.#uid = deps.store.find(key)?.metadata.uid;
    const state = objectOf(this.#read()?.application.status.operationState);
    const operation = objectOf(this.#read()?.application.operation?.raw);
    this.recordKey = recordKeyOf(key, operation, textOf(state.startedAt));
    this.revisions = revisionsIn(objectOf(state.syncResult));
    this.ended = this.#run();
  }

  terminate(outcome: AttemptOutcome = terminatedOutcome): void {
    if (this.#terminated.signal.aborted) return;
    this.#outcome = outcome;
    this.#terminated.abort(new EngineError("SYNC_TERMINATED", outcome.message));
  }

  async #run(): Promise<void> {
    const signal = AbortSignal.any([this.#stop, this.#terminated.signal]);
    const over = new AbortController();
    this.#endInTime(AbortSignal.any([signal, over.signal])).catch(() => undefined); // it ended, or the engine does
    try {
      await this.#attempts(signal);
    } finally {
      over.abort(unneeded);
      await this.#writing; // it never rejects; nothing of it is under way after the end
    }
  }

  /** `controller.sync.timeout.seconds`, counted from the first attempt, over restarts. */
  async #endInTime(signal: AbortSignal): Promise<void> {
    for (;;) {
      const state = objectOf(this.#read()?.application.status.operationState);
      const late = terminateIfLate(state, this.#deps.syncSettings.syncTimeoutMs(), this.#now());
      if (late !== state) {
        this.#pending = { ...(this.#pending ?? state), phase: late.phase ?? "", message: late.message ?? "" };
        await this.#store(this.#pending);
        this.terminate();
        return;
      }
      await sleepFor(this.#deps.clock, timeoutLookMs, signal);
    }
  }

  async #attempts(signal: AbortSignal): Promise<void> {
    for (;;) {
      const found = this.#read();
      if (found?.application.operation === undefined) return;
      const state = await this.#ready(found.application, signal);
      if (state === undefined) return;
      const outcome = await this.#attempt(found, state, signal);
      this.#later?.abort(unneeded);
      if (this.#stop.aborted || outcome === undefined || !this.#deps.owns(this.#key)) return;
      const isOver = await this.#end(found.application, outcome);
      if (isOver) return;
    }
  }

  /** Undefined: it is gone, or it cannot be read. */
  #read(): Found | undefined {
    const object = this.#deps.store.find(this.#key);
    if (object === undefined || object.metadata.uid !== this.#uid) return undefined;
    const application = readApplication(object);
    return "problem" in application ? undefined : { object, application };
  }

  #isGone(): boolean {
    const object = this.#deps.store.find(this.#key);
    return object === undefined || object.metadata.uid !== this.#uid;
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
    await this.#store(next);
    return next;
  }

  /** Undefined when it was cut off by the engine's end: the next start goes on with it. */
  async #attempt(found: Found, state: JsonObject, signal: AbortSignal): Promise<AttemptOutcome | undefined> {
    try {
      signal.throwIfAborted();
      const { phase, message } = await this.#sync(found, state, signal);
      if (phase === "Succeeded" || phase === "Failed" || phase === "Error") return { phase, message };
      return { phase: "Error", message };
    } catch (error) {
      // Its lease may be lost before this process knows: whoever has it goes on with the attempt.
      if (this.#stop.aborted || !this.#deps.owns(this.#key)) return undefined;
      if (this.#terminated.signal.aborted) return await this.#terminate(found.application, state);
      if (error instanceof EngineError) return { phase: "Error", message: messageIn(error) };
      this.#deps.log.error("an operation failed unexpectedly", { application: this.#key, error });
      return { phase: "Error", message: messageOf(error) };
    } finally {
      this.isWaiting = false;
    }
  }

  /** Undefined when the engine ends meanwhile. */
  async #terminate(application: Application, state: JsonObject): Promise<AttemptOutcome | undefined> {
    const place = placeOf(application, this.#deps.directory);
    const latest = this.#pending ?? state;
    if ("problems" in place) return this.#outcome;
    try {
      const { kube } = this.#limited(place).cluster;
      const { results, hasFailed } = await terminateHooks(resultsIn(latest), kube, this.#assess, this.#stop);
      const resources = results.map((result) => ({ ...result }));
      if (resources.length > 0) {
        this.#pending = { ...latest, syncResult: { ...objectOf(latest.syncResult), resources } };
      }
      return hasFailed ? { ...this.#outcome, ...terminationFailed } : this.#outcome;
    } catch (error) {
      if (this.#stop.aborted) return undefined;
      throw error;
    }
  }

  async #sync({ object, application }: Found, state: JsonObject, signal: AbortSignal): Promise<SyncProgress> {
    const { operation } = application;
    if (operation?.sync === undefined) {
      return { phase: "Error", message: "Invalid operation request: no operation specified", resources: [] };
    }
    const wanted = withOperationSources(object, application);
    const place = placeOf(wanted, this.#deps.directory);
    if ("problems" in place) {
      const message = place.problems.map((problem) => `InvalidSpecError: ${problem}`).join(";");
      return { phase: "Error", message, resources: [] };
    }
    await this.#whileBlocked(wanted, place, state, signal);
    using work = await this.#deps.places.take(place.cluster.server, signal);
    const revisions = wantedRevisions(state);
    const isKnown = revisions.some((revision) => revision !== undefined);
    const { manifests } = operation.sync;
    const request = { level: isKnown ? (2 as const) : (3 as const), hard: false, seen: [], manifests };
    const look = await lookAt(wanted, place, request, revisions, this.#memory, this.#deps, signal);
    this.#deps.onDisturbed(look.disturbed);
    this.revisions = look.revisions;
    this.#brought = broughtBy(wanted, look.manifests);
    const previous = resultsIn(state);
    const report = (progress: SyncProgress): Promise<void> => {
      if (isWaitingText(progress.message)) work[Symbol.dispose]();
      return this.#report(wanted, look.revisions, progress);
    };
    await report({ phase: "Running", message: textOf(state.message), resources: previous });
    const running: RunningOperation = {
      sync: operation.sync,
      isAutomated: operation.initiatedBy.automated === true,
      startedAt: readTime(state.startedAt) ?? this.#now(),
      runId: runIdOf(this.recordKey, state),
      previous,
      current: () => this.#read()?.application ?? application,
      project: () => this.#deps.directory.project(wanted.project),
    };
    const { clock, pollMs, settings, syncSettings } = this.#deps;
    const waveDelayMs = syncSettings.waveDelayMs() ?? this.#deps.waveDelayMs;
    const impersonation = syncSettings.impersonation();
    const given = { clock, checks: settings?.().checks, report, pollMs, waveDelayMs, impersonation };
    return operate(wanted, this.#limited(place), look, running, given, signal);
  }

  /** A window that is closed keeps back everything, the look at what there is to do included. */
  async #whileBlocked(wanted: Application, place: Place, state: JsonObject, signal: AbortSignal): Promise<void> {
    const isAutomated = wanted.operation?.initiatedBy.automated === true;
    const startedAt = readTime(state.startedAt) ?? this.#begunAt;
    for (;;) {
      const message = blockedBy(wanted, this.#project(wanted, place), { isAutomated, startedAt }, this.#now());
      this.isWaiting = message !== undefined;
      if (message === undefined) return;
      await this.#store({ ...objectOf(this.#read()?.application.status.operationState ?? state), message });
      await sleepFor(this.#deps.clock, blockedLookMs, signal);
    }
  }

  #project({ project }: Application, place: Place): AppProject {
    return this.#deps.directory.project(project) ?? place.project;
  }

  #assess = (live: KubeObject) => assessObject(live, this.#deps.settings?.().checks);

  #limited({ project, cluster }: Place): Place {
    const check = (): void => {
      if (!this.#deps.owns(this.#key)) throw leaseLost(this.#key);
    };
    const slots = { take: (signal: AbortSignal) => this.#deps.slots.take(cluster.server, signal) };
    return { project, cluster: { ...cluster, kube: limitedClient(cluster.kube, slots, check) } };
  }

  /** Resolves once what must not be lost is stored. Ends are written by `#end`, with all that goes with them. */
  async #report(wanted: Application, revisions: readonly string[], progress: SyncProgress): Promise<void> {
    this.isWaiting = onlyWaits(progress.message);
    this.#brought = { ...this.#brought, runs: progress.runs };
    const application = this.#read()?.application;
    if (application === undefined) return;
    this.#pending = withProgress(wanted, objectOf(application.status.operationState), revisions, progress);
    if (isTerminalPhase(progress.phase)) return;
    const hasHooks = progress.resources.some(({ hookType }) => hookType !== undefined);
    const isFirst = objectOf(application.status.operationState).syncResult === undefined;
    const sinceMs = this.#deps.clock.monotonicMs() - this.#reportedAt;
    if (hasHooks || isFirst || sinceMs >= reportEveryMs) await this.#show();
    else this.#showLater(reportEveryMs - sinceMs);
  }

  async #show(): Promise<void> {
    this.#later?.abort(unneeded);
    this.#later = undefined;
    this.#reportedAt = this.#deps.clock.monotonicMs();
    if (this.#pending !== undefined) await this.#store(this.#pending);
  }

  /** What is reported last is shown, too: it is what people see while the sync waits. */
  #showLater(afterMs: number): void {
    if (this.#later !== undefined) return;
    this.#later = new AbortController();
    const signal = AbortSignal.any([this.#stop, this.#later.signal]);
    sleepFor(this.#deps.clock, afterMs, signal)
      .then(() => this.#show())
      .catch((error: unknown) => {
        if (signal.aborted) return;
        this.#deps.log.warn("the progress of an operation could not be shown", { application: this.#key, error });
      });
  }

  /** Whether the operation is over; else it waits for its next attempt. */
  async #end(before: Application, outcome: AttemptOutcome): Promise<boolean> {
    const application = this.#read()?.application;
    const now = this.#now();
    const stored = this.#pending ?? objectOf((application ?? before).status.operationState);
    this.#pending = undefined;
    if (application === undefined) {
      // One that cannot be read any more goes on when it was mended.
      if (this.#isGone()) await this.#record(before, { ...stored, ...deletedOutcome }, now);
      return true;
    }
    const { phase } = objectOf(application.status.operationState);
    const isTerminated = this.#terminated.signal.aborted || phase === "Terminating";
    const state = { ...stored, phase: isTerminated ? "Terminating" : "Running" };
    const ended = endAttempt(state, outcome, before.operation?.retry, now);
    if (!isTerminalPhase(ended.phase)) {
      await this.#store(ended);
      return false;
    }
    await this.#record(application, ended, now);
    await this.#store(ended, historyOf(application, ended, now));
    return true;
  }

  async #record(application: Application, state: JsonObject, now: Instant): Promise<void> {
    const times = { startedAt: this.#startOf(state), at: now };
    const record = syncRecordOf(application, state, { key: this.recordKey, ...times, brought: this.#brought });
    await this.#deps.ledger.write(record).kept;
    this.#deps.onEnd(record, application);
  }

  /** The state has whole seconds; of an operation that began here more is known. */
  #startOf(state: JsonObject): number {
    const startedAt = readTime(state.startedAt) ?? this.#begunAt;
    return this.#begunAt - startedAt < 1_000 ? this.#begunAt : startedAt;
  }

  #store(state: JsonObject, more: JsonObject = {}): Promise<void> {
    const written = this.#writing.then(() => this.#write(state, more));
    this.#writing = written.catch(() => undefined); // whoever asked for it sees the failure
    return written;
  }

  /** Tries again until it is stored, or the Application is gone: what was done must not be forgotten. */
  async #write(state: JsonObject, more: JsonObject): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const application = this.#read()?.application;
      if (application === undefined) return;
      const patch = this.#patchFor(application, state);
      if (patch === undefined) return;
      const status = { ...objectOf(patch.status), ...more };
      try {
        await this.#deps.store.patch(this.#key, { ...patch, status }, this.#stop);
        return;
      } catch (error) {
        if (!this.#isPassing(error)) throw error;
        this.#deps.log.warn("an operation's state waits for the API", { application: this.#key, attempt, error });
        await sleepFor(this.#deps.clock, backoffMs(reconnectBackoff, attempt), this.#stop);
      }
    }
  }

  #patchFor({ status }: Application, state: JsonObject): JsonObject | undefined {
    const before = objectOf(status.operationState);
    // What is being terminated never runs again.
    const isKept = before.phase === "Terminating" && state.phase === "Running";
    const shown = this.#isTooLarge ? withoutResults(state) : state;
    return operationStatePatch(before, isKept ? { ...shown, phase: "Terminating" } : shown);
  }

  /** Whether the same write may succeed later, or a smaller one in its place. */
  #isPassing(error: unknown): error is EngineError {
    if (this.#stop.aborted || !this.#deps.owns(this.#key) || !(error instanceof EngineError)) return false;
    if (error.code !== "API_TOO_LARGE") return !(error instanceof TerminalError);
    const isFirst = !this.#isTooLarge;
    this.#isTooLarge = true;
    return isFirst;
  }
}

interface Found {
  readonly object: KubeObject;
  readonly application: Application;
}

/** One attempt of one operation. Short, since it stands on hooks; none is made of two. */
function runIdOf(recordKey: string, { retryCount, startedAt }: JsonObject): string {
  const text = JSON.stringify([recordKey, startedAt ?? "", retryCount ?? 0]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

const deletedOutcome = { phase: "Error", message: "the Application was deleted" };

function messageIn(error: EngineError): string {
  return error instanceof TargetError ? `ComparisonError: ${error.message}` : error.message;
}

/** Counts a sync that ended, or an attempt of it. */
export function countSync(
  { appSync }: Pick<Metrics, "appSync">,
  { phase }: SyncRecordDraft,
  { metadata, project, destination, operation }: Application,
): void {
  const { namespace, name } = metadata;
  const dry_run = String(operation?.sync?.dryRun === true);
  appSync.add({ namespace, name, project, dest_server: destination.server ?? "", phase, dry_run });
}

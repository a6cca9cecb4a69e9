import type { CompiledSensor } from "../../events/sensor/compile.ts";
import { createMemory, type Memory } from "../../gitops/reconcile/look.ts";
import { mergeRequests, type ReconcileRequest } from "../../gitops/reconcile/request.ts";
import type { OperationRun } from "./application-operation.ts";
import { leaseLost } from "./application-partition.ts";
import { createDriftPace, type DriftPace } from "./drift-pace.ts";
import type { UsedRepository } from "./repository-poller.ts";

/** Requests that were taken to be acted on, as one, and whom to tell once that is done. */
export interface Taken {
  readonly pending: ReconcileRequest | undefined;
  readonly done: readonly Done[];
}

export interface Done {
  call(): void;
  /** What asked is stored: whoever has the Application next takes it again, unless it is told. */
  readonly isStored: boolean;
}

/** What is known of one Application while it is there. */
export interface Entry {
  readonly uid: string;
  readonly memory: Memory;
  /** Merged requests that nobody has acted on yet. */
  waiting: Taken;
  /** A wish for a sync that waits for the end of the operation in progress. */
  held: Taken;
  run: OperationRun | undefined;
  /** Absent: it was not read yet, or cannot be. */
  sensor: { readonly text: string; readonly compiled: CompiledSensor } | undefined;
  /** Why it cannot be read. */
  problem: string | undefined;
  instance: string;
  /** Of Git, as the sources name them. */
  repositories: readonly UsedRepository[];
  /** Whether a source names a range of versions, or a tag of a registry: nobody tells when that moves. */
  hasMovingChart: boolean;
  lastSync: string | undefined;
  /** Whether it was looked at since the start of this process. */
  isKnown: boolean;
  /** Whether another engine had it until now: the copies of repositories here may be older than what that one brought about. */
  isTakenOver: boolean;
  /** Whether requests were passed over since the last look: pushes may be among them. */
  hasPassedOver: boolean;
  /** Whether it is to be looked at for changes of its objects. */
  isSoon: boolean;
  /** When that is. */
  readonly pace: DriftPace;
  /** What people said about syncs at the last look (`consentOf`). */
  consent: string;
  /** The one timer that asks again. */
  timer: AbortController | undefined;
  /** Ends its work here: another engine has it. */
  readonly stop: AbortController;
  /** The reconcile that is under way. */
  working: Promise<unknown> | undefined;
  /** Settles once nothing is under way any more of what was before another engine had it. */
  readonly left: Promise<unknown>;
}

const nothing: Taken = { pending: undefined, done: [] };

/** `former`: one of the same name that is no more; what it was asked for goes on. */
export function createEntry(uid: string, former: Entry | undefined, left: Promise<unknown> = Promise.resolve()): Entry {
  return {
    uid,
    memory: createMemory(),
    waiting: former === undefined ? nothing : join(former.held, former.waiting),
    held: nothing,
    run: undefined,
    sensor: undefined,
    problem: undefined,
    instance: "",
    consent: "",
    repositories: [],
    hasMovingChart: false,
    lastSync: undefined,
    isKnown: false,
    isTakenOver: false,
    hasPassedOver: false,
    isSoon: false,
    pace: createDriftPace(),
    timer: undefined,
    stop: new AbortController(),
    working: undefined,
    left,
  };
}

/**
 * For the time when another engine has the Application: what is known of its spec stays, all work on it ends. Stored
 * requests are not told of: they are the other's now.
 */
export function handOver(key: string, entry: Entry): Entry {
  entry.timer?.abort();
  entry.stop.abort(leaseLost(key));
  dropLocal(entry);
  const left = Promise.allSettled([entry.left, entry.working, entry.run?.ended]);
  void left.then(() => dropLocal(entry)); // a reconcile that was cut off put back what it had taken
  const { sensor, problem, instance, repositories, hasMovingChart } = entry;
  return { ...createEntry(entry.uid, undefined, left), sensor, problem, instance, repositories, hasMovingChart };
}

function dropLocal(entry: Entry): void {
  for (const { call, isStored } of takeRequests(entry, false).done) if (!isStored) call();
}

export function addRequest(entry: Entry, request: ReconcileRequest, done: Done | undefined): void {
  entry.waiting = join(entry.waiting, { pending: request, done: done === undefined ? [] : [done] });
}

/** All that waits. `isBusy`: an operation is in progress, so that a wish that is held stays held. */
export function takeRequests(entry: Entry, isBusy: boolean): Taken {
  const taken = isBusy ? entry.waiting : join(entry.held, entry.waiting);
  entry.waiting = nothing;
  if (!isBusy) entry.held = nothing;
  return taken;
}

/** Whether nothing waits but changes of live objects, which are looked at when they are due: our own status comes before. */
export function waitsForItsTime({ isSoon, held, waiting }: Entry): boolean {
  if (!isSoon || held.pending !== undefined || waiting.pending === undefined) return false;
  return waiting.pending.causes.every(({ reason }) => reason === "drift");
}

/** It could not be acted on; it goes before what came since. */
export function putBack(entry: Entry, taken: Taken): void {
  entry.waiting = join(taken, entry.waiting);
}

/** Its wish for a sync has to wait; the rest of it was acted on. */
export function holdWish(entry: Entry, taken: Taken): void {
  entry.held = join(entry.held, taken);
}

export function settle({ done }: Taken): void {
  for (const one of done) one.call();
}

function join(earlier: Taken, later: Taken): Taken {
  const pending = later.pending === undefined ? earlier.pending : mergeRequests(earlier.pending, later.pending);
  return { pending, done: later.done.length === 0 ? earlier.done : [...earlier.done, ...later.done] };
}

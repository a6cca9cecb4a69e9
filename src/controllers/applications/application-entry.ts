import type { CompiledSensor } from "../../events/sensor/compile.ts";
import { createMemory, type Memory } from "../../gitops/reconcile/look.ts";
import { mergeRequests, type ReconcileRequest } from "../../gitops/reconcile/request.ts";
import type { OperationRun } from "./application-operation.ts";
import type { UsedRepository } from "./repository-poller.ts";

/** Requests that were taken to be acted on, as one, and whom to tell once that is done. */
export interface Taken {
  readonly pending: ReconcileRequest | undefined;
  readonly done: readonly (() => void)[];
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
  /** Whether requests were passed over since the last look: pushes may be among them. */
  hasPassedOver: boolean;
  isSoon: boolean;
  /** What people said by annotations about automated syncs, at the last look. */
  consent: string;
  /** The one timer that asks again. */
  timer: AbortController | undefined;
}

const nothing: Taken = { pending: undefined, done: [] };

/** `former`: one of the same name that is no more; what it was asked for goes on. */
export function createEntry(uid: string, former: Entry | undefined): Entry {
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
    hasPassedOver: false,
    isSoon: false,
    timer: undefined,
  };
}

export function addRequest(entry: Entry, request: ReconcileRequest, done: (() => void) | undefined): void {
  entry.waiting = join(entry.waiting, { pending: request, done: done === undefined ? [] : [done] });
}

/** All that waits. `isBusy`: an operation is in progress, so that a wish that is held stays held. */
export function takeRequests(entry: Entry, isBusy: boolean): Taken {
  const taken = isBusy ? entry.waiting : join(entry.held, entry.waiting);
  entry.waiting = nothing;
  if (!isBusy) entry.held = nothing;
  return taken;
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
  for (const call of done) call();
}

function join(earlier: Taken, later: Taken): Taken {
  const pending = later.pending === undefined ? earlier.pending : mergeRequests(earlier.pending, later.pending);
  return { pending, done: later.done.length === 0 ? earlier.done : [...earlier.done, ...later.done] };
}

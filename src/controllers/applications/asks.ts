import { type Clock, sleepFor, unneeded } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";
import type { ReconcileRequest } from "../../gitops/reconcile/request.ts";
import { addRequest, type Done, type Entry } from "./application-entry.ts";
import type { ApplicationIndex } from "./application-index.ts";
import { applicationPartition, type Tenure } from "./application-partition.ts";
import { type LocalReason, localEvent, requestFor } from "./application-requests.ts";
import type { ApplicationStore } from "./application-store.ts";
import { createEarlyRequests } from "./early-requests.ts";
import type { KnownApplications } from "./known-applications.ts";

/** The reasons to look at Applications of this engine, on their way to the queue; see `ApplicationController`. */
export interface Asks {
  offer(received: ReceivedEvent): readonly string[];
  offerStored(application: string, received: ReceivedEvent, done: () => void): void;
  offerLocal(reason: LocalReason): Promise<void>;
  /** The Application was read, well or not: what came for it before is handed on. */
  onReadable(key: string): void;
  /** Forgets what is held for the Applications of a partition that went: it is stored. */
  drop(partition: number): void;
}

export interface AsksDeps {
  readonly known: KnownApplications;
  readonly tenure: Tenure;
  readonly store: ApplicationStore;
  readonly index: ApplicationIndex;
  readonly metrics: Pick<Metrics, "eventRejected">;
  readonly request: (namespace: string, name: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

export function createAsks(deps: AsksDeps): Asks {
  const { known, tenure, store, index, metrics, clock, log, stop } = deps;
  const early = createEarlyRequests({ clock, log, stop, isThere: (key) => store.find(key) !== undefined });

  function offer(received: ReceivedEvent, only: string | undefined, done: Done | undefined): readonly string[] {
    const request = requestFor(received);
    const keys = request === undefined ? [] : takersOf(received, only);
    if (request === undefined || keys.length === 0) done?.call();
    else for (const key of keys) submit(key, request, done);
    return keys;
  }

  function takersOf(received: ReceivedEvent, only: string | undefined): readonly string[] {
    const keys = new Set<string>();
    for (const { key, decision } of index.match(received, clock.now(), only ?? tenure.has)) {
      if (decision.kind === "fire" && tenure.has(key)) keys.add(key);
      if (decision.kind === "rejected") countRejected(key, decision.dependency);
    }
    return [...keys];
  }

  function countRejected(key: string, dependency: string): void {
    const [namespace = "", sensor_name = ""] = key.split("/");
    metrics.eventRejected.add({ namespace, sensor_name, dependency });
  }

  function submit(key: string, request: ReconcileRequest, done: Done | undefined): void {
    const entry = known.find(key);
    if (entry === undefined) {
      done?.call();
      return;
    }
    addRequest(entry, request, done);
    const isDrift = request.causes.every(({ reason }) => reason === "drift");
    if (isDrift) askSoon(key, entry, request, deps);
    else askFor(key, deps);
  }

  function submitDirectly(key: string, received: ReceivedEvent, call: () => void): void {
    const request = requestFor(received);
    if (request === undefined) call();
    else submit(key, request, { call, isStored: true });
  }

  return {
    offer: (received) => offer(received, undefined, undefined),
    offerStored(application, received, done) {
      if (!tenure.has(application)) return; // it stays stored, for the engine that has it
      const entry = known.find(application);
      // What it asks for was decided when it was stored; before its first reconcile an Application is in no index.
      if (entry?.sensor !== undefined) offer(received, application, { call: done, isStored: true });
      else if (entry?.problem === undefined) early.add(application, { received, done });
      else submitDirectly(application, received, done);
    },
    offerLocal: (reason) =>
      new Promise((resolve) => {
        offer(localEvent(reason, clock.now()), reason.application, { call: resolve, isStored: false });
      }),
    onReadable(key) {
      for (const { received, done } of early.take(key)) submitDirectly(key, received, done);
    },
    drop: (partition) => early.drop((key) => applicationPartition(key) === partition),
  };
}

function askFor(key: string, { request }: AsksDeps): void {
  const [namespace = "", name = ""] = key.split("/");
  request(namespace, name);
}

function askSoon(key: string, entry: Entry, { objects }: ReconcileRequest, deps: AsksDeps): void {
  entry.pace.changed(objects, deps.clock.monotonicMs());
  if (entry.isSoon) return;
  entry.isSoon = true;
  untilDue(entry, deps).then(
    () => {
      entry.isSoon = false;
      entry.pace.looked(entry.run !== undefined, deps.clock.monotonicMs());
      askFor(key, deps);
    },
    () => undefined, // the engine ends
  );
}

/** A timer that is so late says that nothing ran: changes are on their way that came before it. */
const standstillMs = 50;
const settleMs = 20;
const maxStandstills = 5;

async function untilDue(entry: Entry, deps: AsksDeps): Promise<void> {
  for (let standstills = 0; ; ) {
    const { run } = entry;
    const leftMs = entry.pace.dueMs(run !== undefined) - deps.clock.monotonicMs();
    if (leftMs > 0) await sleepWhile(run, leftMs, deps);
    else if (leftMs > -standstillMs || ++standstills > maxStandstills) return;
    else await sleepFor(deps.clock, settleMs, deps.stop);
  }
}

/** The end of an operation makes a look due that would have waited for it. */
async function sleepWhile(run: Entry["run"], ms: number, { clock, stop }: AsksDeps): Promise<void> {
  if (run === undefined) return await sleepFor(clock, ms, stop);
  const ended = new AbortController();
  const end = (): void => ended.abort(unneeded);
  run.ended.then(end, end);
  try {
    await sleepFor(clock, ms, AbortSignal.any([stop, ended.signal]));
  } catch (error) {
    if (!ended.signal.aborted || stop.aborted) throw error;
  }
}

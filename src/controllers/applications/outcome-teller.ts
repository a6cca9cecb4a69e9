import { createHash } from "node:crypto";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { parseJson } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import { Waiters } from "../../base/waiters.ts";
import type { StateStore } from "../../events/bus/bus.ts";
import type { GitOpsRequest } from "../../events/triggers/gitops-request.ts";
import { maxHops } from "../../events/triggers/hops.ts";
import type { EmittedEvent, GitOpsTarget } from "../../events/triggers/trigger.ts";
import type { WatchCache } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { SyncRecord } from "../../record/records.ts";
import { type TraceContext, traceContextOf } from "../../record/trace-context.ts";
import {
  applicationOutcomeNames,
  askedFor,
  lastSyncKey,
  outcomeEvent,
  outcomesSince,
  parseState,
  stateOf,
  traceAskedIn,
  writtenState,
} from "./application-outcomes.ts";
import { applicationPartition } from "./application-partition.ts";

export interface OutcomeTellerDeps {
  readonly cache: Pick<WatchCache, "find" | "items" | "onChange" | "synced">;
  /** What was told last, by Application: after a crash it goes on from there. */
  readonly store: StateStore;
  readonly hops: Pick<HopStore, "find">;
  /** The record of a sync by its key; undefined: nobody knows it any more. */
  readonly syncRecord: (key: string) => Promise<SyncRecord | undefined>;
  readonly isHeard: (namespace: string, event: string) => boolean;
  readonly publish: (event: EmittedEvent, namespace: string) => Promise<void>;
  /** Whether the Application is this engine's to tell of; default: all are. */
  readonly isOurs?: (application: string) => boolean;
  /** Tells of Applications that became this engine's, by partition. */
  readonly onCome?: (listener: (partition: number) => void) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Tells what becomes of Applications as events of the EventSource `tiphys`, in the Application's namespace, while somebody
 * there listens. Each turn is told at least once, and by the same id; who begins to listen hears of what comes then.
 */
export async function tellOutcomes(deps: OutcomeTellerDeps, signal: AbortSignal): Promise<void> {
  const { cache, clock, log } = deps;
  const waiting = new Set<string>();
  const waiters = new Waiters();
  const offer = (namespace = "", name = ""): void => {
    waiting.add(`${namespace}/${name}`);
    waiters.wake();
  };
  const later = new Set<string>();
  const offerLater = (key: string): void => {
    if (later.has(key)) return;
    later.add(key);
    sleepFor(clock, laterMs, signal).then(
      () => {
        later.delete(key);
        waiting.add(key);
        waiters.wake();
      },
      () => undefined, // the engine ends
    );
  };
  const stop = cache.onChange(({ object }) => offer(object.metadata.namespace, object.metadata.name));
  for (const { metadata } of cache.items()) offer(metadata.namespace, metadata.name);
  deps.onCome?.((partition) => {
    for (const { metadata } of cache.items()) {
      const { namespace = "", name = "" } = metadata;
      if (applicationPartition(`${namespace}/${name}`) === partition) offer(namespace, name);
    }
  });
  try {
    while (!signal.aborted) {
      const [key] = waiting;
      if (key === undefined) {
        await waiters.wait(signal);
        continue;
      }
      waiting.delete(key);
      if (deps.isOurs?.(key) === false) continue;
      await untilTold(key, deps, signal).catch((error: unknown) => {
        if (signal.aborted) return;
        log.warn("outcomes of an Application could not be told, will retry", { application: key, error });
        offerLater(key);
      });
    }
  } finally {
    stop();
  }

  async function untilTold(key: string, told: OutcomeTellerDeps, ends: AbortSignal): Promise<void> {
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      try {
        return await tellOne(key, told);
      } catch (error) {
        if (attempt === maxAttempts) throw error;
        await sleepFor(clock, backoffMs(reconnectBackoff, attempt), ends);
      }
    }
  }
}

/** Then others have their turn; the stored state still stands before what could not be told. */
const maxAttempts = 5;
const laterMs = 30_000;

async function tellOne(key: string, deps: OutcomeTellerDeps): Promise<void> {
  const { cache, store, isHeard } = deps;
  const [namespace = "", name = ""] = key.split("/");
  const object = cache.find(namespace, name);
  const place = createHash("sha256").update(key).digest("hex").slice(0, 32);
  if (!object) return forget(place, store);
  if (!applicationOutcomeNames.some((event) => isHeard(namespace, event))) return;
  const entry = await store.get(place);
  const before = entry && parseState(parseJson(Buffer.from(entry.value).toString("utf8")));
  const after = writtenState(stateOf(object));
  const since = `${entry?.revision ?? 0}`;
  for (const event of before ? outcomesSince(before, object) : []) {
    if (!isHeard(namespace, event)) continue;
    await tellTurn(event, object, since, deps);
  }
  if (!before || JSON.stringify(writtenState(before)) !== JSON.stringify(after)) {
    await store.put(place, Buffer.from(JSON.stringify(after)), entry?.revision ?? 0);
  }
}

async function tellTurn(
  event: (typeof applicationOutcomeNames)[number],
  object: KubeObject,
  since: string,
  { hops, syncRecord, publish, log }: OutcomeTellerDeps,
): Promise<void> {
  const { hops: earlier, trace = traceAskedIn(object) } = await hops.find(askedFor(object));
  const hop = earlier + 1;
  if (hop > maxHops) {
    log.warn("an outcome is not told: too many events of ours led to it", { event, hop });
    return;
  }
  const sync = event === "application-synced" ? await syncRecord(lastSyncKey(object)) : undefined;
  await publish(outcomeEvent(event, object, since, { hop, trace, sync }), object.metadata.namespace ?? "");
}

/** One of the same name that comes later is another Application. */
async function forget(place: string, store: StateStore): Promise<void> {
  const entry = await store.get(place);
  if (entry !== undefined) await store.delete(place, entry.revision);
}

/** Where what was asked of Applications comes from, by the keys of the effects that asked. */
export interface HopStore {
  keep(request: GitOpsRequest): Promise<void>;
  /** Of those of `keys` that are known. */
  find(keys: readonly string[]): Promise<Origin>;
}

export interface Origin {
  /** How many events of ours led to it, at most; 0 for what is not known. */
  readonly hops: number;
  /** That which the last of them was asked in. */
  readonly trace?: TraceContext;
}

/** Operations take an hour at most; what is asked later has been forgotten. */
export const hopStore = { name: "hops", ttlMs: 24 * 60 * 60 * 1_000 };

export function createHopStore(store: StateStore): HopStore {
  const placeOf = (key: string): string => createHash("sha256").update(key).digest("hex").slice(0, 32);
  return {
    async keep({ key, hop, trace }) {
      if (hop <= 1 && trace === undefined) return;
      const text = [String(hop), ...(trace ? [trace.traceparent, trace.tracestate ?? ""] : [])].join(" ");
      await store.put(placeOf(key), Buffer.from(text));
    },
    async find(keys) {
      let hops = 0;
      let trace: TraceContext | undefined;
      for (const key of keys.slice(-maxKeys)) {
        const entry = await store.get(placeOf(key));
        if (entry === undefined) continue;
        const [count, traceparent, ...state] = Buffer.from(entry.value).toString("utf8").split(" ");
        if (Number.isSafeInteger(Number(count))) hops = Math.max(hops, Number(count));
        trace = traceContextOf(traceparent, state.join(" ")) ?? trace;
      }
      return { hops, ...(trace && { trace }) };
    },
  };
}

const maxKeys = 32;

/** The target, with the hops of each request kept before it is asked. */
export function withHops(target: GitOpsTarget, hops: HopStore): GitOpsTarget {
  return {
    ...target,
    async request(request, kube, signal) {
      await hops.keep(request);
      return target.request(request, kube, signal);
    },
  };
}

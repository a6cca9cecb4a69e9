import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type {
  Delivery,
  EventBus,
  ReadBatch,
  StateChange,
  StateStore,
  StoredMessage,
  StreamSpec,
} from "../../src/events/bus/bus.ts";
import { rawSubject, type Subject } from "../../src/record/subject.ts";

/** A place where a bus keeps its messages; disposed of by the suite. */
export interface BusPlace extends AsyncDisposable {
  open(streams: readonly StreamSpec[]): Promise<EventBus>;
  /** Ends whatever holds the messages without warning, and brings it back. */
  crash(): Promise<void>;
  /** Ends whatever holds the messages for good. */
  leave(): Promise<void>;
  /** Deletes a stream behind the bus's back (the bus is closed). */
  removeStream(name: string): Promise<void>;
}

export interface BusDriver {
  readonly name: string;
  readonly skip: string | false;
  /** Why the suite cannot part the bus from its place. */
  readonly cannotBeAway?: string;
  place(): Promise<BusPlace>;
}

export const a1 = rawSubject("events.a.1");
export const a2 = rawSubject("events.a.2");
export const b1 = rawSubject("events.b.1");
export const all = rawSubject("events.>");

export function streams(limits: Partial<StreamSpec> = {}): StreamSpec[] {
  return [
    { name: "events", subjects: [all], dedupeWindowMs: 60_000, ...limits },
    { name: "state", subjects: [rawSubject("state.>")], dedupeWindowMs: 60_000 },
  ];
}

export function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

export function textOf(message: StoredMessage): string {
  return Buffer.from(message.data).toString("utf8");
}

export async function publishAll(bus: EventBus, subject: Subject, texts: readonly string[]): Promise<void> {
  await Promise.all(texts.map((text) => bus.publish(subject, { id: text, data: bytes(text) })));
}

export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

export async function readAll(
  bus: EventBus,
  query: Partial<Parameters<EventBus["read"]>[0]> = {},
): Promise<ReadBatch[]> {
  const batches: ReadBatch[] = [];
  const signal = AbortSignal.timeout(10_000);
  for await (const batch of bus.read({ subjects: [all], from: "first", follow: false, ...query }, signal)) {
    batches.push(batch);
  }
  assert.equal(signal.aborted, false, "the read did not end by itself");
  return batches;
}

export function texts(batches: readonly ReadBatch[]): string[] {
  return batches.flatMap((batch) => batch.messages.map(textOf));
}

/** Bytes of messages in this process, without those that nobody refers to any more. */
export function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().arrayBuffers;
}

/** Whether `probe` gave the same, within a MiB, five times in a row. */
export function settled(probe: () => number): () => boolean {
  let before = -1;
  let times = 0;
  return () => {
    const now = probe();
    times = Math.abs(now - before) < 2 ** 20 ? times + 1 : 0;
    before = now;
    return times >= 5;
  };
}

/** Follows in the background; what arrived is in `batches`. */
export function follow(bus: EventBus, query: Partial<Parameters<EventBus["read"]>[0]> = {}) {
  const batches: ReadBatch[] = [];
  const stop = new AbortController();
  const ended = (async () => {
    for await (const batch of bus.read({ subjects: [all], from: "first", follow: true, ...query }, stop.signal)) {
      batches.push(batch);
    }
  })();
  return {
    batches,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

export function work(bus: EventBus, durable: string, onDelivery: (delivery: Delivery) => Promise<void>, options = {}) {
  const stop = new AbortController();
  const share = { maxInFlight: 10, ackWaitMs: 60_000, from: "first" as const, ...options };
  const ended = (async () => {
    for await (const deliveries of bus.share(durable, all, share, stop.signal)) {
      for (const delivery of deliveries) await onDelivery(delivery);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

export function changeText(change: StateChange): string {
  return "deleted" in change ? `${change.key} deleted` : `${change.key}=${Buffer.from(change.value)}`;
}

/** Watches in the background; what came is in `changes`. */
export function watch(state: StateStore, prefix: string) {
  const changes: string[] = [];
  const stop = new AbortController();
  const ended = (async () => {
    for await (const change of state.watch(prefix, stop.signal)) changes.push(changeText(change));
  })();
  return {
    changes,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

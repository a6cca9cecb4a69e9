import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import type { EventBus, Position, ReadBatch, Sequence, StateStore } from "../../events/bus/bus.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";
import { rawSubject, subjectOf } from "../../record/subject.ts";
import { applicationPartition, applicationPartitions } from "./application-partition.ts";
import { type Cursor, createCursor, epochOf, flushCursor, isCaughtUp, startAnew } from "./reconcile-cursor.ts";

/** Subjects `reconcile.<namespace>.<application>` of the system bus (DESIGN section 4). */
const stream = "reconcile";
const version = 1;
/** Stands in place of an Application where every engine is told: no Application can have this name. */
const everyEngine = "*/engines";
/** How often positions are stored, at most. */
const flushMs = 1_000;
/** How often those of partitions that were asked for nothing are: so that no take-over reads far back. */
const idleFlushMs = 60_000;
/** Partitions come and go many at a time: reading begins anew once for all of them. */
const gatherMs = 50;
/** Requests that wait for their Applications; beyond, reading waits. */
const maxPending = 10_000;

export interface ReconcileStreamDeps {
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
  /** Which partitions of Applications are this engine's; the requests of others are left to theirs. Default: all. */
  readonly owns?: (partition: number) => boolean;
  /**
   * Takes a stored request. `done` is called once it was acted on, or is known to concern nothing; until then a restart,
   * or the engine that has the Application next, takes it again.
   */
  readonly onRequest: (application: string, received: ReceivedEvent, done: () => void) => void;
  /** Takes what every engine is told; it may come again. */
  readonly onTold?: (received: ReceivedEvent) => void;
}

export interface ReconcileStream {
  /** Resolves once the request is kept. The same event for the same Application within two minutes is kept once. */
  store(application: string, received: ReceivedEvent): Promise<void>;
  /** Tells every engine that runs; who starts later has to look for itself. */
  tell(received: ReceivedEvent): Promise<void>;
  /** Takes stored requests until `signal` aborts; waits for a bus that is away. */
  run(signal: AbortSignal): Promise<void>;
  /** `owns` answers something else now: what came is read from where its former owner was, what went is left alone. */
  changed(): void;
  /** Stores how far a partition was acted on, for the engine that has it next. Never rejects. */
  leave(partition: number): Promise<void>;
}

/** Requests that must not be lost: each is stored before anything is done about it. */
export function createReconcileStream(deps: ReconcileStreamDeps): ReconcileStream {
  return new StoredRequests(deps);
}

/**
 * One reader of the whole stream, with a cursor for each partition of Applications that is this engine's. A partition that
 * comes makes it read again from where that one's former owner was; what the others have had by then is passed over.
 */
class StoredRequests implements ReconcileStream {
  readonly #deps: ReconcileStreamDeps;
  readonly #state: StateStore;
  readonly #cursors = new Map<number, Cursor>();
  readonly #owns: (partition: number) => boolean;
  #epoch = "";
  /** What was read in this epoch, by whichever cursor. */
  #through: Sequence = 0;
  #round = new AbortController();
  #wake: () => void = () => undefined;
  #idleFlushedAt: number;

  constructor(deps: ReconcileStreamDeps) {
    this.#deps = deps;
    this.#state = deps.bus.state(stream);
    this.#owns = deps.owns ?? (() => true);
    this.#idleFlushedAt = deps.clock.monotonicMs();
  }

  store(application: string, received: ReceivedEvent): Promise<void> {
    return this.#publish(application, received);
  }

  tell(received: ReceivedEvent): Promise<void> {
    return this.#publish(everyEngine, received);
  }

  async #publish(application: string, received: ReceivedEvent): Promise<void> {
    const subject = subjectOf(stream, ...application.split("/"));
    const data = new TextEncoder().encode(JSON.stringify({ v: version, application, received }));
    await this.#deps.bus.publish(subject, { id: `${subject} ${received.event.id}`, data });
  }

  async run(signal: AbortSignal): Promise<void> {
    const flushing = this.#flushUntil(signal);
    for (let attempt = 1; !signal.aborted; attempt++) {
      this.#round = new AbortController();
      const stop = AbortSignal.any([signal, this.#round.signal]);
      try {
        await this.#open();
        await this.#follow(stop, () => {
          attempt = 0;
        });
        await sleepFor(this.#deps.clock, gatherMs, signal);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof EngineError) || error instanceof TerminalError) throw error;
        this.#deps.log.warn("stored requests wait for the bus", { attempt, error });
        await sleepFor(this.#deps.clock, backoffMs(reconnectBackoff, attempt), signal).catch(() => undefined);
      }
    }
    await flushing;
    await this.#flush(true);
    this.#cursors.clear();
  }

  changed(): void {
    const owned = this.#owned();
    for (const partition of [...this.#cursors.keys()]) if (!owned.includes(partition)) this.#cursors.delete(partition);
    if (owned.some((partition) => !this.#cursors.has(partition))) this.#round.abort();
    this.#wake();
  }

  async leave(partition: number): Promise<void> {
    const cursor = this.#cursors.get(partition);
    if (cursor === undefined) return;
    this.#cursors.delete(partition);
    this.#wake();
    await this.#store(partition, cursor);
  }

  #owned(): readonly number[] {
    return Array.from({ length: applicationPartitions }, (_, partition) => partition).filter(this.#owns);
  }

  /** Cursors of the partitions that came. */
  async #open(): Promise<void> {
    const missing = this.#owned().filter((partition) => !this.#cursors.has(partition));
    if (missing.length === 0) return;
    const entries = new Map((await this.#state.entries("position")).map((entry) => [entry.key, entry]));
    for (const partition of missing) {
      if (!this.#owns(partition)) continue; // it went meanwhile
      const entry = entries.get(positionKey(partition));
      // Before there were partitions, one position stood for all.
      const value = (entry ?? entries.get("position"))?.value;
      const cursor = createCursor(value, entry?.revision ?? 0);
      if (cursor === undefined) {
        this.#deps.log.error("the position of stored requests cannot be read; all are taken again", { partition });
      }
      this.#cursors.set(partition, cursor ?? createCursor(undefined, entry?.revision ?? 0));
    }
  }

  /** Where the cursor that is furthest back stands. */
  #from(): Position {
    const cursors = [...this.#cursors.values()];
    const epoch = epochOf(cursors);
    if (epoch === undefined) return "first";
    return { epoch, after: Math.min(...cursors.map(({ read }) => read)) };
  }

  async #follow(stop: AbortSignal, onProgress: () => void): Promise<void> {
    if (this.#cursors.size === 0) return untilAborted(stop);
    const query = { subjects: [rawSubject(`${stream}.>`)], from: this.#from(), follow: true };
    for await (const batch of this.#deps.bus.read(query, stop)) {
      if (stop.aborted) return;
      onProgress();
      this.#takeBatch(batch);
      await this.#room(stop);
    }
  }

  #takeBatch({ epoch, lost, messages, through }: ReadBatch): void {
    if (epoch !== this.#epoch) this.#through = 0;
    this.#epoch = epoch;
    for (const cursor of this.#cursors.values()) if (cursor.epoch !== epoch) startAnew(cursor, epoch);
    if (lost) this.#deps.log.error("requests were dropped by the bus before they were read", lost);
    for (const { sequence, data } of messages) this.#take(sequence, data);
    for (const cursor of this.#cursors.values()) cursor.read = Math.max(cursor.read, through);
    this.#through = Math.max(this.#through, through);
  }

  #take(sequence: Sequence, data: Uint8Array): void {
    const isNew = sequence > this.#through;
    const stored = decode(data);
    if ("problem" in stored) {
      if (isNew) this.#deps.log.error("a stored request was skipped", { sequence, reason: stored.problem });
    } else if (stored.application === everyEngine) {
      if (isNew) this.#deps.onTold?.(stored.received);
    } else this.#hand(sequence, stored);
  }

  #hand(sequence: Sequence, { application, received }: Stored): void {
    const cursor = this.#cursors.get(applicationPartition(application));
    if (cursor === undefined || sequence <= cursor.read) return;
    const { pending } = cursor;
    pending.add(sequence);
    cursor.taken = sequence;
    this.#deps.onRequest(application, received, () => {
      pending.delete(sequence);
      this.#wake();
    });
  }

  async #room(signal: AbortSignal): Promise<void> {
    while (this.#waiting() > maxPending && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const leave = (): void => resolve();
      this.#wake = resolve;
      signal.addEventListener("abort", leave, { once: true });
      await promise;
      signal.removeEventListener("abort", leave);
    }
  }

  #waiting(): number {
    let count = 0;
    for (const { pending } of this.#cursors.values()) count += pending.size;
    return count;
  }

  async #flushUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleepFor(this.#deps.clock, flushMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.#flush(false);
    }
  }

  /** A position passes a request once it was acted on. Those that were asked for nothing are stored now and then only. */
  async #flush(isAll: boolean): Promise<void> {
    const now = this.#deps.clock.monotonicMs();
    const isIdleDue = isAll || now - this.#idleFlushedAt >= idleFlushMs;
    if (isIdleDue) this.#idleFlushedAt = now;
    const due = [...this.#cursors].filter(([partition, cursor]) => {
      return (isIdleDue || !isCaughtUp(cursor)) && this.#owns(partition);
    });
    await Promise.all(due.map(([partition, cursor]) => this.#store(partition, cursor)));
  }

  async #store(partition: number, cursor: Cursor): Promise<void> {
    try {
      await flushCursor(cursor, positionKey(partition), this.#state);
    } catch (error) {
      this.#deps.log.warn("a position could not be stored", { partition, error });
    }
  }
}

function positionKey(partition: number): string {
  return `position/${partition}`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

interface Stored {
  readonly application: string;
  readonly received: ReceivedEvent;
}

function decode(data: Uint8Array): Stored | { readonly problem: string } {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(data));
    if (!isJsonObject(value) || typeof value.application !== "string" || !isJsonObject(value.received)) {
      return { problem: "it is no request" };
    }
    if (value.v !== version) return { problem: `it has version ${value.v}, this program knows ${version}` };
    return { application: value.application, received: value.received as unknown as ReceivedEvent };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

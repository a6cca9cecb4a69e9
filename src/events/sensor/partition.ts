import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { type Subject, subjectOf } from "../../record/subject.ts";
import type { EventBus } from "../bus/bus.ts";
import { type CellChange, openPartitionLog, openPartitionLogs, type PartitionLog } from "./partition-log.ts";

/** Fixed for ever: it is part of where state is stored (DESIGN section 4). */
const partitionCount = 64;
/** The most that a crash has to do again. */
const flushEveryMs = 100;
/** How often members that saw nothing of their own still move their position on. */
const idleFlushEveryMs = 10_000;
/** How long storing may take for one who leaves or is forgotten while the bus is away. */
const lastFlushMs = 2_000;

/** What a member wants stored, taken at one moment; `committed` is called once it is. */
export interface Contribution {
  readonly changes: readonly CellChange[];
  committed(): void;
}

/** One Sensor as its partition sees it. */
export interface PartitionMember {
  /** What changed since the last call that was committed; undefined for nothing. Calls never overlap a commit. */
  collect(): Contribution | undefined;
  /** The state can no longer be stored by this owner (BUS_STALE) or at all: the member must stop. */
  fail(error: unknown): void;
}

export interface Partition {
  readonly cells: ReadonlyMap<string, unknown>;
  join(member: PartitionMember): void;
  /** Stores what the member contributes last, for 2 s at most, then forgets it; failing that, what is stored stays. */
  leave(member: PartitionMember): Promise<void>;
  /** Asks for a flush within 100 ms, or at once when `urgent`. */
  markDirty(member: PartitionMember, urgent?: boolean): void;
  /** Removes all cells whose key begins with `prefix`. @throws EngineError BUS_UNAVAILABLE when that was not stored. */
  forget(prefix: string): Promise<void>;
}

export interface PartitionsOptions {
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Partitions {
  /** Reads what is stored, before anything runs. @returns every cell, e.g. to learn what the ledger must be asked. */
  open(signal: AbortSignal): Promise<readonly ReadonlyMap<string, unknown>[]>;
  /** Opens the partition of a Sensor, by a hash of namespace and name, once. */
  of(namespace: string, name: string): Promise<Partition>;
  /** Flushes until `signal` aborts, then once more. */
  run(signal: AbortSignal): Promise<void>;
}

/** FNV-1a over UTF-16 code units; any stable hash does. */
export function partitionOf(namespace: string, name: string): number {
  let hash = 0x811c9dc5;
  for (const char of `${namespace}/${name}`) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash % partitionCount;
}

export function createPartitions({ bus, clock, log }: PartitionsOptions): Partitions {
  const opened = new Map<number, Promise<OpenPartition>>();
  const stop = new AbortController();
  const running = new Set<Promise<void>>();

  function subjectOfPartition(number: number): Subject {
    return subjectOf("state", String(number));
  }

  async function open(number: number, known?: PartitionLog): Promise<OpenPartition> {
    const state = known ?? (await openPartitionLog(bus, subjectOfPartition(number), stop.signal));
    const partition = new OpenPartition(state, clock, log.child({ partition: number }));
    const run = partition.run(stop.signal);
    running.add(run);
    void run.then(() => running.delete(run));
    return partition;
  }

  return {
    async open(signal) {
      const logs = await openPartitionLogs(bus, signal);
      for (let number = 0; number < partitionCount; number++) {
        const known = logs.get(subjectOfPartition(number));
        if (known) opened.set(number, open(number, known));
      }
      return [...logs.values()].map((known) => known.cells);
    },
    async of(namespace, name) {
      const number = partitionOf(namespace, name);
      const existing = opened.get(number);
      if (existing !== undefined) {
        const partition = await existing;
        if (!partition.failed) return partition;
        // Who waits for the same partition opens it once: two owners would fence each other off.
        if (opened.get(number) !== existing) return this.of(namespace, name);
      }
      const opening = open(number);
      opened.set(number, opening);
      opening.catch(() => opened.get(number) === opening && opened.delete(number));
      return opening;
    },
    async run(signal) {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
      stop.abort(signal.reason);
      await Promise.all(running);
    },
  };
}

/**
 * Gathers what its members want stored and appends it as one change. States: quiet (nothing dirty), due (a flush is set
 * for 100 ms after the first mark, or now), flushing (one at a time), failed (another owner took over; members are told).
 */
class OpenPartition implements Partition {
  readonly #state: PartitionLog;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #members = new Set<PartitionMember>();
  readonly #dirty = new Set<PartitionMember>();
  #forgotten: CellChange[] = [];
  #urgent = false;
  #wake: () => void = () => undefined;
  #flushing: Promise<void> = Promise.resolve();
  readonly #failure = new AbortController();

  constructor(state: PartitionLog, clock: Clock, log: Logger) {
    this.#state = state;
    this.#clock = clock;
    this.#log = log;
  }

  get failed(): boolean {
    return this.#failure.signal.aborted;
  }

  get cells(): ReadonlyMap<string, unknown> {
    return this.#state.cells;
  }

  join(member: PartitionMember): void {
    this.#members.add(member);
  }

  async leave(member: PartitionMember): Promise<void> {
    this.#dirty.add(member);
    try {
      await this.#flushLast();
    } finally {
      this.#members.delete(member);
      this.#dirty.delete(member);
      if (this.#dirty.size === 0) this.#urgent = false;
    }
  }

  markDirty(member: PartitionMember, urgent = false): void {
    if (!this.#members.has(member)) return;
    const wasQuiet = this.#dirty.size === 0;
    this.#dirty.add(member);
    if (urgent && !this.#urgent) {
      this.#urgent = true;
      this.#wake();
    } else if (wasQuiet) this.#wake();
  }

  async forget(prefix: string): Promise<void> {
    for (const key of this.#state.cells.keys()) if (key.startsWith(prefix)) this.#forgotten.push([key, null]);
    await this.#flushLast();
    if (this.failed) throw new EngineError("BUS_UNAVAILABLE", `the state of "${prefix}" could not be removed`);
  }

  async run(signal: AbortSignal): Promise<void> {
    let idleAt = this.#clock.monotonicMs() + idleFlushEveryMs;
    while (!signal.aborted && !this.failed) {
      if (this.#dirty.size === 0) await this.#pause(idleAt - this.#clock.monotonicMs(), signal);
      if (this.#dirty.size > 0) await this.#pause(flushEveryMs, signal);
      if (this.#clock.monotonicMs() >= idleAt) {
        for (const member of this.#members) this.#dirty.add(member);
        idleAt = this.#clock.monotonicMs() + idleFlushEveryMs;
      }
      if (this.#dirty.size > 0) await this.#flush(signal);
    }
  }

  /** Sleeps `ms`, less when something is marked that cannot wait. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#urgent || ms <= 0) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleepFor(this.#clock, ms, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
    this.#wake = () => undefined;
  }

  /** A bus that stays away must not hold up whoever leaves: then this owner gives up, and the state is read anew. */
  async #flushLast(): Promise<void> {
    const done = new AbortController();
    const limit = sleepFor(this.#clock, lastFlushMs, done.signal).then(
      () => this.#fail(new EngineError("BUS_UNAVAILABLE", `state could not be stored within ${lastFlushMs} ms`)),
      () => false,
    );
    await Promise.race([this.#flush(this.#failure.signal), limit]);
    done.abort();
  }

  #flush(signal: AbortSignal): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flushOnce(signal));
    return this.#flushing;
  }

  /** Never rejects: whatever goes wrong here fails this owner. */
  async #flushOnce(signal: AbortSignal): Promise<void> {
    try {
      await this.#storeDirty(signal);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #storeDirty(signal: AbortSignal): Promise<void> {
    if (this.failed) return;
    this.#urgent = false;
    const contributions = [...this.#dirty].map((member) => member.collect()).filter((one) => one !== undefined);
    this.#dirty.clear();
    const changes = [...contributions.flatMap((one) => one.changes), ...this.#forgotten];
    const forgotten = this.#forgotten.length;
    if (changes.length > 0 && !(await this.#append(changes, signal))) return;
    this.#forgotten = this.#forgotten.slice(forgotten);
    for (const contribution of contributions) contribution.committed();
  }

  /** Retries while the bus is away; false when this owner cannot store any more, or is told to stop before it could. */
  async #append(changes: readonly CellChange[], signal: AbortSignal): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#state.append(changes);
        return !this.failed;
      } catch (error) {
        if (this.failed) return false;
        const retry = error instanceof EngineError && error.code === "BUS_UNAVAILABLE" && !signal.aborted;
        if (!retry) return this.#fail(error);
        this.#log.warn("state could not be stored, will retry", { attempt, error });
        const either = AbortSignal.any([signal, this.#failure.signal]);
        await sleepFor(this.#clock, backoffMs(reconnectBackoff, attempt), either).catch(() => undefined);
        if (this.failed) return false;
      }
    }
  }

  #fail(error: unknown): false {
    if (this.failed) return false;
    this.#failure.abort(error);
    this.#wake();
    this.#log.error("state can no longer be stored; its Sensors stop", { error });
    for (const member of this.#members) member.fail(error);
    return false;
  }
}

import { randomUUID } from "node:crypto";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { CommonDelay } from "../../base/common-delay.ts";
import { EngineError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { type Subject, subjectOf } from "../../record/subject.ts";
import type { EventBus } from "../bus/bus.ts";
import { type CellChange, openPartitionLog, openPartitionLogs, type PartitionLog } from "./partition-log.ts";

/** Fixed for ever: it is part of where state is stored (DESIGN section 4). */
export const partitionCount = 64;
/** The most that a crash has to do again. */
const flushEveryMs = 100;
/** How often members that saw nothing of their own still move their position on. */
const idleFlushEveryMs = 10_000;
/** How long storing may take for one who leaves or is forgotten while the bus is away. */
const lastFlushMs = 2_000;
/** How often a partition that others still write to is read again to be claimed. */
const maxClaims = 5;
/** Every change of an owner names it here, so that no two owners ever write the same bytes. */
const ownerCell = "owner";

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
  /** Another engine may have acted for its Sensors since this one started. */
  readonly isTakenOver: boolean;
  /** Whether its Sensors may act now: asked before each effect, since a process may have been stopped for a while. */
  mayAct(): boolean;
  join(member: PartitionMember): void;
  /** Stores what the member contributes last, for 2 s at most, then forgets it; failing that, what is stored stays. */
  leave(member: PartitionMember): Promise<void>;
  /** Asks for a flush within 100 ms, or at once when `urgent`. */
  markDirty(member: PartitionMember, urgent?: boolean): void;
  /** Removes all cells whose key begins with `prefix`. @throws EngineError BUS_UNAVAILABLE when that was not stored. */
  forget(prefix: string): Promise<void>;
}

/** Which partitions this engine works on; it may change at any time. */
export interface PartitionOwnership {
  /** May be opened. */
  owns(number: number): boolean;
  /** May go on, also to its end. */
  holds(number: number): boolean;
}

export interface PartitionsOptions {
  readonly bus: EventBus;
  /** Absent: all, and nobody else writes. */
  readonly ownership?: PartitionOwnership;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Partitions {
  /** Reads what is stored, before anything runs. @returns every cell, e.g. to learn what the ledger must be asked. */
  open(signal: AbortSignal): Promise<readonly ReadonlyMap<string, unknown>[]>;
  /** Opens the partition of a Sensor, by a hash of namespace and name, once. @throws EngineError LEASE_LOST */
  of(namespace: string, name: string): Promise<Partition>;
  /** Ends what this engine has of a partition: members still there fail with `reason`. The next time it is read anew. */
  close(number: number, reason: EngineError): Promise<void>;
  /** Flushes until `signal` aborts, then once more. */
  run(signal: AbortSignal): Promise<void>;
}

/** FNV-1a over UTF-16 code units; any stable hash does. */
export function partitionOf(namespace: string, name: string): number {
  let hash = 0x811c9dc5;
  for (const char of `${namespace}/${name}`) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash % partitionCount;
}

export function createPartitions({ bus, ownership, clock, log }: PartitionsOptions): Partitions {
  const opened = new Map<number, Promise<OpenPartition>>();
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  const delay = new CommonDelay(clock, flushEveryMs, stop.signal);

  async function open(number: number, known?: PartitionLog): Promise<OpenPartition> {
    const owner = ownership && randomUUID();
    const state = await (owner === undefined
      ? (known ?? read(bus, number, stop.signal))
      : claim({ bus, number, owner, requireOwned, known }, stop.signal));
    const partition = new OpenPartition(state, {
      isTakenOver: owner !== undefined && known === undefined,
      mayAct: () => ownership === undefined || ownership.holds(number),
      mark: owner === undefined ? [] : [[ownerCell, owner]],
      clock,
      delay,
      stop: stop.signal,
      log: log.child({ partition: number }),
    });
    const run = partition.run();
    running.add(run);
    void run.then(() => running.delete(run));
    return partition;
  }

  function requireOwned(number: number): void {
    if (ownership === undefined || ownership.owns(number)) return;
    throw new EngineError("LEASE_LOST", `partition ${number} belongs to another engine`);
  }

  function begin(number: number, known?: PartitionLog): Promise<OpenPartition> {
    const opening = open(number, known);
    opened.set(number, opening);
    opening.catch(() => opened.get(number) === opening && opened.delete(number));
    return opening;
  }

  return {
    async open(signal) {
      const logs = await openPartitionLogs(bus, signal);
      for (let number = 0; number < partitionCount; number++) {
        const known = logs.get(subjectOfPartition(number));
        if (known && (ownership === undefined || ownership.owns(number))) void begin(number, known);
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
      requireOwned(number);
      return begin(number);
    },
    async close(number, reason) {
      const closing = opened.get(number);
      opened.delete(number);
      const partition = await closing?.catch(() => undefined);
      partition?.close(reason);
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

function subjectOfPartition(number: number): Subject {
  return subjectOf("state", String(number));
}

function read(bus: EventBus, number: number, signal: AbortSignal): Promise<PartitionLog> {
  return openPartitionLog(bus, subjectOfPartition(number), signal);
}

interface Claim {
  readonly bus: EventBus;
  readonly number: number;
  readonly owner: string;
  readonly requireOwned: (number: number) => void;
  readonly known: PartitionLog | undefined;
}

/** Appends a mark, which fences off whoever had the partition before: its next append fails. */
async function claim({ bus, number, owner, requireOwned, known }: Claim, signal: AbortSignal): Promise<PartitionLog> {
  let state = known ?? (await read(bus, number, signal));
  for (let attempt = 1; ; attempt++) {
    requireOwned(number); // right before: a claim by one who owns nothing any more would stop the owner
    try {
      await state.append([[ownerCell, owner]]);
      return state;
    } catch (error) {
      const isStale = error instanceof EngineError && error.code === "BUS_STALE";
      if (!isStale || attempt >= maxClaims) throw error;
      state = await read(bus, number, signal);
    }
  }
}

interface OpenPartitionOptions {
  readonly isTakenOver: boolean;
  readonly mayAct: () => boolean;
  /** Goes with every change. */
  readonly mark: readonly CellChange[];
  readonly clock: Clock;
  /** Of a flush after the first mark. */
  readonly delay: CommonDelay;
  /** Ends it, once more flushed. */
  readonly stop: AbortSignal;
  readonly log: Logger;
}

/**
 * Gathers what its members want stored and appends it as one change. States: quiet (nothing dirty), due (a flush is set
 * for 100 ms after the first mark, or now), flushing (one at a time), failed (another owner took over; members are told).
 */
class OpenPartition implements Partition {
  readonly isTakenOver: boolean;
  readonly mayAct: () => boolean;
  readonly #state: PartitionLog;
  readonly #mark: readonly CellChange[];
  readonly #clock: Clock;
  readonly #delay: CommonDelay;
  readonly #stop: AbortSignal;
  readonly #log: Logger;
  readonly #members = new Set<PartitionMember>();
  #dirty = new Set<PartitionMember>();
  #forgotten: CellChange[] = [];
  #urgent = false;
  #flushing: Promise<void> = Promise.resolve();
  readonly #failure = new AbortController();

  constructor(state: PartitionLog, { isTakenOver, mayAct, mark, clock, delay, stop, log }: OpenPartitionOptions) {
    this.#state = state;
    this.isTakenOver = isTakenOver;
    this.mayAct = mayAct;
    this.#mark = mark;
    this.#clock = clock;
    this.#delay = delay;
    this.#stop = stop;
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
    if (this.failed) member.fail(this.#failure.signal.reason); // it ended while the member was made
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
      void this.#flush();
    } else if (wasQuiet) this.#delay.ask(this.#flushDirty);
  }

  /** What an urgent flush has stored meanwhile is not due; what came after it is stored a little early. */
  readonly #flushDirty = (): void => {
    if (this.#dirty.size > 0 && !this.failed) void this.#flush();
  };

  async forget(prefix: string): Promise<void> {
    for (const key of this.#state.cells.keys()) if (key.startsWith(prefix)) this.#forgotten.push([key, null]);
    await this.#flushLast();
    if (this.failed) throw new EngineError("BUS_UNAVAILABLE", `the state of "${prefix}" could not be removed`);
  }

  /** Moves on, now and then, also those that saw nothing; what is dirty in the end is stored. */
  async run(): Promise<void> {
    const either = AbortSignal.any([this.#stop, this.#failure.signal]);
    while (!either.aborted) {
      await sleepFor(this.#clock, idleFlushEveryMs, either).catch(() => undefined);
      if (!either.aborted) for (const member of this.#members) this.#dirty.add(member);
      if (!this.failed && this.#dirty.size > 0) await this.#flush();
    }
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

  #flush(signal = this.#stop): Promise<void> {
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
    const dirty = this.#dirty;
    this.#dirty = new Set(); // a new one leaves nothing behind: see `ChurnMap`
    const contributions = [...dirty].map((member) => member.collect()).filter((one) => one !== undefined);
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
        await this.#state.append([...this.#mark, ...changes]);
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

  close(reason: EngineError): void {
    if (this.failed) return;
    this.#failure.abort(reason);
    for (const member of this.#members) member.fail(reason);
  }

  #fail(error: unknown): false {
    if (this.failed) return false;
    this.#failure.abort(error);
    this.#log.error("state can no longer be stored; its Sensors stop", { error });
    for (const member of this.#members) member.fail(error);
    return false;
  }
}

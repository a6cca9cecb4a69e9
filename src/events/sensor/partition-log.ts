import { EngineError, messageOf } from "../../base/errors.ts";
import { rawSubject, type Subject } from "../../record/subject.ts";
import type { EventBus, Sequence, StoredMessage } from "../bus/bus.ts";

/** A cell of a partition's state; `null` removes it. Values are plain JSON. */
export type CellChange = readonly [key: string, value: unknown];

/**
 * The version that this program writes and the newest that it reads. 2 has what waits by key and time, lanes of effects
 * and records in the outbox; 1 has less and is read as it stands.
 */
const version = 2;
/** The frame before the JSON: the version, and whether the message is the first and the last of its change. */
const frameBytes = 2;
const isFirst = 1;
const isLast = 2;
/** Room that is left for what the bus adds to a message. */
const headroomBytes = 4096;
/** A log is rewritten once it holds this many messages, or bytes, more than its live cells need. */
const compactAfterMessages = 1000;
const compactAfterBytes = 8 * 1024 * 1024;

/**
 * The durable state of one partition of Sensors: a map of cells kept as a log on one subject of the bus.
 *
 * A change of several cells is atomic: it is one message, or several from a "first" to a "last", and a change without its
 * last message is ignored. Every append names the sequence of the one before (`expected`), so an owner
 * that was replaced fails with BUS_STALE at its next append and must stop: that is the fence of DESIGN section 6.
 * Replaying is bounded by rewriting: all live cells are appended as one change, then what stands before it is purged.
 */
export interface PartitionLog {
  /** Cells by key, as after the last append. */
  readonly cells: ReadonlyMap<string, unknown>;
  /**
   * Resolves once kept. One call at a time.
   * @throws EngineError BUS_STALE for good; BUS_UNAVAILABLE when the bus is away: call again with the same changes.
   */
  append(changes: readonly CellChange[]): Promise<void>;
}

/** Reads the log of `subject`. @throws EngineError RECORD_TOO_NEW when a newer version of the program wrote it. */
export async function openPartitionLog(bus: EventBus, subject: Subject, signal: AbortSignal): Promise<PartitionLog> {
  const log = new Log(bus, subject);
  for await (const { messages } of bus.read({ subjects: [subject], from: "first", follow: false }, signal)) {
    for (const message of messages) log.replay(message);
  }
  signal.throwIfAborted(); // a part of a state must not be taken for all of it
  return log;
}

/** Reads all logs that there are, in one pass over the stream `state`. */
export async function openPartitionLogs(
  bus: EventBus,
  signal: AbortSignal,
): Promise<ReadonlyMap<Subject, PartitionLog>> {
  const logs = new Map<Subject, Log>();
  for await (const { messages } of bus.read(
    { subjects: [rawSubject("state.>")], from: "first", follow: false },
    signal,
  )) {
    for (const message of messages) {
      const log = logs.get(message.subject) ?? new Log(bus, message.subject);
      logs.set(message.subject, log);
      log.replay(message);
    }
  }
  signal.throwIfAborted();
  return logs;
}

class Log implements PartitionLog {
  readonly cells = new Map<string, unknown>();
  readonly #bus: EventBus;
  readonly #subject: Subject;
  #expected: Sequence = 0;
  #messages = 0;
  #bytes = 0;
  #liveBytes = 0;
  #pieces: Uint8Array[] = [];

  constructor(bus: EventBus, subject: Subject) {
    this.#bus = bus;
    this.#subject = subject;
  }

  replay({ data, sequence }: StoredMessage): void {
    this.#expected = sequence;
    this.#count(data.length);
    const flags = data[1] ?? 0;
    if (flags & isFirst) this.#pieces = [];
    this.#pieces.push(this.#body(data));
    if (!(flags & isLast)) return;
    this.#set(parseChanges(this.#pieces));
    this.#pieces = [];
  }

  async append(changes: readonly CellChange[]): Promise<void> {
    const body = Buffer.from(JSON.stringify(changes), "utf8");
    await this.#write(body);
    this.#set(changes);
    if (this.#messages > compactAfterMessages || this.#bytes > this.#liveBytes + compactAfterBytes)
      await this.#compact();
  }

  async #compact(): Promise<void> {
    const before = this.#expected + 1;
    const body = Buffer.from(JSON.stringify([...this.cells]), "utf8");
    await this.#write(body);
    await this.#bus.purge(this.#subject, before);
    this.#messages = 1;
    this.#bytes = body.length;
    this.#liveBytes = body.length;
  }

  async #write(body: Buffer): Promise<void> {
    const size = this.#bus.maxMessageBytes - headroomBytes;
    for (let start = 0; start === 0 || start < body.length; start += size) {
      const piece = body.subarray(start, start + size);
      const flags = (start === 0 ? isFirst : 0) | (start + size < body.length ? 0 : isLast);
      await this.#appendOne(Buffer.concat([Buffer.from([version, flags]), piece]));
    }
  }

  async #appendOne(data: Buffer): Promise<void> {
    try {
      this.#expected = await this.#bus.append(this.#subject, data, this.#expected);
    } catch (error) {
      // An append whose acknowledgement was lost may be kept: then the newest message is ours, byte for byte.
      const newest = error instanceof EngineError ? await this.#bus.last(this.#subject) : undefined;
      if (!newest || newest.sequence <= this.#expected || !data.equals(newest.data)) throw error;
      this.#expected = newest.sequence;
    }
    this.#count(data.length);
  }

  #count(bytes: number): void {
    this.#messages += 1;
    this.#bytes += bytes;
  }

  #set(changes: readonly CellChange[]): void {
    for (const [key, value] of changes) {
      if (value === null) this.cells.delete(key);
      else this.cells.set(key, value);
    }
  }

  #body(data: Uint8Array): Uint8Array {
    if (data[0] !== undefined && data[0] > version) {
      throw new EngineError(
        "RECORD_TOO_NEW",
        `state on ${this.#subject} has version ${data[0]}; this program reads up to ${version}`,
      );
    }
    return data.subarray(frameBytes);
  }
}

function parseChanges(pieces: readonly Uint8Array[]): CellChange[] {
  try {
    return JSON.parse(Buffer.concat(pieces).toString("utf8")) as CellChange[];
  } catch (error) {
    throw new EngineError("STORE_FAILED", `a stored state cannot be read: ${messageOf(error)}`, error);
  }
}

import { type BackoffPolicy, backoffMs } from "../base/backoff.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { Waiters } from "../base/waiters.ts";
import type { BusMessage, EventBus, PublishAck } from "../events/bus/bus.ts";
import type { EffectRecord, Ledger, LedgerPosition, RecordDraft, RecordId } from "../record/records.ts";
import { rawSubject, type Subject, subjectOf } from "../record/subject.ts";
import { decodeRecords, encodeRecords, envelopeBytes, type StoredRecord } from "./stored-form.ts";

/** The stream of the system bus that holds the ledger, and all its subjects. */
export const ledgerStream = "ledger";
export const ledgerSubjects: readonly Subject[] = [rawSubject("ledger.>")];

/** Each message costs a wake-up of the server and a look at its answer: with 64 a tenth fewer events go through 1,000 Sensors. */
const maxRecords = 256;
/** Of a message, or less where the bus takes less. */
const maxBytes = 256 * 1024;
const maxRecordBytes = 64 * 1024;
const maxDelayMs = 2;
/** Messages published and not yet acknowledged: more than are written between two turns of the event loop. */
const maxInFlight = 128;
/** Written and not yet stored: beyond it who decides waits. */
const roomBytes = 1024 * 1024;
/** Written and not yet stored, over all messages: a bus that is away for long must not fill the memory. */
const maxBufferedBytes = 64 * 1024 * 1024;
/** Texts of a record that would not fit into a message of its own are cut to this many characters. */
const maxTextLength = 2_000;
const retryBackoff: BackoffPolicy = { firstMs: 50, maxMs: 5_000, factor: 2, jitter: 0.2 };
const maxCloseMs = 10_000;

export interface LedgerDeps {
  /** The system bus; stays open until the ledger is disposed of. */
  readonly bus: EventBus;
  /** Unique for each start of a process: ids of records and messages are made of it. */
  readonly writer: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Open → closing → closed. Disposal stores what was written, for 10 seconds at most; what is not stored then, and what is
 * written later, is rejected with BUS_UNAVAILABLE.
 */
export interface LedgerStore extends Ledger, AsyncDisposable {}

/** Opens the ledger of `bus` for one writer. @throws EngineError BUS_UNAVAILABLE */
export async function openLedger(deps: LedgerDeps): Promise<LedgerStore> {
  const { epoch, after } = await deps.bus.end(ledgerStream);
  return new BatchingLedger(deps, { epoch, after });
}

/** A record's JSON in two pieces, which nobody needs as one: `rest` is all but its id. */
interface EncodedRecord {
  readonly id: RecordId;
  readonly start: string;
  readonly rest: string;
  readonly bytes: number;
}

/** The records of one message to be: filled by `write`, then published under one id. */
class Batch {
  readonly sequence: number;
  /** Records' JSON, in pieces. */
  readonly texts: string[] = [];
  count = 0;
  /** Of the message, or a few more. */
  bytes = envelopeBytes;
  /** Of the pieces. */
  textBytes = 0;
  readonly stored = Promise.withResolvers<void>();
  readonly #maxBytes: number;

  constructor(sequence: number, maxBytes: number) {
    this.sequence = sequence;
    this.#maxBytes = maxBytes;
    this.stored.promise.catch(() => undefined); // whoever wrote looks at it; nobody has to
  }

  fits(bytes: number): boolean {
    return this.count < maxRecords && (this.count === 0 || this.bytes + bytes + 1 <= this.#maxBytes);
  }

  add({ start, rest, bytes }: EncodedRecord): void {
    const isFirst = this.count === 0;
    this.texts.push(isFirst ? start : `,${start}`, rest);
    this.textBytes += isFirst ? bytes : bytes + 1;
    this.bytes += bytes + 1;
    this.count += 1;
  }
}

class BatchingLedger implements LedgerStore {
  readonly #deps: LedgerDeps;
  readonly #subject: Subject;
  readonly #maxBytes: number;
  readonly #closing = new AbortController();
  readonly #stopped = new AbortController();
  readonly #full: Batch[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  readonly #waiting = new Waiters();
  #open: Batch | undefined;
  #isClosingSoon = false;
  #sequence = 0;
  #bufferedBytes = 0;
  #mark: LedgerPosition;

  constructor(deps: LedgerDeps, end: LedgerPosition) {
    this.#deps = deps;
    this.#subject = subjectOf("ledger", deps.writer);
    this.#mark = end;
    this.#maxBytes = Math.min(maxBytes, deps.bus.maxMessageBytes);
  }

  write(draft: RecordDraft): { readonly id: RecordId; readonly kept: Promise<void> } {
    let batch = this.#open ?? this.#begin();
    let record = this.#encode(draft, batch);
    if (!batch.fits(record.bytes)) {
      this.#close();
      batch = this.#begin();
      record = this.#encode(draft, batch);
    }
    const refused = this.#refusal(record.bytes);
    if (refused) return { id: record.id, kept: rejected(refused) };
    batch.add(record);
    this.#bufferedBytes += record.bytes + 1;
    if (batch.count === 1) this.#closeSoon();
    if (!batch.fits(0)) this.#close();
    return { id: record.id, kept: batch.stored.promise };
  }

  hasRoom(bytes = 0): boolean {
    return this.#bufferedBytes + bytes < roomBytes;
  }

  async room(signal: AbortSignal, bytes = 0): Promise<void> {
    while (!this.hasRoom(bytes) && !signal.aborted) await this.#waiting.wait(signal);
  }

  async *readEffects(since: LedgerPosition, signal: AbortSignal): AsyncIterable<readonly EffectRecord[]> {
    const query = { subjects: ledgerSubjects, from: since, follow: false };
    for await (const { messages } of this.#deps.bus.read(query, signal)) {
      const effects = messages.flatMap(({ data, sequence }) => this.#effectsIn(data, sequence));
      if (effects.length > 0) yield effects;
    }
  }

  mark(): LedgerPosition {
    return this.#mark;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    this.#closing.abort();
    const deadline = new AbortController();
    const late = sleepFor(this.#deps.clock, maxCloseMs, deadline.signal).then(
      () => this.#stopped.abort(),
      () => undefined,
    );
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight); // once stopped, each gives up by itself
    deadline.abort();
    await late;
    this.#stopped.abort();
  }

  #begin(): Batch {
    this.#sequence += 1;
    this.#open = new Batch(this.#sequence, this.#maxBytes);
    return this.#open;
  }

  #encode(draft: RecordDraft, batch: Batch): EncodedRecord {
    const id = `${this.#deps.writer}-${batch.sequence}.${batch.count}`;
    const encoded = piecesOf(id, JSON.stringify(draft));
    if (encoded.bytes + envelopeBytes <= maxRecordBytes) return encoded;
    return piecesOf(
      id,
      JSON.stringify(draft, (key, value: unknown) => shortened(key, value)),
    );
  }

  #refusal(bytes: number): EngineError | undefined {
    if (this.#closing.signal.aborted) return new EngineError("BUS_UNAVAILABLE", "the ledger is closed");
    if (this.#bufferedBytes + bytes <= maxBufferedBytes) return undefined;
    const waiting = `${this.#bufferedBytes} bytes of records wait for the bus`;
    return new EngineError("BUS_UNAVAILABLE", `the ledger takes no more: ${waiting}, at most ${maxBufferedBytes} may`);
  }

  /** One timer, whatever the number of batches: what is open when it ends may have waited less. */
  #closeSoon(): void {
    if (this.#isClosingSoon) return;
    this.#isClosingSoon = true;
    sleepFor(this.#deps.clock, maxDelayMs, this.#closing.signal).then(
      () => {
        this.#isClosingSoon = false;
        this.#close();
      },
      () => undefined, // closing: disposal has closed it
    );
  }

  #close(): void {
    const batch = this.#open;
    this.#open = undefined;
    if (!batch || batch.count === 0) return;
    this.#full.push(batch);
    this.#publishNext();
  }

  #publishNext(): void {
    if (this.#inFlight.size >= maxInFlight) return;
    const batch = this.#full.shift();
    if (!batch) return;
    const publishing: Promise<void> = this.#store(batch).finally(() => {
      this.#inFlight.delete(publishing);
      this.#bufferedBytes -= batch.bytes - envelopeBytes;
      if (this.hasRoom()) this.#waiting.wake();
      this.#publishNext();
    });
    this.#inFlight.add(publishing);
  }

  async #store(batch: Batch): Promise<void> {
    const message = { id: `${this.#deps.writer}-${batch.sequence}`, data: encodeRecords(batch.texts, batch.textBytes) };
    try {
      const ack = await this.#publishUntilKept(message);
      if (ack.sequence > this.#mark.after) this.#mark = { epoch: this.#mark.epoch, after: ack.sequence };
      batch.stored.resolve();
    } catch (error) {
      batch.stored.reject(error);
    }
  }

  async #publishUntilKept(message: BusMessage): Promise<PublishAck> {
    for (let attempt = 1; ; attempt++) {
      if (this.#stopped.signal.aborted)
        throw new EngineError("BUS_UNAVAILABLE", "the ledger closed before it was kept");
      try {
        return await this.#deps.bus.publish(this.#subject, message);
      } catch (error) {
        if (!isAway(error)) throw error;
        this.#deps.log.warn("the ledger waits for the bus", { attempt, error });
        await sleepFor(this.#deps.clock, backoffMs(retryBackoff, attempt), this.#stopped.signal).catch(() => undefined);
      }
    }
  }

  #effectsIn(data: Uint8Array, sequence: number): readonly EffectRecord[] {
    try {
      return decodeRecords(data).filter(isEffect);
    } catch (error) {
      if (error instanceof TerminalError) throw error;
      this.#deps.log.error("a message of the ledger was skipped", { sequence, error: messageOf(error) });
      return [];
    }
  }
}

/** `json`: of an object with a field at least. A copy of it with the id costs more. */
function piecesOf(id: RecordId, json: string): EncodedRecord {
  const start = `{"id":${JSON.stringify(id)},`;
  const rest = json.slice(1);
  return { id, start, rest, bytes: Buffer.byteLength(start) + Buffer.byteLength(rest) };
}

function isAway(error: unknown): boolean {
  return error instanceof EngineError && error.code === "BUS_UNAVAILABLE" && !(error instanceof TerminalError);
}

function isEffect(record: StoredRecord): record is StoredRecord & EffectRecord {
  return record.kind === "effect";
}

function shortened(key: string, value: unknown): unknown {
  const isText = typeof value === "string" && (key === "message" || key === "reason");
  return isText && value.length > maxTextLength ? `${value.slice(0, maxTextLength)}…` : value;
}

function rejected(error: EngineError): Promise<void> {
  const promise = Promise.reject(error);
  promise.catch(() => undefined);
  return promise;
}

import { AckPolicy, type ConsumerConfig, DeliverPolicy, type StreamInfo } from "@nats-io/jetstream";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Subject } from "../../record/subject.ts";
import type { Position, ReadBatch, ReadQuery, StoredMessage, StreamSpec } from "./bus.ts";
import { busError, type Connection } from "./jetstream-connection.ts";
import { Pull, type PulledMessage } from "./jetstream-pull.ts";
import { subjectFilter, takesAll } from "./streams.ts";

export interface ReaderDeps {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Failures in a row, nothing read between them, of a read that does not follow, before it gives up. */
const maxAttempts = 3;
const firstProbeMs = 500;
const maxProbeMs = 30_000;
/**
 * A server may say that it has messages and send none, heartbeats beside: a consumer of one replica lives where its stream
 * may be behind, or be lost. After so long, twice that each time, another one is made.
 */
const stuckMs = 5_000;
const maxStuckMs = 120_000;
/** How soon it is asked again after it said so for the first time. */
const suspectedProbeMs = 1_000;

interface Lost {
  readonly from: number;
  readonly to: number;
}

interface Attached extends Disposable {
  readonly pull: Pull;
  readonly consumer: string;
  /** At the end already when it was attached. */
  readonly isEmpty: boolean;
}

/**
 * Reads one stream by consumers that hold no state: the position is ours, and a consumer lost with its server or
 * connection is made again from there. States: detached → attached → detached on trouble; ended.
 */
export class StreamReader {
  readonly #deps: ReaderDeps;
  readonly #stream: string;
  readonly #query: ReadQuery;
  readonly #serverFilter: readonly Subject[];
  /** Every message of the stream comes: a jump in sequences means that something was dropped. */
  readonly #isWhole: boolean;
  readonly #matches: ((subject: string) => boolean) | undefined;
  #from: Position;
  #epoch = "";
  #after = 0;
  #until = Number.POSITIVE_INFINITY;
  #lost: Lost | undefined;
  #probeMs = firstProbeMs;
  /** Since when the server has messages and sends none. */
  #stuckSince: number | undefined;
  #patienceMs = stuckMs;

  constructor(deps: ReaderDeps, spec: StreamSpec, query: ReadQuery) {
    this.#deps = deps;
    this.#stream = spec.name;
    this.#query = query;
    this.#from = query.from;
    this.#isWhole = takesAll(spec, query.subjects);
    const canFilter = query.subjects.length === 1 || takesSeveralFilters(deps.connection);
    this.#serverFilter = this.#isWhole || !canFilter ? [] : query.subjects;
    this.#matches = this.#isWhole || canFilter ? undefined : subjectFilter(query.subjects);
  }

  async *read(signal: AbortSignal): AsyncIterable<ReadBatch> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        using attached = await this.#attach();
        if (this.#query.follow) failures = 0;
        for await (const batch of this.#batches(attached, signal)) {
          failures = 0;
          yield batch;
        }
        if (this.#isDone(signal)) return;
      } catch (error) {
        failures++;
        if (!this.#query.follow && failures >= maxAttempts) throw busError(`read stream "${this.#stream}"`, error);
        this.#deps.log.debug("bus reader detached", { stream: this.#stream, error });
        await sleepFor(this.#deps.clock, backoffMs(reconnectBackoff, failures), signal).catch(() => undefined);
      }
    }
  }

  /** Once batches end. @throws Error when a read to the end did not come there */
  #isDone(signal: AbortSignal): boolean {
    if (signal.aborted || this.#after >= this.#until) return true;
    if (this.#query.follow) return false;
    throw new Error("what sent the messages is gone");
  }

  async #attach(): Promise<Attached> {
    const { connection, clock } = this.#deps;
    const info = await connection.jsm.streams.info(this.#stream);
    this.#place(info);
    this.#stuckSince = undefined;
    const created = await connection.jsm.consumers.add(this.#stream, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.#after + 1,
      inactive_threshold: 60 * 1e9,
      mem_storage: true,
      num_replicas: 1,
      ...filterOf(this.#serverFilter),
    });
    const window = (this.#query.maxBatch ?? 1000) * 2;
    const pull = new Pull({ connection, clock, stream: this.#stream, consumer: created.name, window });
    return {
      pull,
      consumer: created.name,
      isEmpty: created.num_pending === 0,
      [Symbol.dispose]: () => {
        pull[Symbol.dispose]();
        if (connection.isAway || connection.nc.isClosed()) return;
        connection.jsm.consumers.delete(this.#stream, created.name).catch(() => undefined); // else it expires
      },
    };
  }

  /** Takes the position to what the stream has, noting what was dropped. */
  #place(info: StreamInfo): void {
    const { first_seq: first, last_seq: last } = info.state;
    const from = this.#from;
    if (typeof from === "string") this.#after = from === "first" ? first - 1 : last;
    else if (from.epoch !== info.created) this.#after = Math.max(0, first - 1);
    else this.#placeAfter(from.after, first, last);
    this.#after = Math.max(0, this.#after);
    this.#epoch = info.created;
    this.#from = { epoch: this.#epoch, after: this.#after };
    if (!this.#query.follow && this.#until === Number.POSITIVE_INFINITY) this.#until = last;
  }

  #placeAfter(after: number, first: number, last: number): void {
    this.#after = after;
    if (after + 1 < first) {
      this.#lost = { from: after + 1, to: first - 1 };
      this.#after = first - 1;
    } else if (after > last) {
      this.#deps.log.warn("stream ends before the reader's position", { stream: this.#stream, after, last });
      this.#after = last;
    }
  }

  async *#batches(attached: Attached, signal: AbortSignal): AsyncIterable<ReadBatch> {
    const { pull } = attached;
    if (attached.isEmpty && !this.#query.follow) {
      const rest = this.#rest(this.#until);
      if (rest) yield rest;
      return;
    }
    while (!signal.aborted && this.#after < this.#until) {
      if (pull.buffered.length === 0) {
        if (pull.isBroken) return;
        await pull.wait(this.#probeMs, signal);
      }
      const batch = pull.buffered.length > 0 ? await this.#next(pull) : await this.#probe(attached, signal);
      if (batch) yield batch;
    }
  }

  async #next(pull: Pull): Promise<ReadBatch> {
    this.#probeMs = firstProbeMs;
    this.#patienceMs = stuckMs;
    this.#stuckSince = undefined;
    await this.#checkGap(pull.buffered[0] as PulledMessage);
    const max = this.#query.maxBatch ?? 1000;
    await pull.fill(max);
    const taken = pull.take(this.#isWhole ? runLength(pull.buffered, max) : max);
    const messages: StoredMessage[] = [];
    let through = this.#after;
    for (const pulled of taken) {
      through = pulled.sequence;
      if (pulled.sequence > this.#until) break;
      const subject = pulled.message.subject as Subject;
      if (this.#matches?.(subject) === false) continue;
      messages.push({ subject, sequence: pulled.sequence, storedAt: pulled.storedAt, data: pulled.message.data });
    }
    const isEnd = !this.#query.follow && taken.at(-1)?.pending === 0;
    return this.#batch(messages, isEnd ? this.#until : Math.min(through, this.#until));
  }

  #batch(messages: readonly StoredMessage[], through: number): ReadBatch {
    this.#after = through;
    this.#from = { epoch: this.#epoch, after: through };
    const lost = this.#lost;
    this.#lost = undefined;
    const batch = { epoch: this.#epoch, messages, through };
    return lost ? { ...batch, lost } : batch;
  }

  /** A batch without messages, if it says something. */
  #rest(through: number): ReadBatch | undefined {
    if (through <= this.#after && !this.#lost) return undefined;
    return this.#batch([], through);
  }

  /** Holes that purges and filters leave are asked about, too: only the server knows which are losses. Once a batch. */
  async #checkGap(next: PulledMessage): Promise<void> {
    // Also with a gap noted already: it may have grown between attaching and this first message.
    if (next.sequence === this.#after + 1) return;
    const { first_seq: first } = await this.#state();
    const lostTo = Math.min(first, next.sequence) - 1;
    if (lostTo > this.#after) this.#lost = { from: this.#lost?.from ?? this.#after + 1, to: lostTo };
  }

  /** Nothing came for a while: are we past the end, with nothing that matches? Asked ever less often. */
  async #probe({ pull, consumer }: Attached, signal: AbortSignal): Promise<ReadBatch | undefined> {
    if (pull.isBroken || signal.aborted || this.#deps.connection.isAway) return undefined;
    this.#probeMs = Math.min(maxProbeMs, this.#probeMs * 2);
    // Before it is asked what is pending: all up to this end was delivered if then nothing is.
    const isAtEnd = this.#isWhole && !this.#lost && this.#query.follow;
    const end = isAtEnd ? undefined : await this.#state();
    const { num_pending: pending } = await this.#deps.connection.jsm.consumers.info(this.#stream, consumer);
    if (pull.buffered.length > 0) return undefined;
    if (pending > 0) {
      // What counted as pending may have expired since: nobody will ever deliver it.
      const { first_seq: first, messages } = end ?? (await this.#state());
      if (messages > 0 && first <= this.#until) return this.#suspect(pending);
    }
    if (end === undefined) return undefined;
    this.#noteDropped(end.first_seq);
    return this.#rest(Math.min(end.last_seq, this.#until));
  }

  async #state(): Promise<StreamInfo["state"]> {
    return (await this.#deps.connection.jsm.streams.info(this.#stream)).state;
  }

  /** @throws Error when it goes on for too long: the reader attaches anew. */
  #suspect(pending: number): undefined {
    const now = this.#deps.clock.monotonicMs();
    this.#stuckSince ??= now;
    this.#probeMs = suspectedProbeMs;
    if (now - this.#stuckSince < this.#patienceMs) return undefined;
    this.#patienceMs = Math.min(maxStuckMs, this.#patienceMs * 2);
    this.#deps.log.warn("the bus has messages and sends none: another consumer is made", {
      stream: this.#stream,
      pending,
    });
    throw new Error(`${pending} messages wait and none comes`);
  }

  #noteDropped(first: number): void {
    const to = Math.min(first - 1, this.#until);
    if (this.#isWhole && to > this.#after) this.#lost = { from: this.#lost?.from ?? this.#after + 1, to };
  }
}

/** Several filters of one consumer came with 2.10; 2.9 ignores them without a word. */
function takesSeveralFilters(connection: Connection): boolean {
  const [major = 0, minor = 0] = (connection.nc.info?.version ?? "").split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 10);
}

function filterOf(subjects: readonly Subject[]): Partial<ConsumerConfig> {
  const [first, ...others] = subjects;
  if (first === undefined) return {};
  return others.length === 0 ? { filter_subject: first } : { filter_subjects: [...subjects] };
}

/** How many from the first on follow each other without a jump. */
function runLength(messages: readonly PulledMessage[], max: number): number {
  const first = messages[0]?.sequence ?? 0;
  const count = Math.min(max, messages.length);
  if (messages[count - 1]?.sequence === first + count - 1) return count;
  let length = 1;
  while (length < count && messages[length]?.sequence === first + length) length++;
  return length;
}

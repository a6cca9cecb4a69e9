import type { Subject } from "../../record/subject.ts";

/** Counts from 1 within a stream; 0 means "nothing yet". */
export type Sequence = number;

/**
 * Where a reader stands in a stream. `first`: the oldest message kept; `next`: what is published from now on;
 * otherwise after `after` in the incarnation `epoch` of the stream: made anew, a stream has another epoch and is read
 * from its first message.
 */
export type Position = "first" | "next" | { readonly epoch: string; readonly after: Sequence };

export interface BusMessage {
  /** Publishing the same id again within the stream's dedupe window is a no-op. */
  readonly id: string;
  readonly data: Uint8Array;
}

export interface PublishAck {
  readonly stream: string;
  readonly sequence: Sequence;
  readonly duplicate: boolean;
}

export interface StoredMessage {
  readonly subject: Subject;
  readonly sequence: Sequence;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
  readonly data: Uint8Array;
}

export interface ReadBatch {
  readonly epoch: string;
  readonly messages: readonly StoredMessage[];
  /** Messages between the position and the first of this batch that the stream had dropped; both ends inclusive. */
  readonly lost?: { readonly from: Sequence; readonly to: Sequence };
  /** The reader is past everything up to here, also when nothing of it matched its subjects. */
  readonly through: Sequence;
}

export interface ReadQuery {
  /** All of one stream; `*` and `>` as in NATS. */
  readonly subjects: readonly Subject[];
  readonly from: Position;
  /** With: new messages until `signal` aborts. Without: ends at the end of the stream as it was at the call. */
  readonly follow: boolean;
  /** At most this many messages a batch (default 1,000). Batches are fetched ahead by at most one. */
  readonly maxBatch?: number;
}

export interface ShareOptions {
  /** Messages handed out and not yet acknowledged, at most. */
  readonly maxInFlight: number;
  /** Redelivered after this long without ack or progress. */
  readonly ackWaitMs: number;
  /** Where a new durable starts. */
  readonly from: "first" | "next";
  /** Called once the durable is there: from then on nothing is missed. Again after each reconnect. */
  readonly onReady?: () => void;
}

export interface Delivery extends StoredMessage {
  /** Counts from 1. */
  readonly attempt: number;
  ack(): Promise<void>;
  /** Redeliver after `delayMs`. */
  nak(delayMs: number): Promise<void>;
  /** Still at work: the wait starts again. */
  progress(): void;
}

export interface StateEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

export type StateChange = StateEntry | { readonly key: string; readonly deleted: true };

export interface StateOptions {
  /** Entries vanish this long after they were stored last (at least 100). The same for all who use the store. */
  readonly ttlMs?: number;
}

/** A small durable map. Keys: `[-/_=.A-Za-z0-9]+`. */
export interface StateStore {
  get(key: string): Promise<StateEntry | undefined>;
  /**
   * Stores and returns the new revision. With `expected`, only if the key's revision is that (0: the key must not exist).
   * @throws EngineError BUS_STALE when it is not.
   */
  put(key: string, value: Uint8Array, expected?: number): Promise<number>;
  delete(key: string, expected?: number): Promise<void>;
  entries(prefix: string): Promise<readonly StateEntry[]>;
  /**
   * What there is under `prefix`, then what changes, until `signal` aborts. Who is slow misses values that were replaced
   * meanwhile, never the newest one. An entry that vanishes by its TTL is told as deleted, about a second later at most.
   */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<StateChange>;
}

/** What a bus holds: one stream for each first token of our subjects (DESIGN section 4). */
export interface StreamSpec {
  readonly name: string;
  readonly subjects: readonly Subject[];
  /** Undefined or 0: no limit. The oldest are dropped first. */
  readonly maxAgeMs?: number;
  readonly maxBytes?: number;
  readonly maxMessages?: number;
  /** How long a message id is remembered. */
  readonly dedupeWindowMs: number;
  readonly replicas?: number;
  /** Others use it too: made when it is missing, otherwise taken as it is. */
  readonly isShared?: boolean;
}

/** What a stream holds now. */
export interface StreamUsage {
  readonly name: string;
  readonly messages: number;
  readonly bytes: number;
  /** Set where messages go once they are acknowledged, so that no position can be read again. */
  readonly forgets?: "interest" | "workqueue";
  /** Of the message stored last, also when it is gone; 0: nothing was stored yet. */
  readonly last: Sequence;
  /** Absent in an empty stream. */
  readonly oldest?: { readonly sequence: Sequence; readonly storedAt: number };
  readonly newest?: { readonly sequence: Sequence; readonly storedAt: number };
  /** That the server knows: of others, and of `share`. */
  readonly consumers: readonly ConsumerUsage[];
}

export interface ConsumerUsage {
  readonly name: string;
  /** Messages that it was not given yet. */
  readonly pending: number;
  /** Given, and not acknowledged. */
  readonly unacknowledged: number;
}

/** One bus of the engine as `tiphys bus info` shows it. */
export interface BusUsage {
  /** `system`, `<namespace>/<EventBus>`, or where it is reached. */
  readonly name: string;
  readonly streams: readonly StreamUsage[];
  /** The engine's reader of events: how many messages it is behind the end of its stream. */
  readonly reader?: { readonly stream: string; readonly lag: number };
  /** Why the rest is not known: the bus is away. */
  readonly error?: string;
}

export type BusHealth = { readonly state: "connected" } | { readonly state: "away"; readonly reason: string };

/**
 * Opened by `openSqliteBus` and `openJetStreamBus`; whoever opens it disposes of it: publishes under way end first.
 * Every method that waits for a server gives up after a bounded time with EngineError BUS_UNAVAILABLE; on a damaged file
 * every method may fail with STORE_FAILED, for good.
 */
export interface EventBus extends AsyncDisposable {
  /**
   * Resolves once the message is accepted for keeping: SQLite after fsync; JetStream after PubAck (survives process
   * death; power loss needs replicas). Many may be in flight; each waits for its own acknowledgement.
   * @throws EngineError BUS_MESSAGE_TOO_LARGE (names both sizes) or BUS_UNAVAILABLE (a server away, a full disk): it may
   *   or may not be kept, so publish again with the same id.
   */
  publish(subject: Subject, message: BusMessage): Promise<PublishAck>;
  /**
   * Stored messages in stream order from `from` on. No acknowledgement: the caller keeps its position. A batch names the
   * gap when messages before it were dropped. Reconnects by itself, for ever; ends when `signal` aborts.
   */
  read(query: ReadQuery, signal: AbortSignal): AsyncIterable<ReadBatch>;
  /**
   * Work shared by all callers of one durable name: at least once, redelivered when not acknowledged; order holds for
   * first deliveries only.
   */
  share(
    durable: string,
    subject: Subject,
    options: ShareOptions,
    signal: AbortSignal,
  ): AsyncIterable<readonly Delivery[]>;
  /**
   * Appends to one subject if its last sequence is still `expected` (0: nothing there yet). Fences an owner that lost its
   * lease.
   * @throws EngineError BUS_STALE
   */
  append(subject: Subject, data: Uint8Array, expected: Sequence): Promise<Sequence>;
  /** The newest message of a subject. */
  last(subject: Subject): Promise<StoredMessage | undefined>;
  /** Removes the messages of one subject below `before`: what a snapshot made superfluous. */
  purge(subject: Subject, before: Sequence): Promise<void>;
  /** One store per purpose, never one per Sensor. */
  state(name: string, options?: StateOptions): StateStore;
  /** The end of a stream now: where a reader from `next` would start. */
  end(stream: string): Promise<{ readonly epoch: string; readonly after: Sequence }>;
  /**
   * Before the oldest message kept that was stored at `atMs` (milliseconds since 1970) or later, by the clock of who
   * keeps it; the end when there is none. 0: before the oldest.
   */
  positionAt(stream: string, atMs: number): Promise<{ readonly epoch: string; readonly after: Sequence }>;
  /** What each stream of this bus holds; for people who ask. */
  usage(): Promise<readonly StreamUsage[]>;
  readonly maxMessageBytes: number;
  health(): BusHealth;
}

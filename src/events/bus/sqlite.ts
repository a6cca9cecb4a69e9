import { EngineError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Subject } from "../../record/subject.ts";
import type {
  EventBus,
  Position,
  PublishAck,
  ReadBatch,
  ReadQuery,
  StateEntry,
  StateOptions,
  StateStore,
  StoredMessage,
  StreamSpec,
  StreamUsage,
} from "./bus.ts";
import { LocalShares } from "./local-share.ts";
import { SqliteLink } from "./sqlite-link.ts";
import type { FetchReply } from "./sqlite-protocol.ts";
import { StateListeners } from "./state-watch.ts";
import { streamOf } from "./streams.ts";

export interface SqliteBusOptions {
  readonly path: string;
  readonly streams: readonly StreamSpec[];
  readonly log: Logger;
  /** The file grows no further than this, without its log (default: as far as the disk lets it). */
  readonly maxFileBytes?: number;
}

/** The default of NATS, so that an event fits either bus. */
const maxMessageBytes = 1024 * 1024;

/**
 * The embedded bus: one file, owned by one worker thread.
 * @throws EngineError STORE_FAILED when the file cannot be opened or another process has it.
 */
export async function openSqliteBus(options: SqliteBusOptions): Promise<EventBus> {
  const { path, streams, log, maxFileBytes } = options;
  const link = await SqliteLink.open({ path, streams, ...(maxFileBytes === undefined ? {} : { maxFileBytes }) });
  link.onTrouble = (reason) => {
    if (reason === undefined) log.info("bus stores again", { path });
    else log.error("bus cannot store", { path, reason });
  };
  log.info("bus opened", { driver: "sqlite", path });
  return new SqliteBus(link, streams);
}

class SqliteBus implements EventBus {
  readonly maxMessageBytes = maxMessageBytes;
  readonly #link: SqliteLink;
  readonly #streams: readonly StreamSpec[];
  readonly #streamNames = new Map<string, string>();
  readonly #shares: LocalShares;
  readonly #stop = new AbortController();
  readonly #listeners = new StateListeners();

  constructor(link: SqliteLink, streams: readonly StreamSpec[]) {
    this.#link = link;
    link.onExpired = (store, key) => this.#listeners.tell(store, { key, deleted: true });
    this.#streams = streams;
    this.#shares = new LocalShares(this, this.#stop.signal);
  }

  publish(subject: Subject, message: { readonly id: string; readonly data: Uint8Array }): Promise<PublishAck> {
    const { id, data } = message;
    if (data.byteLength > maxMessageBytes) return Promise.reject(tooLarge(data.byteLength));
    return this.#link.publish(this.#streamName(subject), subject, id, data);
  }

  #streamName(subject: Subject): string {
    const dot = subject.indexOf(".");
    const token = dot < 0 ? subject : subject.slice(0, dot);
    let name = this.#streamNames.get(token);
    if (name === undefined) {
      name = streamOf(this.#streams, subject).name;
      this.#streamNames.set(token, name);
    }
    return name;
  }

  async *read(query: ReadQuery, signal: AbortSignal): AsyncIterable<ReadBatch> {
    const stream = streamOf(this.#streams, query.subjects[0]).name;
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal, this.#stop.signal]);
    try {
      const start = await this.#start(stream, query.from);
      const until = query.follow ? Number.POSITIVE_INFINITY : (await this.end(stream)).after;
      const request = {
        kind: "fetch",
        stream,
        subjects: query.subjects,
        limit: query.maxBatch ?? 1000,
        wait: query.follow,
      } as const;
      let next = this.#link.fetch({ ...request, ...start }, either);
      for (;;) {
        const reply = await next;
        const isEnd = reply.through >= until;
        if (!isEnd) {
          next = this.#link.fetch({ ...request, epoch: reply.epoch, after: reply.through }, either);
          next.catch(() => undefined); // an abort while the caller works on the batch; seen at the next await
        }
        const batch = batchOf(reply, until);
        if (!isEnd || batch.messages.length > 0 || batch.lost) yield batch;
        if (isEnd) return;
      }
    } catch (error) {
      if (!signal.aborted && !this.#stop.signal.aborted) throw error;
    } finally {
      stop.abort();
    }
  }

  async #start(stream: string, from: Position): Promise<{ readonly epoch: string; readonly after: number }> {
    if (from === "first") return { epoch: "", after: -1 };
    return from === "next" ? await this.end(stream) : from;
  }

  share(...[durable, subject, options, signal]: Parameters<EventBus["share"]>): ReturnType<EventBus["share"]> {
    return this.#shares.share(durable, subject, options, signal);
  }

  async append(subject: Subject, data: Uint8Array, expected: number): Promise<number> {
    if (data.byteLength > maxMessageBytes) throw tooLarge(data.byteLength);
    const stream = this.#streamName(subject);
    return await this.#link.call<number>({ kind: "append", stream, subject, data, expected });
  }

  async last(subject: Subject): Promise<StoredMessage | undefined> {
    return await this.#link.call({ kind: "last", stream: this.#streamName(subject), subject });
  }

  async purge(subject: Subject, before: number): Promise<void> {
    await this.#link.call({ kind: "purge", stream: this.#streamName(subject), subject, before });
  }

  state(store: string, { ttlMs = 0 }: StateOptions = {}): StateStore {
    const link = this.#link;
    const listeners = this.#listeners;
    const stop = this.#stop.signal;
    const entries = (prefix: string) => link.call<readonly StateEntry[]>({ kind: "entries", store, prefix });
    // What the worker answers in its order is told in that order: nothing may be awaited between answer and `tell`.
    return {
      get: (key) => link.call({ kind: "get", store, key: checkedKey(key) }),
      put: (key, value, expected = -1) =>
        link.call<number>({ kind: "put", store, key: checkedKey(key), value, expected, ttlMs }).then((revision) => {
          listeners.tell(store, { key, value, revision });
          return revision;
        }),
      delete: (key, expected = -1) =>
        link.call<undefined>({ kind: "delete", store, key: checkedKey(key), expected }).then(() => {
          listeners.tell(store, { key, deleted: true });
        }),
      entries,
      watch: (prefix, signal) =>
        listeners.watch(store, prefix, (take) => entries(prefix).then(take), AbortSignal.any([signal, stop])),
    };
  }

  end(stream: string): Promise<{ readonly epoch: string; readonly after: number }> {
    return this.#link.call({ kind: "end", stream });
  }

  positionAt(stream: string, atMs: number): Promise<{ readonly epoch: string; readonly after: number }> {
    return this.#link.call({ kind: "positionAt", stream, atMs });
  }

  usage(): Promise<readonly StreamUsage[]> {
    return this.#link.call({ kind: "usage" });
  }

  health(): ReturnType<EventBus["health"]> {
    const reason = this.#link.failure;
    return reason === undefined ? { state: "connected" } : { state: "away", reason };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shares.settle();
    this.#stop.abort();
    await this.#link.close();
  }
}

function batchOf(reply: FetchReply, until: number): ReadBatch {
  const { epoch, subjects, sequences, storedAt, sizes, bytes, lostFrom, lostTo, through } = reply;
  const messages: StoredMessage[] = [];
  let offset = 0;
  for (let index = 0; index < sequences.length; index++) {
    const size = sizes[index] as number;
    const sequence = sequences[index] as number;
    if (sequence > until) break;
    messages.push({
      subject: subjects[index] as Subject,
      sequence,
      storedAt: storedAt[index] as number,
      data: bytes.subarray(offset, offset + size),
    });
    offset += size;
  }
  const batch = { epoch, messages, through: Math.min(through, until) };
  return lostTo > 0 ? { ...batch, lost: { from: lostFrom, to: lostTo } } : batch;
}

function tooLarge(bytes: number): EngineError {
  return new EngineError("BUS_MESSAGE_TOO_LARGE", `the message has ${bytes} bytes, the bus takes ${maxMessageBytes}`);
}

function checkedKey(key: string): string {
  if (/^[-/_=.A-Za-z0-9]+$/.test(key)) return key;
  throw new EngineError("STORE_FAILED", `state key "${key}" must be made of letters, digits and -/_=.`);
}

import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type {
  Call,
  FetchReply,
  FetchRequest,
  PublishRequest,
  ReadCall,
  Reply,
  Request,
  WorkerStart,
  WriteCall,
} from "./sqlite-protocol.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { subjectFilter } from "./streams.ts";

/** Rows looked at, and bytes handed out, for one fetch before others get their turn. */
const maxScan = 4096;
const maxFetchBytes = 4 * 1024 * 1024;
/** Bytes written to the log before it is copied into the file. */
const checkpointBytes = 16 * 1024 * 1024;
const retainEveryMs = 1000;
const retainStep = 2000;

interface Fetch {
  readonly number: number;
  readonly request: FetchRequest;
  readonly matches: (subject: string) => boolean;
  after: number;
}

/**
 * Owns the file. A turn: one transaction with all writes that wait, their acknowledgements, then reads, then retention
 * and checkpoint if due. While a turn runs the next writes gather.
 */
class BusWorker {
  readonly #store: SqliteStore;
  readonly #post: (replies: readonly Reply[], transfer: ArrayBuffer[]) => void;
  #writes: (PublishRequest | { readonly number: number; readonly call: WriteCall })[] = [];
  #reads: { readonly number: number; readonly call: ReadCall }[] = [];
  #fetches: Fetch[] = [];
  /** Readers at the end of their stream, by stream. */
  readonly #waiting = new Map<string, Map<number, Fetch>>();
  #replies: Reply[] = [];
  #transfer: ArrayBuffer[] = [];
  #isDue = false;
  #isClosing = false;
  #unsaved = 0;
  #retainedAt = 0;

  constructor(store: SqliteStore, post: (replies: readonly Reply[], transfer: ArrayBuffer[]) => void) {
    this.#store = store;
    this.#post = post;
  }

  receive(requests: readonly Request[]): void {
    for (const request of requests) this.#accept(request);
    this.#schedule();
  }

  #accept(request: Request): void {
    if (request.kind === "publish") this.#writes.push(request);
    else if (request.kind === "close") this.#isClosing = true;
    else if (request.kind === "cancel") this.#cancel(request.number);
    else this.#acceptCall(request.number, request.call);
  }

  #acceptCall(number: number, call: Call): void {
    switch (call.kind) {
      case "fetch":
        this.#fetches.push({ number, request: call, matches: subjectFilter(call.subjects), after: call.after });
        break;
      case "append":
      case "purge":
      case "put":
      case "delete":
        this.#writes.push({ number, call });
        break;
      default:
        this.#reads.push({ number, call });
    }
  }

  #cancel(number: number): void {
    for (const fetches of this.#waiting.values()) fetches.delete(number);
    this.#fetches = this.#fetches.filter((fetch) => fetch.number !== number);
  }

  #schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#turn();
    });
  }

  /** Retention of what grows old while nobody writes. */
  tick(): void {
    this.#schedule();
  }

  #turn(): void {
    this.#write();
    this.#flush();
    this.#read();
    this.#flush();
    const isRetaining = this.#retain();
    if (this.#unsaved > checkpointBytes) {
      this.#store.checkpoint();
      this.#unsaved = 0;
    }
    if (this.#isClosing && this.#writes.length === 0) this.#close();
    else if (isRetaining || this.#writes.length + this.#reads.length + this.#fetches.length > 0) this.#schedule();
  }

  #flush(): void {
    if (this.#replies.length > 0) this.#post(this.#replies, this.#transfer);
    this.#replies = [];
    this.#transfer = [];
  }

  #write(): void {
    const writes = this.#writes;
    if (writes.length === 0) return;
    this.#writes = [];
    const replies: Reply[] = [];
    try {
      this.#store.begin();
      for (const write of writes) replies.push("kind" in write ? this.#publish(write) : this.#writeOne(write));
      this.#store.commit();
    } catch (error) {
      this.#store.rollback();
      for (const write of writes) this.#replies.push(refusal(write, messageOf(error)));
      return;
    }
    this.#unsaved += 16_384;
    for (const reply of replies) {
      if (reply.kind === "acks") this.#transfer.push(reply.sequences.buffer);
      this.#replies.push(reply);
    }
    this.#wake();
  }

  #publish(request: PublishRequest): Reply {
    const sequences = new Float64Array(request.sizes.length);
    let offset = 0;
    for (let index = 0; index < sequences.length; index++) {
      const size = request.sizes[index] ?? 0;
      const data = request.bytes.subarray(offset, offset + size);
      offset += size;
      sequences[index] = this.#store.publish(
        request.streams[index] ?? "",
        request.subjects[index] ?? "",
        request.ids[index] ?? "",
        data,
      );
    }
    this.#unsaved += offset;
    return { kind: "acks", sequences };
  }

  #writeOne({ number, call }: { readonly number: number; readonly call: WriteCall }): Reply {
    try {
      return { kind: "result", number, value: this.#runWrite(call) };
    } catch (error) {
      const failure = failureOf(error);
      if (!failure) throw error;
      return { kind: "failure", number, failure };
    }
  }

  #runWrite(call: WriteCall): number | undefined {
    switch (call.kind) {
      case "append":
        this.#unsaved += call.data.byteLength;
        return this.#store.append(call.stream, call.subject, call.data, call.expected);
      case "purge":
        this.#store.purge(call.stream, call.subject, call.before);
        return undefined;
      case "put":
        this.#unsaved += call.value.byteLength;
        return this.#store.put(call.store, call.key, call.value, call.expected);
      case "delete":
        this.#store.delete(call.store, call.key, call.expected);
        return undefined;
    }
  }

  #wake(): void {
    for (const [stream, fetches] of this.#waiting) {
      if (fetches.size === 0) continue;
      const { last } = this.#store.bounds(stream);
      for (const [number, fetch] of fetches) {
        if (last <= fetch.after) continue;
        fetches.delete(number);
        this.#fetches.push(fetch);
      }
    }
  }

  #read(): void {
    const reads = this.#reads;
    this.#reads = [];
    for (const { number, call } of reads) this.#answer(number, () => this.#runRead(call));
    const fetches = this.#fetches;
    this.#fetches = [];
    for (const fetch of fetches) this.#answerFetch(fetch);
  }

  #answer(number: number, run: () => unknown): void {
    try {
      this.#replies.push({ kind: "result", number, value: run() });
    } catch (error) {
      const failure = failureOf(error) ?? { code: "BUS_UNAVAILABLE" as const, message: messageOf(error) };
      this.#replies.push({ kind: "failure", number, failure });
    }
  }

  #runRead(call: ReadCall): unknown {
    switch (call.kind) {
      case "last":
        return this.#store.last(call.stream, call.subject);
      case "get":
        return this.#store.get(call.store, call.key);
      case "entries":
        return this.#store.entries(call.store, call.prefix);
      case "end": {
        const { epoch, last } = this.#store.bounds(call.stream);
        return { epoch, after: last };
      }
      case "usage":
        return this.#store.usage();
    }
  }

  #answerFetch(fetch: Fetch): void {
    const { stream, wait } = fetch.request;
    this.#answer(fetch.number, () => {
      const reply = fetchRows(this.#store, fetch);
      this.#transfer.push(reply.bytes.buffer);
      return reply;
    });
    const reply = this.#replies.at(-1);
    if (!wait || reply?.kind !== "result") return;
    const { sequences, through, lostTo } = reply.value as FetchReply;
    if (sequences.length > 0 || lostTo > 0 || through > fetch.after) return;
    this.#replies.pop();
    this.#transfer.pop();
    const waiting = this.#waiting.get(stream) ?? new Map<number, Fetch>();
    waiting.set(fetch.number, fetch);
    this.#waiting.set(stream, waiting);
  }

  #retain(): boolean {
    const now = systemClock.monotonicMs();
    if (now - this.#retainedAt < retainEveryMs) return false;
    if (!this.#store.hasExcess()) {
      this.#retainedAt = now;
      return false;
    }
    try {
      this.#store.begin();
      const more = this.#store.retain(retainStep);
      this.#store.commit();
      this.#unsaved += 65_536;
      if (!more) this.#retainedAt = now;
      return more;
    } catch {
      this.#store.rollback(); // the disk may be full: publishers learn it, and the next second tries again
      this.#retainedAt = now;
      return false;
    }
  }

  #close(): void {
    this.#store.close();
    this.#post([{ kind: "closed" }], []);
    parentPort?.close();
  }
}

/** The next rows for `fetch`, of those it may see; bounded in rows looked at and bytes. */
function fetchRows(store: SqliteStore, fetch: Fetch): FetchReply {
  const { epoch, first, last } = store.bounds(fetch.request.stream);
  if (fetch.after >= 0 && fetch.request.epoch !== epoch) fetch.after = -1;
  const start = Math.max(fetch.after, first - 1);
  const isLost = fetch.after >= 0 && start > fetch.after;
  const found: { subject: string; sequence: number; storedAt: number; data: Uint8Array }[] = [];
  let through = start;
  let scanned = 0;
  let bytes = 0;
  for (const row of store.rows(fetch.request.stream, start, maxScan)) {
    scanned++;
    through = row.sequence;
    if (!fetch.matches(row.subject)) continue;
    found.push(row);
    bytes += row.data.byteLength;
    if (found.length >= fetch.request.limit || bytes >= maxFetchBytes) break;
  }
  const isAtEnd = scanned < maxScan && found.length < fetch.request.limit && bytes < maxFetchBytes;
  if (isAtEnd) through = Math.max(through, last);
  return {
    epoch,
    ...columns(found, bytes),
    lostFrom: isLost ? fetch.after + 1 : 0,
    lostTo: isLost ? start : 0,
    through,
    end: last,
  };
}

function columns(
  rows: readonly { subject: string; sequence: number; storedAt: number; data: Uint8Array }[],
  total: number,
) {
  const subjects = new Array<string>(rows.length);
  const sequences = new Float64Array(rows.length);
  const storedAt = new Float64Array(rows.length);
  const sizes = new Uint32Array(rows.length);
  const bytes = new Uint8Array(total);
  let offset = 0;
  for (const [index, row] of rows.entries()) {
    subjects[index] = row.subject;
    sequences[index] = row.sequence;
    storedAt[index] = row.storedAt;
    sizes[index] = row.data.byteLength;
    bytes.set(row.data, offset);
    offset += row.data.byteLength;
  }
  return { subjects, sequences, storedAt, sizes, bytes };
}

function failureOf(error: unknown) {
  if (!(error instanceof EngineError)) return undefined;
  const { code, message } = error;
  return code === "BUS_STALE" || code === "NOT_FOUND" ? { code, message } : undefined;
}

function refusal(
  write: PublishRequest | { readonly number: number; readonly call: WriteCall },
  message: string,
): Reply {
  if ("kind" in write) return { kind: "refused", count: write.sizes.length, message };
  return { kind: "failure", number: write.number, failure: { code: "BUS_UNAVAILABLE", message } };
}

function start(): void {
  const port = parentPort;
  if (!port) return; // imported outside a worker
  const { path, streams } = workerData as WorkerStart;
  try {
    const worker = new BusWorker(new SqliteStore(path, streams, systemClock.now), (replies, transfer) =>
      port.postMessage(replies, transfer),
    );
    port.on("message", (requests: readonly Request[]) => worker.receive(requests));
    setInterval(() => worker.tick(), retainEveryMs).unref();
    port.postMessage([{ kind: "opened" }] satisfies Reply[]);
  } catch (error) {
    port.postMessage([{ kind: "failed", message: messageOf(error) }] satisfies Reply[]);
    port.close();
  }
}

start();

import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { QuietRelease } from "../../base/idle-memory.ts";
import { failureOf } from "./sqlite-failure.ts";
import type {
  Call,
  Failure,
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
/** Bytes written to the log before it is copied into the file, though others wait meanwhile: 30 ms and more. */
const checkpointBytes = 16 * 1024 * 1024;
/** The same while nobody waits: few enough to be done before the next one minds. */
const idleCheckpointBytes = 1024 * 1024;
const retainEveryMs = 1000;
const retainStep = 2000;

/** After a transaction that failed. */
const retryMs = 250;

type Write = PublishRequest | { readonly number: number; readonly call: WriteCall };

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
  readonly #path: string;
  readonly #store: SqliteStore;
  readonly #post: (replies: readonly Reply[], transfer: ArrayBuffer[]) => void;
  #writes: Write[] = [];
  #reads: { readonly number: number; readonly call: ReadCall }[] = [];
  #fetches: Fetch[] = [];
  /** Readers at the end of their stream, by stream. */
  readonly #waiting = new Map<string, Map<number, Fetch>>();
  #replies: Reply[] = [];
  #transfer: ArrayBuffer[] = [];
  #isDue = false;
  #isClosing = false;
  #unsaved = 0;
  /** Enough was written since the last checkpoint for one in a turn that has nothing else to do. */
  #wantsCheckpoint = false;
  #retainedAt = 0;
  /** What the last transaction failed with; until `retryAt` no other is tried. */
  #trouble: Failure | undefined;
  #retryAt = 0;
  /** What is known of the streams in memory may be more than the file has. */
  #isStale = false;
  readonly #memory = new QuietRelease();

  constructor(path: string, store: SqliteStore, post: (replies: readonly Reply[], transfer: ArrayBuffer[]) => void) {
    this.#path = path;
    this.#store = store;
    this.#post = post;
  }

  receive(requests: readonly Request[]): void {
    this.#memory.worked();
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
    this.#memory.tick();
    this.#schedule();
  }

  #turn(): void {
    const isIdle = !this.#isBusy();
    this.#write();
    this.#flush();
    this.#read();
    this.#flush();
    const isRetaining = this.#retain();
    if (this.#unsaved > checkpointBytes || (isIdle && this.#wantsCheckpoint)) this.#checkpoint();
    if (this.#isClosing && this.#writes.length === 0) this.#close();
    else if (isRetaining || this.#wantsCheckpoint || this.#isBusy()) this.#schedule();
  }

  #isBusy(): boolean {
    return this.#writes.length + this.#reads.length + this.#fetches.length > 0;
  }

  #checkpoint(): void {
    this.#wantsCheckpoint = false;
    try {
      this.#store.checkpoint();
      this.#unsaved = 0;
    } catch {
      this.#unsaved = checkpointBytes / 2; // no room for it: nothing is lost, the log grows; writes tell when that ends
    }
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
    if (this.#trouble && systemClock.monotonicMs() < this.#retryAt) {
      this.#refuse(writes, this.#trouble);
      return;
    }
    try {
      if (this.#isStale) this.#reload();
      this.#store.begin();
      for (const write of writes) replies.push("kind" in write ? this.#publish(write) : this.#writeOne(write));
      this.#store.commit();
    } catch (error) {
      this.#refuse(writes, this.#fail(error));
      return;
    }
    if (this.#trouble) {
      this.#trouble = undefined;
      this.#replies.push({ kind: "trouble" });
    }
    this.#unsaved += 16_384;
    this.#wantsCheckpoint = this.#unsaved > idleCheckpointBytes;
    for (const reply of replies) {
      if (reply.kind === "acks") this.#transfer.push(reply.sequences.buffer);
      this.#replies.push(reply);
    }
    this.#wake();
  }

  /** The transaction is undone; writes wait a moment, so that a full disk does not cost a processor as well. */
  #fail(error: unknown): Failure {
    const failure = failureOf(this.#path, error);
    if (this.#trouble?.message !== failure.message) this.#replies.push({ kind: "trouble", reason: failure.message });
    this.#trouble = failure;
    this.#isStale = true;
    try {
      this.#reload();
    } catch {
      // The file cannot even be read now: again before the next transaction.
    }
    this.#retryAt = systemClock.monotonicMs() + retryMs;
    return failure;
  }

  #reload(): void {
    this.#store.rollback();
    this.#isStale = false;
  }

  #refuse(writes: readonly Write[], failure: Failure): void {
    for (const write of writes) {
      if ("kind" in write) this.#replies.push({ kind: "refused", count: write.sizes.length, failure });
      else this.#replies.push({ kind: "failure", number: write.number, failure });
    }
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
      if (!(error instanceof EngineError)) throw error; // of the store: the whole transaction fails
      return { kind: "failure", number, failure: failureOf(this.#path, error) };
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
        return this.#store.state.put(call);
      case "delete":
        this.#store.state.delete(call.store, call.key, call.expected);
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
      if (this.#isStale) this.#reload(); // else a reader could be led past what was never kept
      this.#replies.push({ kind: "result", number, value: run() });
    } catch (error) {
      this.#replies.push({ kind: "failure", number, failure: failureOf(this.#path, error) });
    }
  }

  #runRead(call: ReadCall): unknown {
    switch (call.kind) {
      case "last":
        return this.#store.last(call.stream, call.subject);
      case "get":
        return this.#store.state.get(call.store, call.key);
      case "entries":
        return this.#store.state.entries(call.store, call.prefix);
      case "end": {
        const { epoch, last } = this.#store.bounds(call.stream);
        return { epoch, after: last };
      }
      case "positionAt":
        return this.#store.positionAt(call.stream, call.atMs);
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
    if (now - this.#retainedAt < retainEveryMs || this.#isStale) return false;
    try {
      if (!this.#store.hasExcess()) {
        this.#retainedAt = now;
        return false;
      }
      this.#store.begin();
      const { more, expired } = this.#store.retain(retainStep);
      this.#store.commit();
      this.#unsaved += 65_536;
      if (expired.length > 0) this.#post([{ kind: "expired", entries: expired }], []);
      if (!more) this.#retainedAt = now;
      return more;
    } catch (error) {
      this.#fail(error); // the next second tries again
      this.#flush();
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

function start(): void {
  const port = parentPort;
  if (!port) return; // imported outside a worker
  const begin = workerData as WorkerStart;
  try {
    const worker = new BusWorker(begin.path, new SqliteStore(begin, systemClock.now), (replies, transfer) =>
      port.postMessage(replies, transfer),
    );
    port.on("message", (requests: readonly Request[]) => worker.receive(requests));
    setInterval(() => worker.tick(), retainEveryMs).unref();
    port.postMessage([{ kind: "opened" }] satisfies Reply[]);
  } catch (error) {
    port.postMessage([{ kind: "failed", message: failureOf(begin.path, error).message }] satisfies Reply[]);
    port.close();
  }
}

start();

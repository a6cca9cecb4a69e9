import { Worker } from "node:worker_threads";
import { ChurnMap } from "../../base/churn-map.ts";
import { EngineError } from "../../base/errors.ts";
import { smallWorker } from "../../base/memory.ts";
import { workerUrl } from "../../base/worker-url.ts";
import type { Subject } from "../../record/subject.ts";
import type { PublishAck } from "./bus.ts";
import type { Call, FetchReply, Reply, Request, WorkerStart } from "./sqlite-protocol.ts";

/** Publishes not yet answered, at most: beyond it callers are told to try again. */
const maxInFlight = 65_536;
const maxInFlightBytes = 256 * 1024 * 1024;
/** So many publishes go to the worker at once, though the turn is not over: it writes while more are asked for. */
const packed = 128;

interface PendingPublish {
  readonly stream: string;
  readonly subject: string;
  readonly id: string;
  readonly data: Uint8Array;
  readonly resolve: (ack: PublishAck) => void;
  readonly reject: (error: Error) => void;
}

interface PendingCall {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The main thread's end of the worker. What is asked within one turn of the event loop goes as one message; publishes are
 * answered in their order, calls by their number.
 */
export class SqliteLink {
  readonly #worker: Worker;
  /** Told to the worker (from `#sentTo` on: not yet), oldest first; answered up to `#answeredTo`. */
  #publishes: PendingPublish[] = [];
  #answeredTo = 0;
  #sentTo = 0;
  #bytes = 0;
  readonly #calls = new ChurnMap<number, PendingCall>();
  #requests: Request[] = [];
  #isFlushDue = false;
  #nextNumber = 1;
  #failure: string | undefined;
  #trouble: string | undefined;
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #isClosing = false;
  /** Called when writes begin to fail, and without a reason when they work again. */
  onTrouble: (reason: string | undefined) => void = () => undefined;
  /** Called for each entry that the worker removed because of its TTL. */
  onExpired: (store: string, key: string) => void = () => undefined;

  private constructor(start: WorkerStart) {
    this.#worker = new Worker(workerUrl(import.meta.url, "sqlite-worker"), {
      workerData: start,
      execArgv: [],
      resourceLimits: smallWorker,
    });
    this.#worker.on("message", (replies: readonly Reply[]) => {
      for (const reply of replies) this.#take(reply);
    });
    this.#worker.on("error", (error) => this.#fail(error.message));
    this.#worker.on("exit", () => {
      this.#fail("the store's worker ended");
      this.#closed.resolve();
    });
  }

  /** @throws EngineError STORE_FAILED */
  static async open(start: WorkerStart): Promise<SqliteLink> {
    const link = new SqliteLink(start);
    await link.#opened.promise;
    return link;
  }

  /** Why nothing can be stored now. */
  get failure(): string | undefined {
    return this.#failure ?? this.#trouble;
  }

  publish(stream: string, subject: Subject, id: string, data: Uint8Array): Promise<PublishAck> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal();
      if (refusal) return reject(refusal);
      this.#publishes.push({ stream, subject, id, data, resolve, reject });
      this.#bytes += data.byteLength;
      if (this.#publishes.length - this.#sentTo >= packed) this.#flush();
      else this.#scheduleFlush();
    });
  }

  #refusal(): EngineError | undefined {
    if (this.#failure !== undefined) return new EngineError("BUS_UNAVAILABLE", this.#failure);
    if (this.#isClosing) return new EngineError("BUS_UNAVAILABLE", "the bus is closed");
    const waiting = this.#publishes.length - this.#answeredTo;
    if (waiting < maxInFlight && this.#bytes < maxInFlightBytes) return undefined;
    return new EngineError("BUS_UNAVAILABLE", `${waiting} publishes wait for the disk already`);
  }

  /** `signal` takes a waiting fetch back; it then rejects with the signal's reason. */
  call<T>(call: Call, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#failure !== undefined || this.#isClosing) {
        return reject(new EngineError("BUS_UNAVAILABLE", this.#failure ?? "the bus is closed"));
      }
      if (signal?.aborted) return reject(signal.reason);
      const number = this.#nextNumber++;
      const onAbort = (): void => {
        this.#calls.delete(number);
        this.#send({ kind: "cancel", number });
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#calls.set(number, {
        resolve: (value) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(value as T); // the worker answers each call with its own type
        },
        reject: (error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      });
      this.#send({ kind: "call", number, call });
    });
  }

  fetch(call: Call, signal: AbortSignal): Promise<FetchReply> {
    return this.call<FetchReply>(call, signal);
  }

  #send(request: Request): void {
    this.#packPublishes(); // keeps the order of what was asked
    this.#requests.push(request);
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushDue = false;
    this.#packPublishes();
    const requests = this.#requests;
    if (requests.length === 0 || this.#failure !== undefined) return;
    this.#requests = [];
    const transfer: ArrayBuffer[] = [];
    for (const request of requests) if (request.kind === "publish") transfer.push(request.bytes.buffer);
    this.#worker.postMessage(requests, transfer);
  }

  #packPublishes(): void {
    const count = this.#publishes.length - this.#sentTo;
    if (count === 0) return;
    const streams = new Array<string>(count);
    const subjects = new Array<string>(count);
    const ids = new Array<string>(count);
    const sizes = new Uint32Array(count);
    let total = 0;
    for (let index = 0; index < count; index++) {
      const publish = this.#publishes[this.#sentTo + index] as PendingPublish;
      streams[index] = publish.stream;
      subjects[index] = publish.subject;
      ids[index] = publish.id;
      sizes[index] = publish.data.byteLength;
      total += publish.data.byteLength;
    }
    const bytes = new Uint8Array(total);
    let offset = 0;
    for (let index = this.#sentTo; index < this.#publishes.length; index++) {
      const { data } = this.#publishes[index] as PendingPublish;
      bytes.set(data, offset);
      offset += data.byteLength;
    }
    this.#sentTo = this.#publishes.length;
    this.#requests.push({ kind: "publish", streams, subjects, ids, sizes, bytes });
  }

  #take(reply: Reply): void {
    switch (reply.kind) {
      case "opened":
        this.#opened.resolve();
        break;
      case "failed":
        this.#fail(reply.message);
        break;
      case "acks":
        for (const sequence of reply.sequences) this.#acknowledge(sequence);
        this.#forgetAnswered();
        break;
      case "refused":
        for (let index = 0; index < reply.count; index++) {
          this.#nextAnswered()?.reject(new EngineError(reply.failure.code, reply.failure.message));
        }
        this.#forgetAnswered();
        break;
      case "result":
        this.#settle(reply.number)?.resolve(reply.value);
        break;
      case "failure":
        this.#settle(reply.number)?.reject(new EngineError(reply.failure.code, reply.failure.message));
        break;
      case "trouble":
        this.#trouble = reply.reason;
        this.onTrouble(reply.reason);
        break;
      case "expired":
        for (const { store, key } of reply.entries) this.onExpired(store, key);
        break;
      case "closed":
        this.#closed.resolve();
    }
  }

  #acknowledge(sequence: number): void {
    const publish = this.#nextAnswered();
    publish?.resolve({ stream: publish.stream, sequence: Math.abs(sequence), duplicate: sequence < 0 });
  }

  #nextAnswered(): PendingPublish | undefined {
    const publish = this.#publishes[this.#answeredTo++];
    this.#bytes -= publish?.data.byteLength ?? 0;
    return publish;
  }

  #forgetAnswered(): void {
    this.#publishes.splice(0, this.#answeredTo);
    this.#sentTo -= this.#answeredTo;
    this.#answeredTo = 0;
  }

  #settle(number: number): PendingCall | undefined {
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    return call;
  }

  #fail(message: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = message;
    this.#opened.reject(new EngineError("STORE_FAILED", `the bus cannot be opened: ${message}`));
    this.#opened.promise.catch(() => undefined); // nobody waits for it any more once it is open
    const error = new EngineError("BUS_UNAVAILABLE", `the bus's store failed: ${message}`);
    for (const publish of this.#publishes) publish.reject(error);
    this.#publishes = [];
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
  }

  /** Resolves once everything asked before is done and the file is closed. */
  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#send({ kind: "close" });
      this.#isClosing = true;
    }
    await this.#closed.promise;
  }
}

import { setImmediate as nextTurn } from "node:timers/promises";
import { createInbox, type Msg, type Subscription } from "@nats-io/transport-node";
import type { Clock } from "../../base/clock.ts";
import type { Connection } from "./jetstream-connection.ts";

const expiresMs = 30_000;
const heartbeatMs = 2000;
/** The server that holds a consumer may die while our connection is to another: then nothing says so. */
const silentMs = 5000;
const watchEveryMs = 1000;
/** How long a batch waits to be full while the server is sending more of what it has. */
const maxFillMs = 10;
/** Asked for at once and buffered, beside the count: many large messages do not fill the memory of a slow reader. */
const maxBytes = 8 * 1024 * 1024;

/** What the server says of a message in its reply subject. */
export interface PulledMessage {
  readonly message: Msg;
  readonly sequence: number;
  readonly consumerSequence: number;
  readonly attempt: number;
  readonly storedAt: number;
  /** How many more match after this one. */
  readonly pending: number;
}

export interface PullOptions {
  readonly connection: Connection;
  readonly stream: string;
  readonly consumer: string;
  readonly clock: Clock;
  /** Asked for and buffered, at most. */
  readonly window: number;
}

/**
 * Messages of one consumer into a buffer, by pull requests that overlap so that the server never waits for us. It ends
 * (`isBroken`) when the consumer is gone, heartbeats fail, or the connection was lost; then a new one is made.
 */
export class Pull implements Disposable {
  readonly #options: PullOptions;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  readonly #endReturns: () => void;
  readonly #watchdog: NodeJS.Timeout;
  #buffer: PulledMessage[] = [];
  #bufferedBytes = 0;
  #requested = 0;
  #heardAt: number;
  #isBroken = false;
  #changed = Promise.withResolvers<void>();

  constructor(options: PullOptions) {
    this.#options = options;
    this.#heardAt = options.clock.monotonicMs();
    this.#subscription = options.connection.nc.subscribe(this.#inbox, {
      callback: (error, message) => {
        if (error) this.#break();
        else this.#take(message);
      },
    });
    this.#endReturns = options.connection.onReturn(() => this.#break());
    this.#watchdog = setInterval(() => this.#watch(), watchEveryMs);
    this.#ask();
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  get buffered(): readonly PulledMessage[] {
    return this.#buffer;
  }

  /** Takes the first `count` of the buffer. */
  take(count: number): readonly PulledMessage[] {
    let taken = this.#buffer;
    if (count >= taken.length) this.#buffer = [];
    else taken = this.#buffer.splice(0, count);
    for (const { message } of taken) this.#bufferedBytes -= message.data.byteLength;
    this.#ask();
    return taken;
  }

  /** Resolves when something arrived, broke, `ms` passed or `signal` aborted. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#buffer.length > 0 || this.#isBroken || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const onAbort = (): void => resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    await Promise.race([this.#changed.promise, promise]);
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }

  /** Lets the event loop turn until `count` are buffered, as long as more are on their way: one read of a socket is few. */
  async fill(count: number): Promise<void> {
    const startedAt = this.#options.clock.monotonicMs();
    let before = 0;
    while (this.#buffer.length > before && this.#buffer.length < count && this.#isMoreComing) {
      if (this.#options.clock.monotonicMs() - startedAt >= maxFillMs) return;
      before = this.#buffer.length;
      await nextTurn();
    }
  }

  get #isMoreComing(): boolean {
    return !this.#isBroken && this.#requested > 0 && (this.#buffer.at(-1)?.pending ?? 0) > 0;
  }

  #take(message: Msg): void {
    this.#heardAt = this.#options.clock.monotonicMs();
    // Headers are parsed when they are asked for: not of messages, which are the most. What a stream holds has a place for
    // its acknowledgement, and headers that may be anything; what the server itself says has none.
    if (message.data.byteLength === 0 && !message.reply && (message.headers?.code ?? 0) > 0) {
      this.#takeStatus(message);
      return;
    }
    this.#requested--;
    this.#buffer.push(parsed(message));
    this.#bufferedBytes += message.data.byteLength;
    if (this.#buffer.length === 1) this.#wake();
  }

  #takeStatus(message: Msg): void {
    const { code = 0, description = "" } = message.headers ?? {};
    if (code === 100) return;
    const isOver = code === 408 || code === 404 || (code === 409 && /batch|size|exceeded/i.test(description));
    if (!isOver) {
      this.#break();
      return;
    }
    const left = Number(message.headers?.get("Nats-Pending-Messages") ?? "");
    this.#requested = left > 0 ? Math.max(0, this.#requested - left) : 0;
    this.#ask();
  }

  #ask(): void {
    const { connection, stream, consumer, window } = this.#options;
    const wanted = window - this.#requested - this.#buffer.length;
    // The server gives up a request whose next message does not fit: the largest one has to.
    const bytes = Math.max(maxBytes, 2 * (connection.nc.info?.max_payload ?? 0));
    if (this.#isBroken || wanted < Math.max(1, window / 2) || this.#bufferedBytes >= bytes) return;
    if (this.#requested === 0) this.#heardAt = this.#options.clock.monotonicMs(); // nothing was due before
    this.#requested += wanted;
    const request = {
      batch: wanted,
      max_bytes: bytes,
      expires: expiresMs * 1e6,
      idle_heartbeat: heartbeatMs * 1e6,
    };
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
    connection.nc.publish(subject, JSON.stringify(request), { reply: this.#inbox });
  }

  #watch(): void {
    if (this.#requested > 0 && this.#options.clock.monotonicMs() - this.#heardAt > silentMs) this.#break();
  }

  #break(): void {
    this.#isBroken = true;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  [Symbol.dispose](): void {
    this.#isBroken = true;
    clearInterval(this.#watchdog);
    this.#endReturns();
    this.#subscription.unsubscribe();
    this.#wake();
  }
}

/** `$JS.ACK[.<domain>.<account>].<stream>.<consumer>.<attempt>.<sequence>.<consumer sequence>.<nanoseconds>.<pending>` */
function parsed(message: Msg): PulledMessage {
  const tokens = (message.reply ?? "").split(".");
  const at = tokens.length > 9 ? 6 : 4;
  return {
    message,
    attempt: Number(tokens[at]),
    sequence: Number(tokens[at + 1]),
    consumerSequence: Number(tokens[at + 2]),
    storedAt: Math.floor(Number(tokens[at + 3]) / 1e6),
    pending: Number(tokens[at + 4]),
  };
}

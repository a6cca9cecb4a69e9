import {
  createInbox,
  type Msg,
  type MsgHdrs,
  headers as makeHeaders,
  type Subscription,
} from "@nats-io/transport-node";
import { ChurnMap } from "../../base/churn-map.ts";
import type { Clock } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Subject } from "../../record/subject.ts";
import type { PublishAck } from "./bus.ts";
import type { Connection } from "./jetstream-connection.ts";

/** Sent and not yet acknowledged, at most; the rest waits here. */
const windowSize = 4096;
const maxWaiting = 65_536;
const ackTimeoutMs = 5000;
/** From the call on: after it the caller is told. */
const giveUpMs = 10_000;
const tickMs = 250;

interface Pending {
  readonly number: number;
  readonly subject: Subject;
  readonly id: string;
  readonly data: Uint8Array;
  readonly expected: number;
  readonly startedAt: number;
  sentAt: number;
  readonly resolve: (ack: PublishAck) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Publishes without a request per message: each has a number in its reply subject, and one subscription counts the
 * acknowledgements. A message: waiting → sent → acknowledged, or sent again with the same id after `ackTimeoutMs`, after
 * "no responders" and after a reconnect, or refused after `giveUpMs`.
 */
export class Publisher implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #prefix = `${createInbox()}.`;
  readonly #subscription: Subscription;
  readonly #endReturns: () => void;
  /** In the order of `sentAt`: sending again moves to the end. */
  readonly #sent = new ChurnMap<number, Pending>();
  #waiting: Pending[] = [];
  #waitingFrom = 0;
  #nextNumber = 1;
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void) | undefined;
  #isClosing = false;

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#subscription = connection.nc.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (!error) this.#takeAck(message);
      },
    });
    this.#endReturns = connection.onReturn(() => this.#sendAllAgain());
  }

  /** `expected` -1: whatever the subject's last sequence is; `id` "": no deduplication. */
  publish(subject: Subject, id: string, data: Uint8Array, expected = -1): Promise<PublishAck> {
    return new Promise((resolve, reject) => {
      if (this.#isClosing || this.#waiting.length - this.#waitingFrom >= maxWaiting) {
        return reject(
          new EngineError("BUS_UNAVAILABLE", this.#isClosing ? "the bus is closed" : "too many publishes wait"),
        );
      }
      const now = this.#clock.monotonicMs();
      const number = this.#nextNumber++;
      const pending = { number, subject, id, data, expected, startedAt: now, sentAt: now, resolve, reject };
      if (this.#sent.size < windowSize) this.#send(pending, now);
      else this.#waiting.push(pending);
      this.#timer ??= setInterval(() => this.#tick(), tickMs);
    });
  }

  #send(pending: Pending, now: number): void {
    pending.sentAt = now;
    this.#sent.delete(pending.number);
    this.#sent.set(pending.number, pending);
    if (this.#connection.isAway) return; // sent when the connection is back
    const reply = this.#prefix + pending.number.toString(36);
    try {
      this.#connection.nc.publish(pending.subject, pending.data, { reply, headers: headersOf(pending) });
    } catch (error) {
      this.#finish(pending)?.reject(new EngineError("BUS_UNAVAILABLE", messageOf(error), error));
    }
  }

  #takeAck(message: Msg): void {
    const pending = this.#sent.get(Number.parseInt(message.subject.slice(this.#prefix.length), 36));
    if (!pending) return; // answered before
    if (message.data.byteLength === 0) {
      pending.sentAt = Number.NEGATIVE_INFINITY; // no responders: again with the next tick
      return;
    }
    const ack = message.json<{
      stream: string;
      seq: number;
      duplicate?: boolean;
      error?: { err_code: number; description: string };
    }>();
    this.#finish(pending);
    if (!ack.error) pending.resolve({ stream: ack.stream, sequence: ack.seq, duplicate: ack.duplicate === true });
    else if (ack.error.err_code === 10071 || ack.error.err_code === 10164) {
      pending.reject(new EngineError("BUS_STALE", `append to "${pending.subject}": ${ack.error.description}`));
    } else
      pending.reject(new EngineError("BUS_UNAVAILABLE", `publish to "${pending.subject}": ${ack.error.description}`));
  }

  #finish(pending: Pending): Pending | undefined {
    if (!this.#sent.delete(pending.number)) return undefined;
    const next = this.#waiting[this.#waitingFrom];
    if (next) {
      this.#waitingFrom++;
      this.#send(next, this.#clock.monotonicMs());
      if (this.#waitingFrom > 1000) {
        this.#waiting.splice(0, this.#waitingFrom);
        this.#waitingFrom = 0;
      }
    } else if (this.#sent.size === 0) this.#rest();
    return pending;
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
    this.#waitingFrom = 0;
    this.#idle?.();
  }

  #tick(): void {
    const now = this.#clock.monotonicMs();
    const late = [...this.#sent.values()].filter((pending) => now - pending.sentAt >= ackTimeoutMs);
    for (const pending of late) {
      if (now - pending.startedAt < giveUpMs - tickMs) this.#send(pending, now);
      else this.#giveUp(pending);
    }
    for (
      let next = this.#waiting[this.#waitingFrom];
      next && now - next.startedAt >= giveUpMs;
      next = this.#waiting[this.#waitingFrom]
    ) {
      this.#waitingFrom++;
      next.reject(unacknowledged(next.subject));
    }
  }

  #giveUp(pending: Pending): void {
    this.#finish(pending)?.reject(unacknowledged(pending.subject));
  }

  #sendAllAgain(): void {
    const now = this.#clock.monotonicMs();
    for (const pending of [...this.#sent.values()]) this.#send(pending, now);
  }

  /** Resolves once nothing is under way, at the latest when the last was given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    if (this.#sent.size > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#endReturns();
    this.#subscription.unsubscribe();
  }
}

function headersOf(pending: Pending): MsgHdrs {
  const headers = makeHeaders();
  if (pending.id !== "") headers.set("Nats-Msg-Id", headerValue(pending.id));
  if (pending.expected >= 0) headers.set("Nats-Expected-Last-Subject-Sequence", String(pending.expected));
  return headers;
}

/** Ids that a header cannot carry as they are go encoded; the same id always the same way. */
function headerValue(id: string): string {
  return /[\r\n]|^\s|\s$/.test(id) ? encodeURIComponent(id) : id;
}

function unacknowledged(subject: Subject): EngineError {
  return new EngineError("BUS_UNAVAILABLE", `publish to "${subject}": not acknowledged within ${giveUpMs} ms`);
}

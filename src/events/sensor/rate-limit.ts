import type { Trigger } from "../../api/resources.ts";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, instant, sleepFor } from "../../base/clock.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { encodeToken } from "../../record/subject.ts";
import type { StateStore } from "../bus/bus.ts";

/** The store of the system bus that all limits are in; an entry that nobody needed for this long says nothing any more. */
export const rateStore = { name: "rates", ttlMs: 2 * 60 * 60 * 1000 } as const;

/** What is reserved beyond the next turn: about one write for each second, however high the rate. */
const reserveMs = 1_000;
/** The most of it: more than storing it takes, on a bus that is slow to answer. */
const maxReserveMs = 10_000;

const unitMs = { Second: 1_000, Minute: 60_000, Hour: 3_600_000 } as const;

/** Turns of one trigger. */
export interface RateLimit {
  /** Resolves when it is the next one's turn, which then begins at once. Calls must not overlap. */
  take(signal: AbortSignal): Promise<void>;
}

export interface RateLimitDeps {
  /** `rateStore` of the system bus. */
  readonly store: StateStore;
  /** Of all dates of one trigger; comes from `rateKey`. */
  readonly key: string;
  /** Between two turns, in milliseconds: a unit divided by its requests. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** `lane`: the trigger's name, with what tells a dlqTrigger from a trigger of its name. */
export function rateKey(namespace: string, sensor: string, lane: string): string {
  return [namespace, sensor, lane].map(encodeToken).join("/");
}

/** @throws TerminalError MANIFEST_INVALID for no request at all. */
export function intervalOf({ rateLimit, template }: Trigger): number | undefined {
  if (rateLimit === undefined) return undefined;
  const { unit = "Second", requestsPerUnit = 0 } = rateLimit;
  if (requestsPerUnit >= 1) return unitMs[unit] / requestsPerUnit;
  const at = `trigger ${template.name}: rateLimit.requestsPerUnit`;
  throw new TerminalError("MANIFEST_INVALID", `${at}: ${requestsPerUnit} must be at least 1`);
}

/**
 * At most one turn in each interval, so that no stretch of one unit, wherever it begins, holds more than the limit; there
 * is no burst after a pause (the original allows ten). Exact over engines and restarts: whoever gives turns has reserved
 * the time for them by compare-and-set, and begins none whose interval would end after what it reserved. Who comes later
 * begins where the reservation ends, usually an interval and a second later at most.
 */
export function createRateLimit(deps: RateLimitDeps): RateLimit {
  return new Turns(deps);
}

interface Reservation {
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly revision: number;
  /** This process made it, so that its last turn is known. */
  readonly isOwn: boolean;
}

/** The first millisecond that is not before `ms`; sums of fractions are a little off. */
function wholeMs(ms: number): number {
  return Math.ceil(ms - 1e-6);
}

class Turns implements RateLimit {
  readonly #deps: RateLimitDeps;
  #reserved: Reservation | undefined;
  #last = Number.NEGATIVE_INFINITY;
  #extraMs = reserveMs;

  constructor(deps: RateLimitDeps) {
    this.#deps = deps;
  }

  async take(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs } = this.#deps;
    for (;;) {
      signal.throwIfAborted();
      const at = this.#next();
      if (at !== undefined && at + intervalMs <= (this.#reserved?.until ?? 0)) {
        await clock.sleepUntil(instant(wholeMs(at)), signal);
        const now = clock.now();
        // The process may have been stopped, or the clock set back, while it slept.
        if (now < wholeMs(at) || now + intervalMs > (this.#reserved?.until ?? 0)) continue;
        // Of a turn on time the exact place counts, or the clock's milliseconds would add up.
        this.#last = now - at < 1 ? at : now;
        return;
      }
      await this.#reserve(signal);
    }
  }

  /** When the next turn may be, if this process knows. */
  #next(): number | undefined {
    if (this.#reserved?.isOwn !== true) return undefined;
    const now = this.#deps.clock.now();
    // A turn in the future was taken by a clock that was set back since.
    const last = Math.min(this.#last, now);
    return Math.max(now, last + this.#deps.intervalMs);
  }

  /** Waits until the time is free, then reserves some; returns also when another took it or the bus was away. */
  async #reserve(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, log } = this.#deps;
    try {
      const before = this.#reserved ?? (await this.#read());
      const free = this.#next() ?? this.#freeAt(before);
      await clock.sleepUntil(instant(wholeMs(free)), signal);
      const now = clock.now();
      const until = Math.max(free, now) + intervalMs + this.#extraMs;
      this.#reserved = { until, revision: await this.#put(until, before?.revision ?? 0), isOwn: true };
      this.#extraMs = Math.min(maxReserveMs, Math.max(reserveMs, 2 * (clock.now() - now)));
    } catch (error) {
      this.#reserved = undefined; // what is stored is not known, nor is it ours
      if (signal.aborted) throw signal.reason;
      if (!(error instanceof EngineError)) throw error;
      if (error.code === "BUS_STALE") return;
      log.warn("a rate limit waits for the bus", { error });
      await sleepFor(clock, backoffMs(reconnectBackoff, 1), signal);
    }
  }

  /** Nobody reserves more: what is beyond comes from a clock that was set. */
  #freeAt(before: Reservation | undefined): number {
    const now = this.#deps.clock.now();
    return Math.min(before?.until ?? now, now + this.#deps.intervalMs + maxReserveMs);
  }

  async #read(): Promise<Reservation | undefined> {
    const entry = await this.#deps.store.get(this.#deps.key);
    if (!entry) return undefined;
    const until = Number(Buffer.from(entry.value).toString("utf8"));
    return { until: Number.isFinite(until) ? until : 0, revision: entry.revision, isOwn: false };
  }

  #put(until: number, expected: number): Promise<number> {
    return this.#deps.store.put(this.#deps.key, Buffer.from(String(until), "utf8"), expected);
  }
}

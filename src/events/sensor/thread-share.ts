import { setImmediate as nextTurn } from "node:timers/promises";
import type { Sensor } from "../../api/resources.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";

/** How long a Sensor decides before others have a turn. */
const turnMs = 10;
/** The part of the engine's one thread that a Sensor may take by deciding. */
const share = 0.5;
/** How far it may be ahead of its share, so that a burst is not slowed down. */
const burstMs = 1_000;
/** What it has then to make up for, in one pause. */
const pausedToMs = 750;

/**
 * Scripts of users run in the engine's thread (base/lua says why), each held by its own limit; this holds all of one
 * Sensor together. States: free, and slowed down, from its first pause until it has caught up with its share.
 */
export class ThreadShare {
  readonly #clock: Clock;
  readonly #onSlowed: (isSlowed: boolean) => void;
  #turn = 0;
  /** Milliseconds taken beyond the share, at `#at`. */
  #ahead = 0;
  #at: number;
  #isSlowed = false;

  constructor(clock: Clock, onSlowed: (isSlowed: boolean) => void) {
    this.#clock = clock;
    this.#onSlowed = onSlowed;
    this.#at = clock.monotonicMs();
  }

  /** Counts what deciding took since `startedMs` of the monotonic clock; true: `pause` before the next event. */
  took(startedMs: number): boolean {
    const now = this.#clock.monotonicMs();
    this.#ahead = Math.max(0, this.#ahead - (startedMs - this.#at) * share);
    if (this.#ahead === 0) this.#setSlowed(false);
    this.#ahead += (now - startedMs) * (1 - share);
    this.#at = now;
    this.#turn += now - startedMs;
    return this.#turn >= turnMs;
  }

  /** Lets others have a turn; longer while the Sensor is ahead of its share. Rejects when `signal` aborts. */
  async pause(signal: AbortSignal): Promise<void> {
    this.#turn = 0;
    if (this.#ahead < burstMs) {
      await nextTurn();
      return;
    }
    this.#setSlowed(true);
    await sleepFor(this.#clock, (this.#ahead - pausedToMs) / share, signal);
  }

  #setSlowed(isSlowed: boolean): void {
    if (this.#isSlowed === isSlowed) return;
    this.#isSlowed = isSlowed;
    this.#onSlowed(isSlowed);
  }
}

/** Whether deciding may take long: everything else is linear in the event, which is bounded. */
export function hasScripts({ dependencies }: Sensor): boolean {
  return dependencies.some(({ transform, filters }) => transform !== undefined || filters?.script !== undefined);
}

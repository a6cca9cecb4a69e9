import { type Clock, sleepFor } from "./clock.ts";

/**
 * Calls back after one delay, for many who ask all the time. One timer serves them all, and what each leaves while it
 * waits is an entry in a list: a promise, a timer and a signal for each are a KiB that gets old.
 */
export class CommonDelay {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #signal: AbortSignal;
  /** In the order of asking, which is that of their times. */
  #waiting: { readonly dueAt: number; readonly call: () => void }[] = [];
  #isTimed = false;

  /** From the abort of `signal` on nothing is called. */
  constructor(clock: Clock, delayMs: number, signal: AbortSignal) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#signal = signal;
  }

  /** `call` must not throw; it cannot be taken back. */
  ask(call: () => void): void {
    if (this.#signal.aborted) return;
    this.#waiting.push({ dueAt: this.#clock.monotonicMs() + this.#delayMs, call });
    this.#setTimer();
  }

  #setTimer(): void {
    const [first] = this.#waiting;
    if (this.#isTimed || first === undefined) return;
    this.#isTimed = true;
    const left = Math.max(0, first.dueAt - this.#clock.monotonicMs());
    sleepFor(this.#clock, left, this.#signal).then(this.#callDue, () => undefined);
  }

  readonly #callDue = (): void => {
    this.#isTimed = false;
    const now = this.#clock.monotonicMs();
    const left = this.#waiting.findIndex(({ dueAt }) => dueAt > now);
    const calls = this.#waiting.splice(0, left < 0 ? this.#waiting.length : left);
    for (const { call } of calls) call();
    this.#setTimer();
  };
}

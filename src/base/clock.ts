/** Milliseconds since 1970, UTC. Branded so that it is not mixed up with a duration. */
export type Instant = number & { readonly __brand: "Instant" };

/** Time comes from here and nowhere else, so that tests run on virtual time. */
export interface Clock {
  now(): Instant;
  /** Milliseconds since an arbitrary point; never jumps. For deadlines and durations. */
  monotonicMs(): number;
  /** Resolves at `at` (at once when past); rejects with the signal's reason when it aborts. */
  sleepUntil(at: Instant, signal: AbortSignal): Promise<void>;
  /** Sleeps by the monotonic clock, where the two can differ: a clock that is set back must not lengthen a sleep. */
  sleepMs?(ms: number, signal: AbortSignal): Promise<void>;
}

export function instant(ms: number): Instant {
  return ms as Instant;
}

export function isoTime(at: Instant): string {
  return new Date(at).toISOString();
}

/** The longest delay that a timer of Node.js takes; longer sleeps are made of several. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => instant(Date.now()),
  monotonicMs: () => performance.now(),
  async sleepUntil(at, signal) {
    signal.throwIfAborted();
    for (let left = at - Date.now(); left > 0; left = at - Date.now()) {
      await pause(Math.min(left, maxTimerMs), signal);
    }
  },
  async sleepMs(ms, signal) {
    signal.throwIfAborted();
    const end = performance.now() + ms;
    for (let left = ms; left > 0; left = end - performance.now()) {
      await pause(Math.min(left, maxTimerMs), signal);
    }
  },
};

/** Why a wait is cut off that nobody needs any more. One for all: an error for each costs more than the wait itself. */
export const unneeded: unknown = Object.freeze(new Error("nobody waits for it any more"));

/** The one of `node:timers/promises` makes an error with a trace each time that it is cut off, which is nearly always. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const cutOff = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", cutOff);
      resolve();
    }, ms);
    signal.addEventListener("abort", cutOff, { once: true });
  });
}

/** Sleeps `ms` milliseconds on `clock`, also when its date is set meanwhile. */
export function sleepFor(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (clock.sleepMs) return clock.sleepMs(ms, signal);
  return clock.sleepUntil(instant(clock.now() + ms), signal);
}

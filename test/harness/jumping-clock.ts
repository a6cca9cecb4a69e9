import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, instant, systemClock } from "../../src/base/clock.ts";

export interface JumpingClock extends Clock {
  /** Moves the date on; who sleeps until before that wakes. */
  jump(ms: number): void;
}

/** The system's clock with a date that can be moved on: short waits take as long as they say. */
export function createJumpingClock(): JumpingClock {
  let ahead = 0;
  let moved = Promise.withResolvers<void>();
  const now = () => instant(systemClock.now() + ahead);
  return {
    now,
    monotonicMs: systemClock.monotonicMs,
    sleepMs: (ms, signal) => sleep(ms, undefined, { signal }),
    async sleepUntil(at, signal) {
      signal.throwIfAborted();
      while (now() < at) {
        const woken = new AbortController();
        const jumped = moved.promise;
        const slept = sleep(Math.min(at - now(), 60_000), undefined, {
          signal: AbortSignal.any([signal, woken.signal]),
        });
        slept.catch(() => undefined);
        try {
          await Promise.race([slept, jumped]);
        } finally {
          woken.abort();
        }
      }
    },
    jump(ms) {
      ahead += ms;
      moved.resolve();
      moved = Promise.withResolvers<void>();
    },
  };
}

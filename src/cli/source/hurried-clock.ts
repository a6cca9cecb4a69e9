import { setImmediate as turn } from "node:timers/promises";
import { type Clock, type Instant, instant } from "../../base/clock.ts";

/** Time in which one thing happens after the other: whoever sleeps goes on at once, and it is then that late. */
export function createHurriedClock(start: Instant): Clock {
  let now: number = start;
  return {
    now: () => instant(now),
    monotonicMs: () => now - start,
    async sleepUntil(at, signal) {
      signal.throwIfAborted();
      now = Math.max(now, at);
      await turn(undefined, { signal }); // who ends the test has a turn, too
    },
  };
}

import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, instant } from "../../src/base/clock.ts";

/** The system's clock, running `factor` times as fast: what waits 100 ms waits 100 / `factor`. */
export function createFastClock(factor: number): Clock {
  const start = performance.now();
  const origin = Date.now();
  const now = () => instant(origin + (performance.now() - start) * factor);
  return {
    now,
    monotonicMs: () => (performance.now() - start) * factor,
    async sleepUntil(at, signal) {
      signal.throwIfAborted();
      const ms = (at - now()) / factor;
      if (ms > 0) await sleep(ms, undefined, { signal });
    },
  };
}

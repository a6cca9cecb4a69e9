import { type Clock, type Instant, instant } from "../../src/base/clock.ts";

interface Sleeper {
  readonly at: Instant;
  readonly wake: () => void;
}

export interface VirtualClock extends Clock {
  /** Moves time on by `ms`, waking sleepers in order of their time and letting what they do settle in between. */
  advance(ms: number): Promise<void>;
  /** How many sleep. */
  readonly sleeping: number;
}

/** A clock that stands still until `advance`. */
export function createVirtualClock(start = "2026-01-01T00:00:00Z"): VirtualClock {
  const origin = Date.parse(start);
  let now = origin;
  const sleepers = new Set<Sleeper>();

  function sleepUntil(at: Instant, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (at <= now) return resolve();
      const sleeper: Sleeper = { at, wake: resolve };
      sleepers.add(sleeper);
      signal.addEventListener("abort", () => sleepers.delete(sleeper) && reject(signal.reason), { once: true });
    });
  }

  async function advance(ms: number): Promise<void> {
    const end = now + ms;
    await settle();
    for (;;) {
      const next = [...sleepers].filter((sleeper) => sleeper.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      now = Math.max(now, next.at);
      sleepers.delete(next);
      next.wake();
      await settle();
    }
    now = end;
    await settle();
  }

  return {
    now: () => instant(now),
    monotonicMs: () => now - origin,
    sleepUntil,
    advance,
    get sleeping() {
      return sleepers.size;
    },
  };
}

/** Lets promises and immediates that are due run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

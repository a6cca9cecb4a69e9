import { type Clock, instant } from "../../src/base/clock.ts";

interface Sleeper {
  /** On the monotonic clock. */
  readonly due: () => number;
  readonly wake: () => void;
}

export interface VirtualClock extends Clock {
  /** Moves time on by `ms`, waking sleepers in order of their time and letting what they do settle in between. */
  advance(ms: number): Promise<void>;
  /** Sets the date, as a person or NTP would; the monotonic clock does not notice. */
  jump(ms: number): void;
  /** Time passes and nothing runs, as in a process that is stopped. */
  freeze(ms: number): void;
  /** How many sleep. */
  readonly sleeping: number;
}

/** A clock that stands still until `advance`. */
export function createVirtualClock(start = "2026-01-01T00:00:00Z"): VirtualClock {
  let date = Date.parse(start);
  let now = 0;
  const sleepers = new Set<Sleeper>();

  function sleep(due: () => number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (due() <= now) return resolve();
      const sleeper: Sleeper = { due, wake: resolve };
      sleepers.add(sleeper);
      signal.addEventListener("abort", () => sleepers.delete(sleeper) && reject(signal.reason), { once: true });
    });
  }

  async function advance(ms: number): Promise<void> {
    const end = now + ms;
    await settle();
    for (;;) {
      const next = [...sleepers].filter((sleeper) => sleeper.due() <= end).sort((a, b) => a.due() - b.due())[0];
      if (!next) break;
      now = Math.max(now, next.due());
      sleepers.delete(next);
      next.wake();
      await settle();
    }
    now = end;
    await settle();
  }

  return {
    now: () => instant(date + now),
    monotonicMs: () => now,
    sleepUntil: (at, signal) => sleep(() => at - date, signal),
    sleepMs(ms, signal) {
      const due = now + ms;
      return sleep(() => due, signal);
    },
    advance,
    jump: (ms) => {
      date += ms;
    },
    freeze: (ms) => {
      now += ms;
    },
    get sleeping() {
      return sleepers.size;
    },
  };
}

/** Lets promises and immediates that are due run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

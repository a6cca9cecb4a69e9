import { type BackoffPolicy, backoffMs } from "./backoff.ts";
import { type Clock, sleepFor } from "./clock.ts";

/** Between runs of a key that failed. */
const failureBackoff: BackoffPolicy = { firstMs: 100, maxMs: 60_000, factor: 2, jitter: 0.2 };

export interface KeyedQueueOptions {
  readonly concurrency: number;
  readonly clock: Clock;
  /**
   * Runs one key; never twice at once for the same key. Resolving with `againAfterMs` runs it again then.
   * Rejecting runs it again with growing delay.
   */
  readonly work: (key: string, signal: AbortSignal) => Promise<{ readonly againAfterMs?: number }>;
  readonly onError: (key: string, error: unknown) => void;
}

export interface KeyedQueue {
  /** Asks for a run of `key`. Asked while it waits: one run. Asked while it runs: one more run after it. */
  add(key: string): void;
  /** Settles once `signal` aborted and the runs under way ended. */
  run(signal: AbortSignal): Promise<void>;
  readonly size: number;
}

/**
 * Work per key, in the way of Kubernetes' work queues: a key is waiting, running, or both (asked again while it runs);
 * so its memory is bounded by the number of keys, and each key is worked on in order.
 */
export function createKeyedQueue(options: KeyedQueueOptions): KeyedQueue {
  const waiting = new Set<string>();
  const running = new Set<string>();
  const failures = new Map<string, number>();
  const delayed = new Map<string, AbortController>();
  const ended = new Set<Promise<void>>();
  let signal: AbortSignal | undefined;

  function pump(): void {
    if (signal === undefined || signal.aborted) return;
    for (const key of waiting) {
      if (running.size >= options.concurrency) return;
      if (running.has(key)) continue;
      waiting.delete(key);
      forgetDelayed(key); // this run decides anew when the next one is
      running.add(key);
      track(runOnce(key, signal));
    }
  }

  function track(promise: Promise<void>): void {
    ended.add(promise);
    void promise.finally(() => ended.delete(promise));
  }

  async function runOnce(key: string, stop: AbortSignal): Promise<void> {
    try {
      const { againAfterMs } = await options.work(key, stop);
      failures.delete(key);
      if (againAfterMs !== undefined) addLater(key, againAfterMs, stop);
    } catch (error) {
      if (!stop.aborted) {
        const count = (failures.get(key) ?? 0) + 1;
        failures.set(key, count);
        options.onError(key, error);
        addLater(key, backoffMs(failureBackoff, count), stop);
      }
    } finally {
      running.delete(key);
      pump();
    }
  }

  function forgetDelayed(key: string): void {
    delayed.get(key)?.abort();
    delayed.delete(key);
  }

  function addLater(key: string, ms: number, stop: AbortSignal): void {
    forgetDelayed(key);
    const timer = new AbortController();
    delayed.set(key, timer);
    const wait = sleepFor(options.clock, ms, AbortSignal.any([stop, timer.signal])).then(
      () => {
        if (delayed.get(key) === timer) delayed.delete(key);
        add(key);
      },
      () => undefined,
    );
    track(wait);
  }

  function add(key: string): void {
    forgetDelayed(key);
    waiting.add(key);
    pump();
  }

  return {
    add,
    get size() {
      return waiting.size + running.size;
    },
    async run(stop) {
      signal = stop;
      pump();
      await new Promise<void>((resolve) => {
        if (stop.aborted) resolve();
        else stop.addEventListener("abort", () => resolve(), { once: true });
      });
      await Promise.all(ended);
    },
  };
}

import { type BackoffPolicy, backoffMs } from "./backoff.ts";
import { type Clock, sleepFor, unneeded } from "./clock.ts";
import { WaitingKeys } from "./waiting-keys.ts";

/** Between runs of a key that failed. */
const failureBackoff: BackoffPolicy = { firstMs: 100, maxMs: 60_000, factor: 2, jitter: 0.2 };

export interface KeyedQueueOptions {
  readonly concurrency: number;
  /** A run that takes longer than `afterMs` leaves its place to others, while no more than `max` run in all. Default: none does. */
  readonly patience?: { readonly afterMs: number; readonly max: number };
  /**
   * What runs may have to wait for: a server, say. Whatever others hang on, each lane has `own` places beside the common
   * ones, as long as no more than `patience.max` run in all. Default: all keys are of one lane.
   */
  readonly lanes?: { readonly of: (key: string) => string; readonly own: number };
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
  return new WorkQueue(options);
}

/** A key is in `waiting` (asked for), in `running`, in both, or in `delayed` (will be asked for). */
class WorkQueue implements KeyedQueue {
  readonly #options: KeyedQueueOptions;
  readonly #waiting: WaitingKeys;
  readonly #running = new Set<string>();
  /** Of those, the ones that left their place. */
  readonly #slow = new Set<string>();
  /** How many of the others run, by lane. */
  readonly #busy = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, AbortController>();
  readonly #underWay = new Set<Promise<void>>();
  #signal: AbortSignal | undefined;

  constructor(options: KeyedQueueOptions) {
    this.#options = options;
    this.#waiting = new WaitingKeys(options.lanes?.of ?? (() => ""));
  }

  get size(): number {
    return this.#waiting.size + this.#running.size;
  }

  add(key: string): void {
    this.#forgetDelayed(key);
    this.#waiting.add(key);
    this.#pump();
  }

  async run(stop: AbortSignal): Promise<void> {
    this.#signal = stop;
    this.#pump();
    await new Promise<void>((resolve) => {
      if (stop.aborted) resolve();
      else stop.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.all(this.#underWay);
  }

  #pump(): void {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    const isIdle = (key: string): boolean => !this.#running.has(key);
    for (;;) {
      const next = this.#waiting.take((lane) => this.#hasPlace(lane), isIdle);
      if (next === undefined) return;
      const { key, lane } = next;
      this.#forgetDelayed(key); // this run decides anew when the next one is
      this.#running.add(key);
      this.#track(this.#runOnce(key, lane, signal));
    }
  }

  #hasPlace(lane: string): boolean {
    const { concurrency, patience, lanes } = this.#options;
    const running = this.#running.size;
    if (running >= (patience?.max ?? Number.POSITIVE_INFINITY)) return false;
    return running - this.#slow.size < concurrency || (this.#busy.get(lane) ?? 0) < (lanes?.own ?? 0);
  }

  #count(lane: string, more: 1 | -1): void {
    const busy = (this.#busy.get(lane) ?? 0) + more;
    if (busy === 0) this.#busy.delete(lane);
    else this.#busy.set(lane, busy);
  }

  #track(promise: Promise<void>): void {
    this.#underWay.add(promise);
    void promise.finally(() => this.#underWay.delete(promise));
  }

  /** The way to say that the run has ended. */
  #watch(key: string, lane: string): () => void {
    const { patience, clock } = this.#options;
    this.#count(lane, 1);
    if (patience === undefined) return () => this.#count(lane, -1);
    const done = new AbortController();
    const leavePlace = (): void => {
      if (done.signal.aborted) return; // it ended at that moment
      this.#slow.add(key);
      this.#count(lane, -1);
      this.#pump();
    };
    sleepFor(clock, patience.afterMs, done.signal).then(leavePlace, () => undefined); // it ended before
    return () => {
      done.abort(unneeded);
      if (!this.#slow.delete(key)) this.#count(lane, -1);
    };
  }

  async #runOnce(key: string, lane: string, stop: AbortSignal): Promise<void> {
    const ended = this.#watch(key, lane);
    try {
      const { againAfterMs } = await this.#options.work(key, stop);
      this.#failures.delete(key);
      if (againAfterMs !== undefined) this.#addLater(key, againAfterMs, stop);
    } catch (error) {
      if (!stop.aborted) {
        const count = (this.#failures.get(key) ?? 0) + 1;
        this.#failures.set(key, count);
        this.#options.onError(key, error);
        this.#addLater(key, backoffMs(failureBackoff, count), stop);
      }
    } finally {
      ended();
      this.#running.delete(key);
      this.#pump();
    }
  }

  #addLater(key: string, ms: number, stop: AbortSignal): void {
    this.#forgetDelayed(key);
    const timer = new AbortController();
    this.#delayed.set(key, timer);
    const wait = sleepFor(this.#options.clock, ms, AbortSignal.any([stop, timer.signal])).then(
      () => this.add(key),
      () => undefined, // asked for before its time, or stopped
    );
    this.#track(wait);
  }

  #forgetDelayed(key: string): void {
    this.#delayed.get(key)?.abort(unneeded);
    this.#delayed.delete(key);
  }
}

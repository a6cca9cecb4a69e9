import type { Turns } from "../../base/turns.ts";
import type { Awaitable } from "../triggers/trigger.ts";
import type { EventBatch, Subscriber } from "./subscriber.ts";

/** What the reader does for one subscriber. */
export interface FollowSteps {
  /** What waits for it; undefined when nothing does. */
  take(): EventBatch | undefined;
  /** Lets it be fed or read for itself; false when there is nothing to do before it is woken. */
  goOn(): boolean;
  /** It needs nothing more. */
  end(): Promise<void>;
}

export type GiveBatch = (batch: EventBatch) => Awaitable<void>;

/**
 * Gives a subscriber its batches, one after another, until `signal` aborts. Between two of them it keeps nothing but a
 * callback. A promise for the next batch would get old while it waits, and the collector keeps what an old promise was
 * resolved with until it looks at all of the heap: with a thousand Sensors every event got old, though nobody needed it.
 */
export class Follower {
  /** Rejects with what reading or `give` failed with. */
  readonly ended: Promise<void>;
  readonly #subscriber: Subscriber;
  readonly #steps: FollowSteps;
  readonly #turns: Turns;
  readonly #give: GiveBatch;
  readonly #signal: AbortSignal;
  readonly #settle: PromiseWithResolvers<void>;
  /** What is awaited, after which it goes on by itself. */
  #waitsFor: "turn" | "work" | undefined;
  #isRunning = false;
  /** It has waited for its turn. */
  #hasTurn = false;
  #isOver = false;

  constructor(subscriber: Subscriber, steps: FollowSteps, turns: Turns, give: GiveBatch, signal: AbortSignal) {
    this.#subscriber = subscriber;
    this.#steps = steps;
    this.#turns = turns;
    this.#give = give;
    this.#signal = signal;
    this.#settle = Promise.withResolvers<void>();
    this.ended = this.#settle.promise;
    subscriber.wake = this.#run;
    signal.addEventListener("abort", this.#run);
    this.#run();
  }

  readonly #run = (): void => {
    if (this.#isRunning || this.#isOver) return;
    // A turn may be long in coming, and what waits needs none when it is over.
    if (this.#waitsFor === "work" || (this.#waitsFor === "turn" && !this.#signal.aborted)) return;
    this.#isRunning = true; // what a step does may wake it
    try {
      while (!this.#signal.aborted) if (!this.#step()) return;
      this.#end();
    } catch (error) {
      this.#end(error);
    } finally {
      this.#isRunning = false;
    }
  };

  readonly #resume = (): void => {
    this.#waitsFor = undefined;
    this.#run();
  };

  readonly #fail = (error: unknown): void => {
    this.#end(error);
  };

  /** False: it goes on when it is woken, or after what it waits for. */
  #step(): boolean {
    const { catchingUp, queue } = this.#subscriber;
    if (queue.length === 0) {
      this.#subscriber.busy = false;
      return catchingUp ? this.#await(this.#readOn(catchingUp)) : this.#steps.goOn();
    }
    const waiting = queue[0]?.arrivals.length ?? 0;
    const pause = this.#hasTurn || waiting === 0 ? undefined : this.#turns.pause(waiting);
    this.#hasTurn = pause !== undefined;
    if (pause !== undefined) return this.#await(pause, "turn");
    const batch = this.#steps.take();
    return batch === undefined || this.#await(this.#give(batch));
  }

  /** True when there is nothing to wait for. */
  #await(work: Awaitable<void>, kind: "turn" | "work" = "work"): boolean {
    if (work === undefined) return true;
    this.#waitsFor = kind;
    work.then(this.#resume, this.#fail);
    return false;
  }

  async #readOn(reading: AsyncIterator<EventBatch, void>): Promise<void> {
    const read = await reading.next();
    if (read.done) this.#subscriber.catchingUp = undefined;
    else if (!this.#signal.aborted) await this.#give(read.value);
  }

  #end(error?: unknown): void {
    this.#isOver = true;
    this.#signal.removeEventListener("abort", this.#run);
    const settle = (): void => (error === undefined ? this.#settle.resolve() : this.#settle.reject(error));
    this.#steps.end().then(settle, this.#settle.reject);
  }
}

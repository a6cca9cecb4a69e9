import { Waiters } from "../../base/waiters.ts";
import type { LedgerPosition } from "../../record/records.ts";

/** Something that began and is not over, or whose outcome is not stored yet. */
export interface Begun {
  /** The ledger's place then: its outcome is stored after that. */
  readonly since: LedgerPosition;
  before: Begun | undefined;
  after: Begun | undefined;
}

/**
 * What of a Sensor is under way, in the order of its beginning. A chain, since thousands begin and end a second, in
 * about the same order; what leaves points at nobody, or the collector would keep all that came after it.
 */
export class RunningWork {
  #first: Begun | undefined;
  #last: Begun | undefined;
  #size = 0;
  readonly #idle = new Waiters();

  get size(): number {
    return this.#size;
  }

  /** Where the ledger stood when the oldest of them began. */
  get since(): LedgerPosition | undefined {
    return this.#first?.since;
  }

  begin(since: LedgerPosition): Begun {
    const begun: Begun = { since, before: this.#last, after: undefined };
    if (this.#last) this.#last.after = begun;
    else this.#first = begun;
    this.#last = begun;
    this.#size += 1;
    return begun;
  }

  /** To be called once for each that began. */
  end(begun: Begun): void {
    const { before, after } = begun;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    begun.before = undefined;
    begun.after = undefined;
    this.#size -= 1;
    if (this.#size === 0) this.#idle.wake();
  }

  /** Resolves once nothing is under way, or when `signal` aborts. */
  async idle(signal: AbortSignal): Promise<void> {
    while (this.#size > 0 && !signal.aborted) await this.#idle.wait(signal);
  }
}

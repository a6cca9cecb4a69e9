interface Waiter {
  readonly size: number;
  readonly resolve: () => void;
}

/**
 * Work that goes on in microtasks keeps the event loop from turning. Who has much of it asks before each piece: between
 * two turns of the loop there is room for so much, counted in the callers' own unit; the rest waits, in the order of asking.
 */
export class Turns {
  readonly #perTurn: number;
  #begun = 0;
  #waiting: Waiter[] = [];

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  /** Undefined: begin at once. Otherwise what to wait for before. One piece may be larger than a turn has room for. */
  pause(size: number): Promise<void> | undefined {
    if (this.#begun === 0) setImmediate(this.#turn);
    if (this.#waiting.length === 0 && this.#begun < this.#perTurn) {
      this.#begun += size;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push({ size, resolve }));
  }

  readonly #turn = (): void => {
    this.#begun = 0;
    if (this.#waiting.length === 0) return;
    setImmediate(this.#turn);
    let next = 0;
    for (; next < this.#waiting.length && this.#begun < this.#perTurn; next++) {
      const { size, resolve } = this.#waiting[next] as Waiter;
      this.#begun += size;
      resolve();
    }
    this.#waiting = this.#waiting.slice(next);
  };
}

interface Waiter {
  readonly size: number;
  readonly resolve: () => void;
}

/** What may be full for a while: then nobody begins. */
export interface Gate {
  isOpen(): boolean;
  /** Resolves once it may be open again; must not reject. */
  opened(): Promise<void>;
}

const alwaysOpen: Gate = { isOpen: () => true, opened: () => Promise.resolve() };

/**
 * Work that goes on in microtasks keeps the event loop from turning. Who has much of it asks before each piece: between
 * two turns of the loop there is room for so much, counted in the callers' own unit; the rest waits, in the order of asking.
 */
export class Turns {
  readonly #perTurn: number;
  readonly #gate: Gate;
  #begun = 0;
  #waiting: Waiter[] = [];
  /** `turn` will be called. */
  #isSet = false;

  constructor(perTurn: number, gate: Gate = alwaysOpen) {
    this.#perTurn = perTurn;
    this.#gate = gate;
  }

  /** Undefined: begin at once. Otherwise what to wait for before. One piece may be larger than a turn has room for. */
  pause(size: number): Promise<void> | undefined {
    if (!this.#isSet) this.#set();
    if (this.#waiting.length === 0 && this.#begun < this.#perTurn && this.#gate.isOpen()) {
      this.#begun += size;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push({ size, resolve }));
  }

  #set(): void {
    this.#isSet = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isSet = false;
    this.#begun = 0;
    if (this.#waiting.length === 0) return;
    if (!this.#gate.isOpen()) {
      this.#isSet = true;
      void this.#gate.opened().then(this.#turn);
      return;
    }
    this.#set();
    let next = 0;
    for (; next < this.#waiting.length && this.#begun < this.#perTurn; next++) {
      const { size, resolve } = this.#waiting[next] as Waiter;
      this.#begun += size;
      resolve();
    }
    this.#waiting = this.#waiting.slice(next);
  };
}

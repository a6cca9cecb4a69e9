/** Those who wait for something to change; each looks again when it is woken. */
export class Waiters {
  #wakes: (() => void)[] = [];

  /** Resolves with the next `wake`, or when `signal` aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wakes.push(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  wake(): void {
    if (this.#wakes.length === 0) return;
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }
}

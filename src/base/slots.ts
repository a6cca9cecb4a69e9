/** A number of places, given out in the order of asking. */
export interface Slots {
  /** Resolves with a place; disposal gives it back. Rejects with the signal's reason when it aborts while waiting. */
  take(signal: AbortSignal): Promise<Disposable>;
}

export function createSlots(max: number): Slots {
  let free = max;
  const waiting = new Set<() => void>();

  function place(): Disposable {
    let held = true;
    return {
      [Symbol.dispose]() {
        if (!held) return;
        held = false;
        const [next] = waiting;
        if (next === undefined) free += 1;
        else next();
      },
    };
  }

  return {
    take(signal) {
      signal.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return Promise.resolve(place());
      }
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          waiting.delete(enter);
          reject(signal.reason);
        };
        const enter = (): void => {
          waiting.delete(enter);
          signal.removeEventListener("abort", leave);
          resolve(place());
        };
        waiting.add(enter);
        signal.addEventListener("abort", leave, { once: true });
      });
    },
  };
}

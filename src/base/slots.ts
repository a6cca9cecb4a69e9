/** A number of places, given out in the order of asking. */
export interface Slots {
  /** Resolves with a place; disposal gives it back. Rejects with the signal's reason when it aborts while waiting. */
  take(signal: AbortSignal): Promise<Disposable>;
}

/** `max`: how many; a function may say another number each time. */
export function createSlots(max: number | (() => number)): Slots {
  const limit = typeof max === "number" ? () => max : max;
  let used = 0;
  const waiting = new Set<() => void>();

  function place(): Disposable {
    let held = true;
    used += 1;
    return {
      [Symbol.dispose]() {
        if (!held) return;
        held = false;
        used -= 1;
        for (const next of waiting) {
          if (used >= limit()) return;
          next();
        }
      },
    };
  }

  return {
    take(signal) {
      signal.throwIfAborted();
      if (used < limit()) return Promise.resolve(place());
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

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

/** So many places for each key, which is forgotten while nobody has or wants one of its places. */
export interface KeyedSlots {
  /** As `Slots.take`. */
  take(key: string, signal: AbortSignal): Promise<Disposable>;
}

export function createKeyedSlots(max: number): KeyedSlots {
  const keys = new Map<string, { readonly slots: Slots; users: number }>();
  return {
    async take(key, signal) {
      const known = keys.get(key) ?? { slots: createSlots(max), users: 0 };
      keys.set(key, known);
      known.users += 1;
      const stack = new DisposableStack();
      stack.defer(() => {
        known.users -= 1;
        if (known.users === 0) keys.delete(key);
      });
      try {
        stack.use(await known.slots.take(signal));
        return stack;
      } catch (error) {
        stack.dispose();
        throw error;
      }
    },
  };
}

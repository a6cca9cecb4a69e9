import type { StateChange, StateEntry } from "./bus.ts";

/** What a watcher has not taken yet: the newest change of each key, so never more than the store has keys. */
export class ChangeQueue {
  readonly #waiting = new Map<string, StateChange>();
  /** Revisions of the keys that the watcher knows, or will once it took what waits. */
  readonly #known = new Map<string, number>();
  #changed = Promise.withResolvers<void>();

  /** An entry as it is now; an older one than known is left out. */
  set(entry: StateEntry): void {
    if (entry.revision <= (this.#known.get(entry.key) ?? 0)) return;
    this.#known.set(entry.key, entry.revision);
    this.#add(entry);
  }

  delete(key: string): void {
    if (this.#known.delete(key)) this.#add({ key, deleted: true });
  }

  #add(change: StateChange): void {
    this.#waiting.delete(change.key); // to the end: changes come in the order of the newest
    this.#waiting.set(change.key, change);
    this.#changed.resolve();
  }

  async *take(signal: AbortSignal): AsyncIterable<StateChange> {
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true });
    while (!signal.aborted) {
      const [first] = this.#waiting.values();
      if (first) {
        this.#waiting.delete(first.key);
        yield first;
        continue;
      }
      this.#changed = Promise.withResolvers<void>();
      await Promise.race([this.#changed.promise, aborted.promise]);
    }
  }
}

type Listener = (change: StateChange) => void;

/** Tells those who watch a store of one process what changed. */
export class StateListeners {
  readonly #stores = new Map<string, Set<Listener>>();

  tell(store: string, change: StateChange): void {
    for (const listener of this.#stores.get(store) ?? []) listener(change);
  }

  /**
   * What `list` gives, then what is told, until `signal` aborts. `list` has to call back in the order of the changes:
   * before what is told later, after what was told before.
   */
  async *watch(
    store: string,
    prefix: string,
    list: (take: (entries: readonly StateEntry[]) => void) => Promise<void>,
    signal: AbortSignal,
  ): AsyncIterable<StateChange> {
    const queue = new ChangeQueue();
    const listener: Listener = (change) => {
      if (!change.key.startsWith(prefix)) return;
      if ("deleted" in change) queue.delete(change.key);
      else queue.set(change);
    };
    const listeners = this.#stores.get(store) ?? new Set<Listener>();
    this.#stores.set(store, listeners.add(listener));
    try {
      await list((entries) => {
        for (const entry of entries) queue.set(entry);
      });
      yield* queue.take(signal);
    } finally {
      listeners.delete(listener);
    }
  }
}

/** Something that is active exactly while a condition holds. */
export interface ActiveWhile {
  /** Looks at the condition again. Resolves once what follows from it has been done. */
  look(): Promise<void>;
  /** Until `signal` aborts; then it is ended as well. Rejects when a start or an end fails. */
  run(signal: AbortSignal): Promise<void>;
}

/** `start` is never called before the former one was disposed of. */
export function createActiveWhile(holds: () => boolean, start: () => Promise<AsyncDisposable>): ActiveWhile {
  let changed = Promise.withResolvers<void>();
  const waiting: (() => void)[] = [];
  let active: AsyncDisposable | undefined;

  async function follow(isWanted: boolean): Promise<void> {
    if (isWanted && active === undefined) active = await start();
    if (isWanted || active === undefined) return;
    const ended = active;
    active = undefined;
    await ended[Symbol.asyncDispose]();
  }

  return {
    look() {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      changed.resolve();
      return promise;
    },
    async run(signal) {
      signal.addEventListener("abort", () => changed.resolve(), { once: true });
      while (!signal.aborted) {
        changed = Promise.withResolvers();
        const done = waiting.splice(0);
        await follow(holds());
        for (const tell of done) tell();
        if (!signal.aborted && waiting.length === 0) await changed.promise;
      }
      await follow(false);
      for (const tell of waiting.splice(0)) tell();
    },
  };
}

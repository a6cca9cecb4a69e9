/**
 * Runs long-lived things for an owner. What ends before it was stopped, well or not, is a failure of the whole:
 * `failed` rejects, and the owner disposes of everything.
 */
export interface Nursery {
  /** Starts `run`; its disposal aborts the signal and waits until it ended. */
  start(name: string, run: (signal: AbortSignal) => Promise<void>): AsyncDisposable;
  /** Never resolves; rejects with the first failure. */
  readonly failed: Promise<never>;
}

export function createNursery(): Nursery {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined); // whoever races it sees the failure
  return {
    failed: promise,
    start(name, run) {
      const stop = new AbortController();
      const ended = run(stop.signal).then(
        () => {
          if (!stop.signal.aborted) reject(new Error(`${name} ended by itself`));
        },
        (error: unknown) => {
          if (!stop.signal.aborted) reject(error);
        },
      );
      return {
        async [Symbol.asyncDispose]() {
          stop.abort();
          await ended;
        },
      };
    },
  };
}

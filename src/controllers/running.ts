/** Things that run for a resource, at most one for each key. */
export interface RunningSet {
  /**
   * Runs `work` under `key`. The same fingerprint as what runs already: nothing happens. Another one: what runs is
   * stopped, and has ended, before the new one starts. @returns whether something was started.
   */
  ensure(key: string, fingerprint: string, work: (signal: AbortSignal) => Promise<void>): Promise<boolean>;
  /** Stops what runs under `key` and waits until it ended. */
  stop(key: string): Promise<void>;
  /** For good: nothing is started any more. */
  stopAll(): Promise<void>;
}

interface Running {
  readonly fingerprint: string;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** `onFailure` hears of work that ended before it was stopped; the key is then free again. */
export function createRunningSet(onFailure: (key: string, error: unknown) => void): RunningSet {
  const running = new Map<string, Running>();
  let closed = false;

  async function stop(key: string): Promise<void> {
    const current = running.get(key);
    current?.stop.abort();
    await current?.ended;
  }

  function start(key: string, fingerprint: string, work: (signal: AbortSignal) => Promise<void>): void {
    const stopper = new AbortController();
    const ended = work(stopper.signal).then(
      () => finish(stopper, undefined),
      (error: unknown) => finish(stopper, error),
    );
    running.set(key, { fingerprint, stop: stopper, ended });

    function finish(mine: AbortController, error: unknown): void {
      if (running.get(key)?.stop === mine) running.delete(key);
      if (!mine.signal.aborted) onFailure(key, error ?? new Error("ended by itself"));
    }
  }

  return {
    stop,
    async ensure(key, fingerprint, work) {
      if (running.get(key)?.fingerprint === fingerprint) return false;
      await stop(key);
      if (closed) return false;
      start(key, fingerprint, work);
      return true;
    },
    async stopAll() {
      closed = true;
      await Promise.all([...running.keys()].map(stop));
    },
  };
}

import { unneeded } from "../../base/clock.ts";

interface Round<T> {
  readonly stop: AbortController;
  readonly result: Promise<T>;
  callers: number;
}

export interface Joined<T> {
  /** Shares the round that has not begun yet. Rejects with the signal's reason once it aborts. */
  ask(signal: AbortSignal): Promise<T>;
  /** The end of the round under way, well or not; undefined when none is. */
  readonly underWay: Promise<void> | undefined;
  /** The same, with its outcome. */
  readonly current: Promise<T> | undefined;
}

/**
 * Work that many ask for and one does. Who asks before it begins shares it; who asks while it runs shares the next one,
 * since what is read now may be older than the question. At most one round runs and one waits. A round whose callers all
 * left is aborted.
 */
export function createJoined<T>(work: (signal: AbortSignal) => Promise<T>): Joined<T> {
  let last: Promise<void> = Promise.resolve();
  let waiting: Round<T> | undefined;
  let underWay: Promise<void> | undefined;
  let current: Promise<T> | undefined;

  function open(): Round<T> {
    const round: Round<T> = { stop: new AbortController(), callers: 0, result: turn(last, () => begin(round)) };
    const ended = round.result.then(ignore, ignore).then(() => {
      underWay = undefined;
      current = undefined;
    });
    last = ended;
    return round;
  }

  function begin(round: Round<T>): Promise<T> {
    if (waiting === round) waiting = undefined;
    round.stop.signal.throwIfAborted();
    const running = work(round.stop.signal);
    underWay = running.then(ignore, ignore);
    current = running;
    return running;
  }

  return {
    async ask(signal) {
      signal.throwIfAborted();
      if (waiting === undefined || waiting.stop.signal.aborted) waiting = open();
      const round = waiting;
      round.callers += 1;
      try {
        return await untilAborted(round.result, signal);
      } finally {
        round.callers -= 1;
        if (round.callers === 0) round.stop.abort(signal.reason ?? unneeded);
      }
    },
    get underWay() {
      return underWay;
    },
    get current() {
      return current;
    },
  };
}

/** The promise's outcome, or a rejection with the signal's reason if that comes first. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) onAbort();
  });
}

/** After `before`, and late enough that all who ask in one turn share the round. */
async function turn<T>(before: Promise<void>, begin: () => Promise<T>): Promise<T> {
  await before;
  await new Promise((resolve) => setImmediate(resolve));
  return begin();
}

function ignore(): void {
  // Callers see the outcome; the order of rounds does not depend on it.
}

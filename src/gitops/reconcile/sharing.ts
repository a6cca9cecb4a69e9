import { unneeded } from "../../base/clock.ts";
import { untilAborted } from "../source/joined.ts";

/** Work that several ask for at once under one key, and one does. */
export interface Sharing<T> {
  /** Joins the work under way, or begins it. The last caller that leaves ends it. */
  join(key: string, work: (stop: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T>;
}

interface Shared<T> {
  readonly result: Promise<T>;
  readonly stop: AbortController;
  callers: number;
}

export function createSharing<T>(): Sharing<T> {
  const underWay = new Map<string, Shared<T>>();

  function begin(key: string, work: (stop: AbortSignal) => Promise<T>): Shared<T> {
    const stop = new AbortController();
    const result = work(stop.signal).finally(() => forget(key, shared));
    const shared: Shared<T> = { result, stop, callers: 0 };
    underWay.set(key, shared);
    return shared;
  }

  function forget(key: string, shared: Shared<T>): void {
    if (underWay.get(key) === shared) underWay.delete(key);
  }

  return {
    async join(key, work, signal) {
      const shared = underWay.get(key) ?? begin(key, work);
      shared.callers += 1;
      try {
        return await untilAborted(shared.result, signal);
      } finally {
        shared.callers -= 1;
        if (shared.callers === 0) {
          forget(key, shared);
          shared.stop.abort(signal.reason ?? unneeded);
        }
      }
    },
  };
}

import { type BackoffPolicy, backoffMs } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";

const restartBackoff: BackoffPolicy = { firstMs: 2_000, maxMs: 60_000, factor: 2, jitter: 0.2 };
/** What ran this long counts as mended: its next failure starts the back-off anew. */
const stableMs = 60_000;

export interface Failure {
  readonly message: string;
  /** Milliseconds until it may start again; 0: now. */
  readonly waitMs: number;
}

/** When things that failed may start again: each change of their status asks for a reconcile, which must not restart them. */
export interface Restarts {
  failed(key: string, message: string): void;
  /** The failure that has to be waited for; undefined when the key may start. */
  waiting(key: string): Failure | undefined;
  forget(key: string): void;
}

export function createRestarts(clock: Clock): Restarts {
  const failures = new Map<string, { message: string; count: number; startAt: number }>();
  return {
    failed(key, message) {
      const now = clock.monotonicMs();
      const before = failures.get(key);
      const count = before && now - before.startAt < stableMs ? before.count + 1 : 1;
      failures.set(key, { message, count, startAt: now + backoffMs(restartBackoff, count) });
    },
    waiting(key) {
      const failure = failures.get(key);
      const waitMs = failure ? failure.startAt - clock.monotonicMs() : 0;
      return failure && waitMs > 0 ? { message: failure.message, waitMs } : undefined;
    },
    forget: (key) => void failures.delete(key),
  };
}

/** Delays that grow from `firstMs` by `factor` up to `maxMs`, each with up to `jitter` (a share, 0 to 1) added. */
export interface BackoffPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor: number;
  readonly jitter: number;
}

/** For things that are started again for ever: connections, sources, watches. */
export const reconnectBackoff: BackoffPolicy = { firstMs: 250, maxMs: 30_000, factor: 2, jitter: 0.3 };

/** The delay before attempt `attempt + 1`, in milliseconds; `attempt` counts from 1. `random` gives numbers in [0, 1). */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: () => number = Math.random): number {
  const base = Math.min(policy.maxMs, policy.firstMs * policy.factor ** (attempt - 1));
  return Math.round(base * (1 + policy.jitter * random()));
}

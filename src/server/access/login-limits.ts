import type { Clock } from "../../base/clock.ts";

const maxFailures = 5;
const windowMs = 300_000;
const maxNames = 10_000;

/** How often people may be wrong (spec argo-cd-surface 3.8). */
export interface LoginLimits {
  isRefused(name: string): boolean;
  failed(name: string): void;
  succeeded(name: string): void;
}

/** In memory: a restart forgets, as in the original without its cache. */
export function createLoginLimits(clock: Clock): LoginLimits {
  const failures = new Map<string, { readonly count: number; readonly lastMs: number }>();
  const recent = (name: string) => {
    const found = failures.get(name);
    return found !== undefined && clock.monotonicMs() - found.lastMs < windowMs ? found : undefined;
  };
  return {
    isRefused: (name) => (recent(name)?.count ?? 0) >= maxFailures,
    failed(name) {
      const count = (recent(name)?.count ?? 0) + 1;
      failures.delete(name);
      failures.set(name, { count, lastMs: clock.monotonicMs() });
      if (failures.size <= maxNames) return;
      for (const oldest of failures.keys()) {
        if (oldest === "admin") continue; // whose failures must not be pushed out by those of made-up names
        failures.delete(oldest);
        return;
      }
    },
    succeeded: (name) => void failures.delete(name),
  };
}

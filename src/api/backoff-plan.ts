import { parseDuration } from "../base/duration.ts";
import { TerminalError } from "../base/errors.ts";
import type { Backoff } from "./resources.ts";

/** How often something is tried, and how long between (spec argo-events 1.2). */
export interface RetryPlan {
  /** All attempts, the first included. */
  readonly attempts: number;
  /** Milliseconds before attempt `attempt` (from 2). `random` gives numbers in [0, 1). */
  delayMs(attempt: number, random: () => number): number;
}

/** A delay that grows beyond this would never end, and infinity cannot be stored. */
const maxDelayMs = 24 * 60 * 60 * 1000;

/** `path` names the backoff in errors. @throws TerminalError MANIFEST_INVALID for one that cannot be read. */
export function backoffPlanOf(backoff: Backoff, path: string): RetryPlan {
  const { steps = 0 } = backoff;
  const [factor, jitter] = [amountOf(backoff.factor, `${path}.factor`), amountOf(backoff.jitter, `${path}.jitter`)];
  const firstMs = durationMs(backoff.duration ?? "1s", `${path}.duration`);
  return {
    attempts: steps > 0 ? steps : 5,
    delayMs: (attempt, random) => {
      const grown = factor === 0 ? firstMs : firstMs * factor ** Math.max(0, attempt - 2);
      return Math.min(maxDelayMs, Math.max(0, grown * (1 + Math.max(0, jitter) * random())));
    },
  };
}

/** 1 when not given. */
function amountOf(value: Backoff["factor"], path: string): number {
  if (value === undefined) return 1;
  if (typeof value === "number") return value;
  throw new TerminalError("MANIFEST_INVALID", `${path}: ${JSON.stringify(value)} must be a number, for example 1.5`);
}

/** Integer nanoseconds, or a Go duration. */
function durationMs(value: number | string, path: string): number {
  try {
    const ms = typeof value === "number" ? value / 1e6 : parseDuration(value);
    if (ms >= 0) return ms;
  } catch {
    // said below, with the path
  }
  throw new TerminalError("MANIFEST_INVALID", `${path}: "${value}" must be a duration, for example "10s"`);
}

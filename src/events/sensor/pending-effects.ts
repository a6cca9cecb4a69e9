import type { Effect } from "./effect.ts";
import type { Lane } from "./lane.ts";

/** An effect that has no outcome yet, and what it waits for. */
export interface PendingEffect {
  /** The trigger's name; of a `dlqTrigger` its own. */
  readonly trigger: string;
  /** The next attempt, or the one under way; counts from 1. */
  readonly attempt: number;
  readonly waitsFor: PendingReason;
}

/**
 * order: an earlier effect of its key is unfinished. retry: its last attempt failed. rateLimit: `ahead` others have their
 * turn before it. slot: all attempts that one trigger may make at once are under way, and `ahead` come before it.
 * attempt: it is under way, or its outcome is being stored.
 */
export type PendingReason =
  | { readonly kind: "order" }
  /** `at`: milliseconds since 1970. */
  | { readonly kind: "retry"; readonly at: number; readonly error: string }
  | { readonly kind: "rateLimit"; readonly ahead: number; readonly intervalMs: number }
  | { readonly kind: "slot"; readonly ahead: number }
  | { readonly kind: "attempt" };

interface Place {
  readonly lane: Pick<Lane, "waiting" | "intervalMs">;
  /** Another effect of its key comes before it. */
  readonly isBlocked: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Whether an event takes part in it. */
export function isOf({ events, batch }: Effect, eventId: string): boolean {
  const isNamed = Object.values(events).some(({ head }) => head.id === eventId);
  return isNamed || batch?.some(({ head }) => head.id === eventId) === true;
}

export function pendingOf(effect: Effect, place: Place): PendingEffect {
  return { trigger: effect.trigger, attempt: effect.failed + 1, waitsFor: reasonOf(effect, place) };
}

function reasonOf({ key, dueAt, attempts }: Effect, { lane, isBlocked, now }: Place): PendingReason {
  if (isBlocked) return { kind: "order" };
  if (dueAt > now) return { kind: "retry", at: dueAt, error: attempts.at(-1)?.error ?? "" };
  const ahead = lane.waiting.findIndex((waiting) => waiting.key === key);
  if (ahead < 0) return { kind: "attempt" };
  const { intervalMs } = lane;
  return intervalMs === undefined ? { kind: "slot", ahead } : { kind: "rateLimit", ahead, intervalMs };
}

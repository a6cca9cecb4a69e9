import type { Condition } from "../api/resources.ts";
import { type Clock, isoTime } from "../base/clock.ts";

/** A condition before it is known when it last changed. */
export interface ConditionDraft {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
}

/**
 * The next `status.conditions`, sorted by type as the originals do; `lastTransitionTime` moves only when the status does
 * (deviation C22 of spec argo-events 9). Conditions that are not in `drafts` are dropped.
 */
export function nextConditions(
  before: readonly Condition[],
  drafts: readonly ConditionDraft[],
  clock: Clock,
): Condition[] {
  return [...drafts]
    .sort((a, b) => (a.type < b.type ? -1 : 1))
    .map((draft) => {
      const old = before.find((condition) => condition.type === draft.type);
      const lastTransitionTime = old?.status === draft.status ? old.lastTransitionTime : isoTime(clock.now());
      return { ...draft, lastTransitionTime };
    });
}

/** Reads `status.conditions` of an object; what is not a condition is left out. */
export function conditionsOf(object: { readonly [field: string]: unknown }): readonly Condition[] {
  const status = object.status;
  if (typeof status !== "object" || status === null || !("conditions" in status)) return [];
  return Array.isArray(status.conditions) ? (status.conditions as Condition[]) : [];
}

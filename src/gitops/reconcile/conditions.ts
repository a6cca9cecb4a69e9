import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { Instant } from "../../base/clock.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { timeText } from "./timestamps.ts";

/** Those whose name ends in `Error` are errors (spec argo-cd-engine 1.7). */
export type ConditionType =
  | "DeletionError"
  | "InvalidSpecError"
  | "ComparisonError"
  | "SyncError"
  | "UnknownError"
  | "SharedResourceWarning"
  | "RepeatedResourceWarning"
  | "ExcludedResourceWarning"
  | "OrphanedResourceWarning"
  // Of ours.
  | "IgnoreDifferencesWarning"
  | "WaitingForNeeds"
  | "NeedsTimeoutWarning";

export interface FoundCondition {
  readonly type: ConditionType;
  readonly message: string;
  /** When it came about, whatever its message said before; default: when this message was found first. */
  readonly since?: Instant;
}

/** What each step of a reconcile speaks for; what it finds no more of these types is gone. */
export const evaluatedTypes = {
  spec: ["InvalidSpecError", "UnknownError"],
  comparison: [
    "ComparisonError",
    "SharedResourceWarning",
    "RepeatedResourceWarning",
    "ExcludedResourceWarning",
    "IgnoreDifferencesWarning",
  ],
  autoSync: ["SyncError"],
  orphans: ["OrphanedResourceWarning"],
  needs: ["WaitingForNeeds", "NeedsTimeoutWarning"],
} as const satisfies Record<string, readonly ConditionType[]>;

export function isErrorCondition({ type }: { readonly type: string }): boolean {
  return type.endsWith("Error");
}

/**
 * `status.conditions` after a step found `found`: conditions of `evaluated` types that are not found again vanish, those of
 * other types stay, and one that is found again keeps its time. Sorted by type, message and time; each one once.
 *
 * The original looks at the first old condition of a type only, so that of several warnings of a type all but one get a new
 * time, and the status is written, at every pass. Here each is found by its message.
 */
export function setConditions(
  current: JsonValue | undefined,
  found: readonly FoundCondition[],
  evaluated: readonly ConditionType[],
  now: Instant,
): readonly JsonObject[] {
  const old = listOf(current).map(objectOf);
  const kept = old.filter(({ type }) => !evaluated.some((name) => name === type));
  const result = new Map(kept.map((condition) => [conditionKey(condition), condition]));
  for (const { type, message, since } of found) {
    const same = old.find((condition) => condition.type === type && condition.message === message);
    const condition =
      since === undefined && same !== undefined ? same : { type, message, lastTransitionTime: timeText(since ?? now) };
    result.set(conditionKey(condition), condition);
  }
  return [...result.values()].sort(byText);
}

function conditionKey({ type, message }: JsonObject): string {
  return JSON.stringify([type, message]);
}

function byText(a: JsonObject, b: JsonObject): number {
  for (const field of ["type", "message", "lastTransitionTime"]) {
    const [left, right] = [textOf(a[field]), textOf(b[field])];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

import { isJsonObject, type JsonObject } from "../../base/json.ts";

export interface ConditionUpdate {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  /** The kind's conditions say when they were last written. */
  readonly lastUpdateTime?: string;
}

export function conditionsOf(status: JsonObject): readonly JsonObject[] {
  return Array.isArray(status.conditions) ? status.conditions.filter(isJsonObject) : [];
}

export function findCondition(status: JsonObject, type: string): JsonObject | undefined {
  return conditionsOf(status).find((condition) => condition.type === type);
}

/** The conditions with some replaced, in the order they have; the transition time moves with the status only. */
export function withConditions(
  status: JsonObject,
  updates: readonly ConditionUpdate[],
  now: string,
): readonly JsonObject[] {
  const old = conditionsOf(status);
  const changed = updates.map((update): JsonObject => {
    const before = old.find((condition) => condition.type === update.type);
    const isSame = before !== undefined && before.status === update.status;
    return { ...update, lastTransitionTime: isSame ? (before.lastTransitionTime ?? now) : now };
  });
  const replaced = old.map((condition) => changed.find(({ type }) => type === condition.type) ?? condition);
  const added = changed.filter(({ type }) => !old.some((condition) => condition.type === type));
  return [...replaced, ...added];
}

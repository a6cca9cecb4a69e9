import type { Clock } from "../base/clock.ts";
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { type ConditionDraft, conditionsOf, nextConditions } from "./conditions.ts";

/** What a controller says of an object, beside conditions, e.g. `webhooks`; `null` removes a field. */
export interface StatusDraft {
  readonly conditions: readonly ConditionDraft[];
  readonly fields?: JsonObject;
}

export type WriteStatus = (object: KubeObject, draft: StatusDraft, signal: AbortSignal) => Promise<void>;

/** Writes a status once per change: one that says the same already is left alone. */
export function createStatusWriter(kube: KubeClient, clock: Clock): WriteStatus {
  return async (object, draft, signal) => {
    const conditions = nextConditions(conditionsOf(object), draft.conditions, clock);
    const status: JsonObject = { ...draft.fields, conditions: conditions.map((condition) => ({ ...condition })) };
    if (saysAlready(object.status, status)) return;
    const { namespace, name = "" } = object.metadata;
    await kube.patch(
      { apiVersion: object.apiVersion, kind: object.kind, name, ...(namespace === undefined ? {} : { namespace }) },
      "application/merge-patch+json",
      { status: withRemovals(object.status, status) },
      { subresource: "status", fieldManager: "tiphys" },
      signal,
    );
  };
}

/** A merge patch merges maps: entries of `current` that `wanted` lacks, below its own fields, are removed by `null`. */
function withRemovals(current: unknown, wanted: JsonObject): JsonObject {
  const have: JsonObject = isJsonObject(current) ? current : {};
  const patch: Record<string, JsonValue> = {};
  for (const [field, value] of Object.entries(wanted)) {
    const old = have[field];
    if (!isJsonObject(value) || !isJsonObject(old)) patch[field] = value;
    else
      patch[field] = { ...Object.fromEntries(Object.keys(old).map((key) => [key, null])), ...withRemovals(old, value) };
  }
  return patch;
}

/** Whatever the order of keys, which a server may change. */
function saysAlready(current: unknown, wanted: JsonObject): boolean {
  const have: JsonObject = isJsonObject(current) ? current : {};
  return Object.entries(wanted).every(([field, value]) => canonicalJson(have[field] ?? null) === canonicalJson(value));
}

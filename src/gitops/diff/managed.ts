import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { formOfField, formOfItem, formOfKind, isMergedList } from "../../objects/apply-form.ts";
import { type ApplyField, builtInType } from "../../objects/kubernetes-types.ts";
import { setField } from "../../objects/merge-patch.ts";
import type { KubeObject } from "../../objects/object.ts";
import { itemFinder } from "./list-steps.ts";

/**
 * `predicted` with the live values of the fields that `managers` own and that both sides have: of those fields no difference
 * is seen (spec argo-cd-engine 3.4 A). Only what a manager owns counts: of an item of a list with keys its own fields, not
 * those beside them.
 */
export function takeOverManaged(
  predicted: JsonObject,
  plainLive: JsonObject,
  live: KubeObject,
  managers: readonly string[],
): JsonObject {
  if (managers.length === 0) return predicted;
  const type = builtInType(live);
  const entries = (live.metadata.managedFields ?? []).filter(isJsonObject);
  const owned = entries.filter(({ manager }) => typeof manager === "string" && managers.includes(manager));
  return owned.reduce<JsonObject>((rest, { fieldsV1 }) => {
    const taken = isJsonObject(fieldsV1)
      ? takeOver({ predicted: rest, live: plainLive, fields: fieldsV1 }, formOfKind(type), type !== undefined)
      : rest;
    return isJsonObject(taken) ? taken : rest;
  }, predicted);
}

interface Sides {
  readonly predicted: JsonValue;
  readonly live: JsonValue;
  /** In the form FieldsV1. */
  readonly fields: JsonObject;
}

function takeOver({ predicted, live, fields }: Sides, form: ApplyField, isTyped: boolean): JsonValue {
  const steps = Object.keys(fields).filter((step) => step !== ".");
  if (isJsonObject(predicted) && isJsonObject(live)) {
    if (steps.length > 0) return takeFields({ predicted, live, fields }, form, isTyped);
    return isOwnedWhole(fields, !isTyped || form.atomic === true) ? live : predicted;
  }
  if (Array.isArray(predicted) && Array.isArray(live)) {
    if (steps.length > 0) return takeItems(predicted, live, fields, form, isTyped);
    return isOwnedWhole(fields, !isTyped || !isMergedList(form)) ? live : predicted;
  }
  return steps.length === 0 ? live : predicted;
}

/** An empty set names the value itself, which is what is in it only where it is owned as one. */
function isOwnedWhole(fields: JsonObject, isOne: boolean): boolean {
  return isOne && Object.keys(fields).length === 0;
}

function takeFields(
  {
    predicted,
    live,
    fields,
  }: { readonly predicted: JsonObject; readonly live: JsonObject; readonly fields: JsonObject },
  form: ApplyField,
  isTyped: boolean,
): JsonObject {
  const result: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(predicted)) {
    const old = Object.hasOwn(live, key) ? live[key] : undefined;
    const own = Object.hasOwn(fields, `f:${key}`) ? fields[`f:${key}`] : undefined;
    const taken =
      old === undefined || !isJsonObject(own)
        ? value
        : takeOver({ predicted: value, live: old, fields: own }, formOfField(form, key), isTyped);
    setField(result, key, taken);
  }
  return result;
}

/** Items are the same where their keys are; what only one side has was added or removed, which is no change of a field. */
function takeItems(
  predicted: readonly JsonValue[],
  live: readonly JsonValue[],
  fields: JsonObject,
  form: ApplyField,
  isTyped: boolean,
): readonly JsonValue[] {
  const result = [...predicted];
  const [placeOf, livePlaceOf] = [itemFinder(predicted, form), itemFinder(live, form)];
  for (const [step, own] of Object.entries(fields)) {
    const [to, from] = [placeOf(step), livePlaceOf(step)];
    const [value, old] = [result[to], live[from]];
    if (value === undefined || old === undefined || !isJsonObject(own)) continue;
    result[to] = takeOver({ predicted: value, live: old, fields: own }, formOfItem(form), isTyped);
  }
  return result;
}

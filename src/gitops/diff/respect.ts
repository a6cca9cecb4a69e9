import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { builtInType, type PatchField, patchTypes } from "../../objects/kubernetes-types.ts";
import { setField } from "../../objects/merge-patch.ts";
import type { KubeObject } from "../../objects/object.ts";
import { takeOverManaged } from "./managed.ts";
import type { DiffRules } from "./rules.ts";

/**
 * The target as it is applied with `RespectIgnoreDifferences=true`: what the rules leave out has its live value, or is not
 * there where the live object lacks it (spec argo-cd-engine 3.10). In lists that are merged by a key the item decides; of other
 * lists that are touched, the live one is taken whole. The same object where there is nothing to respect.
 */
export function respectIgnored(target: KubeObject, live: KubeObject, rules: DiffRules): KubeObject {
  const { removals, managers } = rules.of(target);
  const wanted = target as unknown as JsonObject;
  const found = withoutStatus(live as unknown as JsonObject);
  const remove = (object: JsonObject): JsonObject => removals.reduce((rest, one) => one(rest), object);
  const left = remove(found);
  const own = takeOverManaged(withoutStatus(remove(wanted)), found, live, managers);
  const type = builtInType(target);
  const result = restore(own, found, left, type === undefined ? undefined : { type });
  return isJsonObject(result) ? ({ ...result, ...statusOf(wanted) } as unknown as KubeObject) : target;
}

function withoutStatus(object: JsonObject): JsonObject {
  if (!("status" in object)) return object;
  const { status: _status, ...rest } = object;
  return rest;
}

function statusOf({ status }: JsonObject): JsonObject {
  return status === undefined ? {} : { status };
}

/** `target` with what `live` has and `left` lacks. */
function restore(
  target: JsonValue | undefined,
  live: JsonValue,
  left: JsonValue | undefined,
  field: PatchField | undefined,
): JsonValue | undefined {
  if (isDeepStrictEqual(live, left)) return target;
  if (isJsonObject(live) && isJsonObject(left)) return restoreFields(target, live, left, field);
  const isKeyed = field?.list !== undefined && field.key !== undefined;
  if (!Array.isArray(live) || !Array.isArray(left) || !isKeyed) return live;
  return restoreItems(Array.isArray(target) ? target : [], live, left, { type: field.list, key: field.key });
}

function restoreFields(
  target: JsonValue | undefined,
  live: JsonObject,
  left: JsonObject,
  field: PatchField | undefined,
): JsonObject {
  const result: Record<string, JsonValue> = isJsonObject(target) ? { ...target } : {};
  const fields = field?.type === undefined ? undefined : patchTypes[field.type];
  for (const [key, value] of Object.entries(live)) {
    const inner = field?.map === undefined ? fields?.[key] : { type: field.map };
    const old = Object.hasOwn(result, key) ? result[key] : undefined;
    const restored = restore(old, value, Object.hasOwn(left, key) ? left[key] : undefined, inner);
    if (restored !== undefined) setField(result, key, restored);
  }
  return result;
}

/** Items that the rules leave out whole are as they are in the live list; others are restored where the target has them. */
function restoreItems(
  target: readonly JsonValue[],
  live: readonly JsonValue[],
  left: readonly JsonValue[],
  { type = "", key = "" }: { readonly type: string | undefined; readonly key: string | undefined },
): readonly JsonValue[] {
  const idOf = (item: JsonValue): string => JSON.stringify(isJsonObject(item) ? item[key] : item);
  const kept = new Map(left.map((item) => [idOf(item), item]));
  const lives = new Map(live.map((item) => [idOf(item), item]));
  const restored = target.map((item): JsonValue => {
    const found = lives.get(idOf(item));
    if (found === undefined) return item;
    return restore(item, found, kept.get(idOf(item)), type === "" ? undefined : { type }) ?? item;
  });
  const ids = new Set(target.map(idOf));
  const whole = live.filter((item) => !kept.has(idOf(item)) && !ids.has(idOf(item)));
  return [...restored, ...whole];
}

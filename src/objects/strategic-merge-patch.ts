import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { PatchError } from "./json-patch.ts";
import type { PatchField, PatchTypes } from "./kubernetes-types.ts";
import { ownField, setField } from "./merge-patch.ts";

/** Whether null removes a field and directives (`$patch`, …) are obeyed; server-side apply knows neither. */
export interface MergeRules {
  readonly types: PatchTypes;
  readonly directives: boolean;
}

const elementOrder = "$setElementOrder/";
const deleteFromList = "$deleteFromPrimitiveList/";
const retainKeys = "$retainKeys";

/**
 * Strategic merge patch of an object of `type` (a key of `rules.types`; unknown types merge as plain JSON). Lists that
 * are merged keep their order, new items come last; `$setElementOrder` is read and not obeyed. @throws PatchError
 */
export function applyStrategicMergePatch(
  target: JsonValue | undefined,
  patch: JsonObject,
  type: string | undefined,
  rules: MergeRules,
): JsonObject {
  const directive = rules.directives ? patch.$patch : undefined;
  if (directive === "replace") return withoutKey(patch, "$patch");
  if (directive === "delete") return {};
  if (directive !== undefined && directive !== "merge") {
    throw new PatchError(`$patch: ${JSON.stringify(directive)} is none of "replace", "delete", "merge"`);
  }
  const result = startOf(target, patch, rules);
  const fields = type === undefined ? undefined : rules.types[type];
  for (const [key, value] of Object.entries(patch)) {
    if (rules.directives && key.startsWith("$")) applyListDirective(result, key, value);
    else if (value === null && rules.directives) delete result[key];
    else setField(result, key, mergeField(ownField(result, key), value, fields?.[key], rules));
  }
  return result;
}

function startOf(target: JsonValue | undefined, patch: JsonObject, rules: MergeRules): Record<string, JsonValue> {
  const start: Record<string, JsonValue> = isJsonObject(target) ? { ...target } : {};
  const kept = rules.directives ? patch[retainKeys] : undefined;
  if (!Array.isArray(kept)) return start;
  return Object.fromEntries(Object.entries(start).filter(([key]) => kept.includes(key)));
}

function applyListDirective(result: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key === "$patch" || key === retainKeys || key.startsWith(elementOrder)) return;
  if (!key.startsWith(deleteFromList)) throw new PatchError(`unknown directive ${JSON.stringify(key)}`);
  const field = key.slice(deleteFromList.length);
  const list = ownField(result, field);
  if (Array.isArray(list) && Array.isArray(value)) {
    setField(
      result,
      field,
      list.filter((item) => !value.includes(item)),
    );
  }
}

function mergeField(
  old: JsonValue | undefined,
  patch: JsonValue,
  field: PatchField | undefined,
  rules: MergeRules,
): JsonValue {
  if (Array.isArray(patch)) {
    return field?.list === undefined ? patch : mergeList(Array.isArray(old) ? old : [], patch, field, rules);
  }
  if (!isJsonObject(patch)) return patch;
  if (field?.map === undefined) return applyStrategicMergePatch(old, patch, field?.type, rules);
  const map: Record<string, JsonValue> = isJsonObject(old) ? { ...old } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null && rules.directives) delete map[key];
    else setField(map, key, mergeField(ownField(map, key), value, { type: field.map }, rules));
  }
  return map;
}

function mergeList(
  old: readonly JsonValue[],
  patch: readonly JsonValue[],
  field: PatchField,
  rules: MergeRules,
): JsonValue {
  const { key } = field;
  if (key === undefined) return [...old, ...patch.filter((item) => !old.some((kept) => isDeepStrictEqual(kept, item)))];
  const replaces = rules.directives && patch.some((item) => isJsonObject(item) && item.$patch === "replace");
  const result: JsonValue[] = replaces ? [] : [...old];
  for (const item of patch) mergeItem(result, item, key, field.list, rules);
  return result;
}

function mergeItem(result: JsonValue[], item: JsonValue, key: string, type: string | undefined, rules: MergeRules) {
  if (!isJsonObject(item)) throw new PatchError(`an item merged by ${JSON.stringify(key)} must be an object`);
  const directive = rules.directives ? item.$patch : undefined;
  const id = item[key];
  if (directive === "replace" && id === undefined) return;
  if (id === undefined) throw new PatchError(`an item lacks its merge key ${JSON.stringify(key)}`);
  const at = result.findIndex((other) => isJsonObject(other) && other[key] === id);
  if (directive === "delete") {
    if (at >= 0) result.splice(at, 1);
    return;
  }
  const merged = applyStrategicMergePatch(at >= 0 ? result[at] : undefined, item, type || undefined, rules);
  if (at >= 0) result[at] = merged;
  else result.push(merged);
}

function withoutKey(object: JsonObject, key: string): JsonObject {
  const { [key]: _removed, ...rest } = object;
  return rest;
}

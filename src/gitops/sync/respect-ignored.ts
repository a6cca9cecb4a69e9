import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { type PatchField, patchTypes } from "../../objects/kubernetes-types.ts";
import { ownField, setField } from "../../objects/merge-patch.ts";
import type { KubeObject } from "../../objects/object.ts";
import { takeOverManaged } from "../diff/ignore.ts";
import { typeOf } from "../diff/object-diff.ts";
import type { ObjectRules } from "../diff/rules.ts";

/**
 * The target as it is applied with `RespectIgnoreDifferences=true`: what the rules ignore has its live value, or is left out
 * where the live object lacks it (spec argo-cd-engine 3.10). Items of lists that are merged by a key are found by it;
 * of other lists in which something is ignored the live one is taken whole.
 */
export function respectIgnored(target: KubeObject, live: KubeObject, { removals, managers }: ObjectRules): KubeObject {
  if (removals.length === 0 && managers.length === 0) return target;
  const { status: _, ...found } = live as unknown as JsonObject;
  const without = (object: JsonObject): JsonObject => removals.reduce((rest, remove) => remove(rest), object);
  const kept = without(found);
  const asked = without(target as unknown as JsonObject);
  const type = typeOf(target);
  const field = type === undefined ? undefined : { type };
  const wanted = isDeepStrictEqual(kept, found) ? asked : restoreObject(asked, kept, found, field);
  return takeOverManaged(wanted, found, live, managers) as unknown as KubeObject;
}

/** `kept` is `live` without what is ignored. */
function restore(target: JsonValue, kept: JsonValue, live: JsonValue, field: PatchField | undefined): JsonValue {
  if (kept === live || isDeepStrictEqual(kept, live)) return target;
  if (isJsonObject(target) && isJsonObject(kept) && isJsonObject(live)) return restoreObject(target, kept, live, field);
  if (!Array.isArray(target) || !Array.isArray(kept) || !Array.isArray(live)) return live;
  return field?.key === undefined ? live : restoreList({ target, kept, live }, field.key, field.list);
}

function restoreObject(
  target: JsonObject,
  kept: JsonObject,
  live: JsonObject,
  field: PatchField | undefined,
): JsonObject {
  const fields = field?.type === undefined ? undefined : patchTypes[field.type];
  const result: Record<string, JsonValue> = { ...target };
  for (const [key, value] of Object.entries(live)) {
    const left = ownField(kept, key);
    const asked = ownField(target, key);
    const inner = field?.map === undefined ? fields?.[key] : { type: field.map };
    if (left === undefined) setField(result, key, value);
    // A parent that the target lacks is not the target's to fill.
    else if (asked !== undefined) setField(result, key, restore(asked, left, value, inner));
  }
  return result;
}

function restoreList(
  { target, kept, live }: Record<"target" | "kept" | "live", readonly JsonValue[]>,
  key: string,
  type: string | undefined,
): readonly JsonValue[] {
  const field = type ? { type } : undefined;
  const find = (list: readonly JsonValue[], like: JsonValue): JsonValue | undefined =>
    list.find((item) => isDeepStrictEqual(keyIn(item, key), keyIn(like, key)));
  const restored = target.map((item) => {
    const [left, found] = [find(kept, item), find(live, item)];
    return left === undefined || found === undefined ? item : restore(item, left, found, field);
  });
  const ignored = live.filter((item) => find(kept, item) === undefined && find(target, item) === undefined);
  return [...restored, ...ignored];
}

function keyIn(item: JsonValue, key: string): JsonValue | undefined {
  return isJsonObject(item) ? ownField(item, key) : undefined;
}

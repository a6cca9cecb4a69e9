import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";

/** JSON merge patch (RFC 7386): objects are merged, null removes, anything else replaces. Changes neither argument. */
export function applyMergePatch(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch;
  const result: Record<string, JsonValue> = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setField(result, key, applyMergePatch(ownField(result, key), value));
  }
  return result;
}

/**
 * The smallest merge patch that makes `after` of `before`; undefined when nothing differs. A field that is null counts as
 * absent, since a merge patch cannot write it; lists are replaced as a whole.
 */
export function diffMergePatch(before: JsonObject, after: JsonObject): JsonObject | undefined {
  const patch: Record<string, JsonValue> = {};
  for (const key of Object.keys(before)) {
    if (before[key] !== null && (ownField(after, key) ?? null) === null) setField(patch, key, null);
  }
  for (const [key, value] of Object.entries(after)) {
    const change = value === null ? undefined : diffField(ownField(before, key) ?? null, value);
    if (change !== undefined) setField(patch, key, change);
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function diffField(old: JsonValue, value: JsonValue): JsonValue | undefined {
  if (!isJsonObject(value)) return isDeepStrictEqual(old, value) ? undefined : value;
  // An object in place of something else has to be written even when it is empty.
  return isJsonObject(old) ? diffMergePatch(old, value) : (diffMergePatch({}, value) ?? {});
}

/** Sets an own field, also one called `__proto__`. */
export function setField(target: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key !== "__proto__") target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

export function ownField(target: Readonly<Record<string, JsonValue>>, key: string): JsonValue | undefined {
  return Object.hasOwn(target, key) ? target[key] : undefined;
}

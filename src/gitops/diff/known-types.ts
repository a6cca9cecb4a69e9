import type { KnownTypeField } from "../../api/resource-settings.ts";
import { formatNanoseconds, parseNanoseconds } from "../../base/duration.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { canonicalQuantity, isQuantityField } from "./quantity.ts";

/**
 * The object with the values of fields whose type is known in the form that Kubernetes gives them: `1000m` becomes `1`,
 * `60m` becomes `1h0m0s` (spec argo-cd-engine 3.7). What does not fit the type, and a type that nobody knows, stay.
 */
export function withKnownTypes(object: JsonObject, fields: readonly KnownTypeField[]): JsonObject {
  return fields.reduce<JsonObject>((rest, { field, type }) => {
    const change = changeOf(type);
    const changed = change === undefined ? rest : changeAt(rest, field.split("."), change);
    return isJsonObject(changed) ? changed : rest;
  }, object);
}

type Change = (value: JsonValue) => JsonValue;

function changeOf(type: string): Change | undefined {
  if (type === "core/Quantity") return canonicalQuantity;
  if (type === "meta/v1/Duration") return canonicalDuration;
  if (type === "core/v1/ResourceList") return (value) => mapValues(value, canonicalQuantity);
  return type.startsWith("core/v1/") ? (value) => withQuantities(value, "") : undefined;
}

function canonicalDuration(value: JsonValue): JsonValue {
  const nanoseconds = typeof value === "string" ? parseNanoseconds(value) : undefined;
  return nanoseconds === undefined ? value : formatNanoseconds(nanoseconds);
}

/** Lists are gone through. */
function changeAt(value: JsonValue | undefined, path: readonly string[], change: Change): JsonValue {
  const [key, ...rest] = path;
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value.map((item) => changeAt(item, path, change));
  if (key === undefined) return change(value);
  if (!isJsonObject(value) || !Object.hasOwn(value, key)) return value;
  return { ...value, [key]: changeAt(value[key], rest, change) };
}

/** Within a type of the core group, quantities stand where they do in Pods. */
function withQuantities(value: JsonValue, path: string): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withQuantities(item, path));
  if (isJsonObject(value)) return mapValues(value, (part, key) => withQuantities(part, `${path}.${key}`));
  return isQuantityField(path) ? canonicalQuantity(value) : value;
}

function mapValues(value: JsonValue, change: (part: JsonValue, key: string) => JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, change(part, key)]));
}

import { changeFields, changeItems, isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { isKept, type Schema } from "./schema.ts";

/** The object without the fields that the schema does not name; their paths go to `unknown`. */
export function prune(schema: Schema, object: JsonObject, unknown: string[]): JsonObject {
  return pruneFields(schema, object, "", unknown);
}

function pruneFields(schema: Schema, object: JsonObject, path: string, unknown: string[]): JsonObject {
  return changeFields(object, (name, value) => {
    const at = path === "" ? name : `${path}.${name}`;
    const below = schema.properties.get(name) ?? schema.additional;
    if (below !== undefined && !(path === "" && name === "metadata")) return pruneValue(below, value, at, unknown);
    if (isKept(schema, name, path === "")) return value;
    unknown.push(at);
    return undefined;
  });
}

function pruneValue(schema: Schema, value: JsonValue, path: string, unknown: string[]): JsonValue {
  if (isJsonObject(value)) {
    // A schema that names nothing, as `type: object` alone, keeps nothing either.
    return pruneFields(schema, value, path, unknown);
  }
  const { items } = schema;
  if (!Array.isArray(value) || items === undefined) return value;
  return changeItems(value as readonly JsonValue[], (item, index) =>
    pruneValue(items, item, `${path}[${index}]`, unknown),
  );
}

/** Fills in `default`s, also below those filled in. A null that is not allowed counts as absent. */
export function fillDefaults(schema: Schema, value: JsonValue): JsonValue {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined
      ? value
      : changeItems(value as readonly JsonValue[], (item) => fillDefaults(items, item));
  }
  if (!isJsonObject(value)) return value;
  const filled = changeFields(value, (name, child) => {
    const below = schema.properties.get(name) ?? schema.additional;
    if (below === undefined) return child;
    if (child === null && !below.nullable && below.fallback !== undefined) return undefined;
    return fillDefaults(below, child);
  });
  let copy: Record<string, JsonValue> | undefined;
  for (const [name, below] of schema.properties) {
    if (below.fallback === undefined || Object.hasOwn(filled, name)) continue;
    copy ??= { ...filled };
    copy[name] = fillDefaults(below, below.fallback);
  }
  return copy ?? filled;
}

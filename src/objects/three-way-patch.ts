import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { type PatchField, patchTypes } from "./kubernetes-types.ts";

/** How a struct merges: a key of `patchTypes`; undefined: as plain JSON, where lists are replaced. */
type StructType = string | undefined;

/**
 * The patch that `kubectl apply` would send: what `target` says otherwise than `live`, and the end of what `last` said and
 * `target` does not. Fields that others set stay. A strategic merge patch when `type` is given, else a JSON merge patch.
 */
export function threeWayPatch(
  last: JsonObject,
  target: JsonObject,
  live: JsonObject,
  type: string | undefined,
): JsonObject {
  return objectPatch(last, target, live, type);
}

function objectPatch(last: JsonObject, target: JsonObject, live: JsonObject, type: StructType): JsonObject {
  const patch: Record<string, JsonValue> = {};
  for (const name of Object.keys(last)) {
    if (!Object.hasOwn(target, name) && Object.hasOwn(live, name)) patch[name] = null;
  }
  for (const [name, wanted] of Object.entries(target)) {
    const field = type === undefined ? undefined : patchTypes[type]?.[name];
    Object.assign(patch, fieldPatch(name, { last: last[name], wanted, found: live[name] }, field, type));
  }
  return patch;
}

interface Values {
  readonly last: JsonValue | undefined;
  readonly wanted: JsonValue;
  readonly found: JsonValue | undefined;
}

/** The entries of the parent's patch; none when there is nothing to change. */
function fieldPatch(name: string, values: Values, field: PatchField | undefined, parent: StructType): JsonObject {
  const { last, wanted, found } = values;
  if (isJsonObject(wanted) && isJsonObject(found)) {
    const inner = innerPatch(objectOf(last), wanted, found, field ?? (parent === undefined ? undefined : { type: "" }));
    return Object.keys(inner).length === 0 ? {} : { [name]: inner };
  }
  if (Array.isArray(wanted) && Array.isArray(found) && field?.list !== undefined) {
    const lists = { last: Array.isArray(last) ? last : [], wanted, found };
    return field.key === undefined ? scalarsPatch(name, lists) : itemsPatch(name, lists, field.key, field.list);
  }
  return isDeepStrictEqual(wanted, found) ? {} : { [name]: wanted };
}

function innerPatch(
  last: JsonObject,
  wanted: JsonObject,
  found: JsonObject,
  field: PatchField | undefined,
): JsonObject {
  if (field?.map !== undefined) return mapPatch(last, wanted, found, field.map);
  return objectPatch(last, wanted, found, field === undefined ? undefined : (field.type ?? ""));
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function mapPatch(last: JsonObject, wanted: JsonObject, found: JsonObject, type: string): JsonObject {
  const patch: Record<string, JsonValue> = {};
  for (const key of Object.keys(last)) {
    if (!Object.hasOwn(wanted, key) && Object.hasOwn(found, key)) patch[key] = null;
  }
  for (const [key, value] of Object.entries(wanted)) {
    Object.assign(patch, fieldPatch(key, { last: last[key], wanted: value, found: found[key] }, { type }, type));
  }
  return patch;
}

interface Lists {
  readonly last: readonly JsonValue[];
  readonly wanted: readonly JsonValue[];
  readonly found: readonly JsonValue[];
}

/** A list of scalars that is a set. */
function scalarsPatch(name: string, { last, wanted, found }: Lists): JsonObject {
  const added = wanted.filter((item) => !found.includes(item));
  const gone = last.filter((item) => !wanted.includes(item) && found.includes(item));
  return {
    ...(added.length === 0 ? {} : { [name]: added }),
    ...(gone.length === 0 ? {} : { [`$deleteFromPrimitiveList/${name}`]: gone }),
  };
}

/** A list merged by a key of its items. */
function itemsPatch(name: string, { last, wanted, found }: Lists, key: string, type: string): JsonObject {
  const itemOf = (list: readonly JsonValue[], value: JsonValue | undefined): JsonObject | undefined =>
    list.filter(isJsonObject).find((item) => item[key] === value);
  const changed = wanted.filter(isJsonObject).flatMap((item): JsonObject[] => {
    const live = itemOf(found, item[key]);
    if (live === undefined) return [item];
    const inner = objectPatch(itemOf(last, item[key]) ?? {}, item, live, type);
    return Object.keys(inner).length === 0 ? [] : [{ ...inner, [key]: item[key] ?? null }];
  });
  const gone = last.filter(isJsonObject).flatMap((item): JsonObject[] => {
    const value = item[key];
    if (value === undefined || itemOf(wanted, value) !== undefined || itemOf(found, value) === undefined) return [];
    return [{ $patch: "delete", [key]: value }];
  });
  const items = [...changed, ...gone];
  return items.length === 0 ? {} : { [name]: items };
}

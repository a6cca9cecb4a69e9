import { isJsonObject, type JsonValue, setOwn } from "../../base/json.ts";

/** Maps as Go writes them into JSON: keys in the order of their bytes in UTF-8 (spec argo-events 1.7). */

/** The same object where its keys are in order already. */
export function sortedFields<Value>(fields: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  const keys = Object.keys(fields);
  if (keys.every((key, index) => index === 0 || byBytes(keys[index - 1] ?? "", key) <= 0)) return fields;
  const sorted: Record<string, Value> = {};
  for (const key of keys.sort(byBytes)) setOwn(sorted, key, fields[key] as Value);
  return sorted;
}

/** Also the objects within. */
export function sortedDeep(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortedDeep);
  if (!isJsonObject(value)) return value;
  const sorted: Record<string, JsonValue> = {};
  for (const key of Object.keys(value).sort(byBytes)) setOwn(sorted, key, sortedDeep(value[key] ?? null));
  return sorted;
}

/** UTF-16, by which texts compare, has another order only where there are surrogates. */
function byBytes(a: string, b: string): number {
  if (surrogates.test(a) || surrogates.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

const surrogates = /[\ud800-\udfff]/;

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Sets a field of a plain object, whatever its name: `__proto__` is a name like any other. */
export function setOwn<Value>(object: Record<string, Value>, key: string, value: Value): void {
  if (key !== "__proto__") object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/**
 * The object with each field replaced by what `change` gives; undefined drops it. The same object when nothing changes,
 * which is the usual case and costs no copy.
 */
export function changeFields<Value>(
  object: Readonly<Record<string, Value>>,
  change: (key: string, value: Value) => Value | undefined,
): Readonly<Record<string, Value>> {
  let copy: Record<string, Value> | undefined;
  const keys = Object.keys(object);
  for (const [index, key] of keys.entries()) {
    const value = object[key] as Value;
    const changed = change(key, value);
    if (copy === undefined && changed === value) continue;
    if (copy === undefined) {
      copy = {};
      for (const before of keys.slice(0, index)) setOwn(copy, before, object[before] as Value);
    }
    if (changed !== undefined) setOwn(copy, key, changed);
  }
  return copy ?? object;
}

/** The same for a list. */
export function changeItems<Item>(list: readonly Item[], change: (item: Item, index: number) => Item): readonly Item[] {
  let copy: Item[] | undefined;
  for (const [index, item] of list.entries()) {
    const changed = change(item, index);
    if (changed === item && copy === undefined) continue;
    copy ??= list.slice();
    copy[index] = changed;
  }
  return copy ?? list;
}

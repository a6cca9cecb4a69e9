/** A `bigint` is an integer of Go's 64 bits that a number does not hold; see `parseJson`. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** JSON as Go reads it into `interface{}`: every number is a float64. */
export type FloatJson = null | boolean | number | string | readonly FloatJson[] | FloatObject;
export interface FloatObject {
  readonly [key: string]: FloatJson;
}

declare global {
  // ECMAScript's proposal-json-parse-with-source, which TypeScript does not know yet.
  interface JSON {
    rawJSON(text: string): object;
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
  }
}

// The one import with a side effect: without it each `JSON.stringify` of an object from outside could throw.
Object.defineProperty(BigInt.prototype, "toJSON", {
  configurable: true,
  writable: true,
  value(this: bigint) {
    return JSON.rawJSON(String(this));
  },
});

/** Of at least so many digits is an integer that a number does not hold. Saves most texts the slow way of `JSON.parse`. */
const longNumber = /\d{16}/;

/**
 * As `JSON.parse`, but integers beyond 2^53 keep their digits, as a `bigint`, as far as Go's 64 bits reach; larger ones
 * are floats in Go, too. `JSON.stringify` writes them back as they were.
 * @throws SyntaxError
 */
export function parseJson(text: string): JsonValue {
  if (!longNumber.test(text)) return JSON.parse(text) as JsonValue;
  try {
    return JSON.parse(text, keepDigits) as JsonValue;
  } catch (error) {
    if (error instanceof RangeError) throw new SyntaxError("JSON is nested too deeply", { cause: error });
    throw error;
  }
}

function keepDigits(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== "number" || source === undefined || Number.isSafeInteger(value)) return value;
  return /^-?\d+$/.test(source) ? exactInteger(source) : value;
}

const maxDigits = 64;

/** The integer of a text that `BigInt` reads: a number where one holds it, and where 64 bits do not. */
export function exactInteger(text: string): number | bigint {
  const value = Number(text);
  if (Number.isSafeInteger(value) || text.length > maxDigits) return value;
  const exact = BigInt(text);
  return exact >= -(2n ** 63n) && exact < 2n ** 64n ? exact : value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** With every number as a float64; the same value where there is nothing to change, as almost always. */
export function withFloats(value: JsonObject): FloatObject;
export function withFloats(value: JsonValue): FloatJson;
export function withFloats(value: JsonValue): FloatJson {
  return toFloats(value) as FloatJson;
}

function toFloats(value: JsonValue): JsonValue {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return changeItems<JsonValue>(value, toFloats);
  return changeFields(value as JsonObject, (_key, child) => toFloats(child));
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
  for (const key of Object.keys(object)) {
    const value = object[key] as Value;
    const changed = change(key, value);
    if (copy === undefined && changed === value) continue;
    copy ??= fieldsBefore(key, object);
    if (changed !== undefined) setOwn(copy, key, changed);
  }
  return copy ?? object;
}

function fieldsBefore<Value>(end: string, object: Readonly<Record<string, Value>>): Record<string, Value> {
  const copy: Record<string, Value> = {};
  for (const key of Object.keys(object)) {
    if (key === end) break;
    setOwn(copy, key, object[key] as Value);
  }
  return copy;
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

/** JSON whose keys are in order, at every depth: equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    isJsonObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}

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
    isRawJSON(value: unknown): boolean;
    parse(
      text: string,
      reviver: (this: object, key: string, value: unknown, context: { readonly source?: string }) => unknown,
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

/**
 * How numbers end that `JSON.stringify` may write otherwise; fractions of ten digits are near what a float holds. Saves most
 * texts the slow way of `JSON.parse`, and begins with a digit or a minus, which is found fast.
 */
const oddNumber = /\d(?:\d{14}|\.(?:\d*0[,}\]\s]|0{6}|\d{10})|[eE][-+]?\d+[,}\]\s])|-0[,}\]\s]/;

/**
 * As `JSON.parse`, but integers beyond 2^53 keep their digits, as a `bigint`, as far as Go's 64 bits reach; larger ones
 * are floats in Go, too. `JSON.stringify` writes numbers of objects and lists back as they were: `10.00`, `1E3`.
 * @throws SyntaxError
 */
export function parseJson(text: string): JsonValue {
  if (!oddNumber.test(text)) return JSON.parse(text) as JsonValue;
  try {
    return JSON.parse(text, keepNumber) as JsonValue;
  } catch (error) {
    if (error instanceof RangeError) throw new SyntaxError("JSON is nested too deeply", { cause: error });
    throw error;
  }
}

/**
 * What others send may be nested so deep at most: a stack ends, and most of what is done with JSON calls itself at each
 * level. Go stops at 10,000.
 */
export const maxJsonDepth = 1_000;

/** As `parseJson`, of what others send. @throws SyntaxError also for what is nested deeper than `maxJsonDepth` */
export function parseSentJson(text: string): JsonValue {
  const value = parseJson(text);
  if (isNestedDeeper(value, maxJsonDepth, text.length)) throw new SyntaxError("JSON is nested too deeply");
  return value;
}

/** `length`: of its text, which has two characters for each level, so that few values are looked through. */
export function isNestedDeeper(value: JsonValue, depth: number, length: number): boolean {
  return length > 2 * depth && !isWithin(value, depth);
}

function isWithin(value: JsonValue, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.every((item) => isWithin(item, depth - 1));
  for (const key in value) if (!isWithin((value as JsonObject)[key] ?? null, depth - 1)) return false;
  return true;
}

function keepNumber(this: object, key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== "number" || source === undefined) return value;
  const exact = /^-?\d+$/.test(source) ? exactInteger(source) : value;
  if (String(exact) !== source) spell(this, key, { source, value: exact });
  return exact;
}

const spellings = Symbol("spellings");

interface Spelling {
  readonly source: string;
  readonly value: unknown;
}

/** An object or list some of whose numbers are written otherwise than `JSON.stringify` would. */
type Spelled = Record<string, unknown> & { readonly [spellings]?: Map<string, Spelling> };

/** Seen by `JSON.stringify` alone: a copy has the number, and not its spelling; nor has a number that took its place. */
function spell(holder: object, key: string, spelling: Spelling): void {
  const known = (holder as Spelled)[spellings];
  if (known) known.set(key, spelling);
  else if (!Object.hasOwn(holder, "toJSON")) {
    Object.defineProperty(holder, spellings, { value: new Map([[key, spelling]]) });
    Object.defineProperty(holder, "toJSON", { value: asSpelled });
  }
}

function asSpelled(this: Spelled): object {
  const copy = withoutSpelling(this);
  for (const [key, { source, value }] of this[spellings] ?? []) {
    if (Object.is(this[key], value)) setOwn(copy, key, JSON.rawJSON(source));
  }
  return copy;
}

function withoutSpelling<Holder extends object>(holder: Holder): Record<string, unknown> {
  return (Array.isArray(holder) ? [...holder] : { ...holder }) as Record<string, unknown>;
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

function toFloats(given: JsonValue): JsonValue {
  if (typeof given === "bigint") return Number(given);
  if (typeof given !== "object" || given === null) return given;
  const value = spellings in given ? (withoutSpelling(given) as JsonObject) : given;
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
    isJsonObject(part) && !JSON.isRawJSON(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

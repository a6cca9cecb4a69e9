import {
  AnyMap,
  type Byte,
  Duration,
  ExprFunction,
  isFields,
  isList,
  isNil,
  itemsOf,
  type NamedInt,
  Time,
  TypedList,
  typeOf,
  type Value,
} from "../../../src/base/expr/values/values.ts";
import { bytesOf } from "../../../src/base/go/bytes.ts";
import { printFloat } from "../../../src/base/go/float.ts";
import { timeText } from "../../../src/base/go/time-format.ts";

/** A value as the oracle writes it: with its types told apart. */
export function typed(value: Value): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return value.isWellFormed() ? value : { bytes: bytesOf(value).toString("base64") };
  if (typeof value === "number") return { float64: printFloat(value) };
  if (isList(value)) return { [typeOf(value)]: isNil(value) ? null : itemsOf(value).map(typed) };
  if (value instanceof AnyMap) return { [value.type]: isNil(value) ? null : entries([...value.entries.values()]) };
  if (isFields(value)) return { [typeOf(value)]: entries(Object.entries(value)) };
  return scalar(value);
}

function scalar(value: bigint | Byte | Duration | Time | NamedInt | ExprFunction | TypedList): unknown {
  if (value instanceof Time) return { "time.Time": timeText(value.at) };
  if (value instanceof Duration) return { "time.Duration": String(value.nanoseconds) };
  if (value instanceof ExprFunction || value instanceof TypedList) return { func: null };
  return { [typeOf(value)]: String(typeof value === "bigint" ? value : value.value) };
}

function entries(pairs: readonly (readonly [Value, Value])[]): string[] {
  return pairs
    .map(([key, value]) => goJson([typed(key), typed(value)]))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Keys in order and characters of HTML escaped, as Go's encoder does. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

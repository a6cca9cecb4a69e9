import { byteAt, byteLength, sliceBytes } from "../../go/bytes.ts";
import { failed } from "../fault.ts";
import type { Work } from "../work.ts";
import { bindMethod } from "./bind-method.ts";
import { fieldName, hashOf } from "./equality.ts";
import { toInt } from "./numbers.ts";
import {
  AnyMap,
  Byte,
  fieldOf,
  isFields,
  isList,
  itemAt,
  itemsOf,
  nilList,
  TypedList,
  typeOf,
  type Value,
} from "./values.ts";

/** Go's `len` of lists, maps and strings; undefined for all else. */
export function lengthOf(value: Value, work: Work): number | undefined {
  if (typeof value === "string") {
    work.text(value.length);
    return byteLength(value);
  }
  if (isList(value)) return value.length;
  if (value instanceof AnyMap) return value.entries.size;
  return isFields(value) ? Object.keys(value).length : undefined;
}

/** @throws EngineError EXPRESSION_FAILED */
export function len(value: Value, work: Work): number {
  const length = lengthOf(value, work);
  if (length === undefined) throw failed(`a value of type ${typeOf(value)} has no length`);
  return length;
}

/**
 * `of[by]` and `of.by`: nil where a map has no such key.
 * @throws EngineError EXPRESSION_FAILED for an index outside, and for what has neither items nor fields
 */
export function fetch(of: Value, by: Value, work: Work): Value {
  if (isFields(of)) return fieldOf(of, fieldName(by));
  const method = typeof by === "string" ? bindMethod(of, by) : undefined;
  if (method !== undefined) return method;
  if (isList(of)) return itemAt(of, indexOf(toInt(by), of.length));
  if (typeof of === "string") {
    work.text(of.length);
    return new Byte(byteAt(of, indexOf(toInt(by), byteLength(of))) ?? 0);
  }
  if (of instanceof AnyMap) return of.entries.get(hashOf(by))?.[1] ?? (of.isGroups ? nilList : null);
  throw failed(`there is no ${shown(by)} in a value of type ${typeOf(of)}`);
}

function shown(by: Value): string {
  return typeof by === "string" || typeof by === "bigint" || typeof by === "number"
    ? JSON.stringify(String(by))
    : typeOf(by);
}

/** Less than 0 counts from the end. */
function indexOf(index: bigint, length: number): number {
  const at = index < 0n ? index + BigInt(length) : index;
  if (at < 0n || at >= BigInt(length)) throw failed(`index ${index} is outside of a list of ${length}`);
  return Number(at);
}

/** `of[from:to]`, cut to what is there. @throws EngineError EXPRESSION_FAILED for all but lists and strings */
export function slice(of: Value, from: bigint, to: bigint, work: Work): Value {
  const length = len(of, work);
  const end = bound(to, length);
  const start = Math.min(bound(from, length), end);
  return sliced(of, start, end, work);
}

function bound(index: bigint, length: number): number {
  const at = index < 0n ? index + BigInt(length) : index;
  return at < 0n ? 0 : at > BigInt(length) ? length : Number(at);
}

/** Both within the value. */
export function sliced(of: Value, start: number, end: number, work: Work): Value {
  if (typeof of === "string") return sliceBytes(of, start, end);
  if (!isList(of) || (of instanceof TypedList && of.type === "[2]interface {}")) {
    throw failed(`a value of type ${typeOf(of)} cannot be sliced`);
  }
  work.spend(end - start);
  if (!(of instanceof TypedList)) return itemsOf(of).slice(start, end);
  return new TypedList(of.type, end - start, (index) => of.item(start + index), of.isNil);
}

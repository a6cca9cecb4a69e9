import { compareText } from "../../go/bytes.ts";
import { failed } from "../fault.ts";
import type { Work } from "../work.ts";
import { floatOf, integerOf } from "./numbers.ts";
import {
  AnyMap,
  Byte,
  Duration,
  ExprFunction,
  type Fields,
  isFields,
  isList,
  isNil,
  itemAt,
  type List,
  NamedInt,
  Time,
  TypedList,
  typeOf,
  type Value,
} from "./values.ts";

/**
 * `==`: numbers of any type by their value, times by their moment; lists and maps only if all within are of the same
 * types, so that `[1] == list` does not hold for a list that came as JSON.
 */
export function areEqual(left: Value, right: Value, work: Work): boolean {
  if (typeof left === typeof right && typeof left !== "object") return left === right;
  const a = floatOf(left);
  const b = floatOf(right);
  if (a !== undefined && b !== undefined) {
    const [whole, other] = [integerOf(left), integerOf(right)];
    return whole !== undefined && other !== undefined ? whole === other : a === b;
  }
  if (left instanceof Time && right instanceof Time) return compareTimes(left, right) === 0;
  return (isNil(left) && isNil(right)) || areIdentical(left, right, work, 0);
}

export function compareTimes(left: Time, right: Time): number {
  return left.at.seconds - right.at.seconds || left.at.nanoseconds - right.at.nanoseconds;
}

/** Go's `reflect.DeepEqual`. */
function areIdentical(left: Value, right: Value, work: Work, depth: number): boolean {
  work.nest(depth);
  if (typeof left !== "object" || left === null || typeof right !== "object" || right === null) return left === right;
  if (typeOf(left) !== typeOf(right) || isNil(left) !== isNil(right)) return false;
  if (isList(left) && isList(right)) return sameItems(left, right, work, depth);
  if (left instanceof AnyMap && right instanceof AnyMap) return sameEntries(left, right, work, depth);
  if (isFields(left) && isFields(right)) return sameFields(left, right, work, depth);
  return !(left instanceof ExprFunction) && hashOf(left) === hashOf(right);
}

function sameItems(left: List, right: List, work: Work, depth: number): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) {
    if (!areIdentical(itemAt(left, index), itemAt(right, index), work, depth + 1)) return false;
  }
  return true;
}

function sameFields(left: Fields, right: Fields, work: Work, depth: number): boolean {
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every(
    (name) => Object.hasOwn(right, name) && areIdentical(left[name] ?? null, right[name] ?? null, work, depth + 1),
  );
}

function sameEntries(left: AnyMap, right: AnyMap, work: Work, depth: number): boolean {
  if (left.entries.size !== right.entries.size) return false;
  for (const [hash, [, value]] of left.entries) {
    const other = right.entries.get(hash);
    if (other === undefined || !areIdentical(value, other[1], work, depth + 1)) return false;
  }
  return true;
}

/** The same for the same keys of a map, by type and value. @throws EngineError EXPRESSION_FAILED where Go panics */
export function hashOf(value: Value): unknown {
  if (typeof value === "string") return `string ${value}`;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Byte) return `byte ${value.value}`;
  if (value instanceof Duration) return `duration ${value.nanoseconds}`;
  if (value instanceof NamedInt) return `${value.type} ${value.value}`;
  if (value instanceof Time) return `time ${JSON.stringify(value.at)}`;
  if (value instanceof TypedList && value.type === "[2]interface {}") return `pair ${pairHash(value)}`;
  throw failed(`a value of type ${typeOf(value)} cannot be a key`);
}

function pairHash(pair: TypedList): string {
  const hashes = [hashOf(pair.item(0)), hashOf(pair.item(1))];
  return JSON.stringify(hashes.map((hash) => [typeof hash, String(hash)]));
}

/** Less than 0, 0 or more; NaN where one of them is. @throws EngineError EXPRESSION_FAILED */
export function compare(left: Value, right: Value, operator: string): number {
  if (typeof left === "number" && typeof right === "number") return difference(left, right);
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  const [whole, other] = [integerOf(left), integerOf(right)];
  if (whole !== undefined && other !== undefined) return compareInts(whole, other);
  const [a, b] = [floatOf(left), floatOf(right)];
  if (a !== undefined && b !== undefined) return difference(a, b);
  if (left instanceof Time && right instanceof Time) return compareTimes(left, right);
  if (left instanceof Duration && right instanceof Duration) return compareInts(left.nanoseconds, right.nanoseconds);
  throw failed(`${operator} does not go with ${typeOf(left)} and ${typeOf(right)}`);
}

/** Infinity less itself would be NaN. */
function difference(left: number, right: number): number {
  return left === right ? 0 : left - right;
}

function compareInts(left: bigint, right: bigint): number {
  return left < right ? -1 : Number(left > right);
}

/** `needle in list`. @throws EngineError EXPRESSION_FAILED */
export function isIn(needle: Value, container: Value, work: Work): boolean {
  if (container === null) return false;
  if (isList(container)) {
    for (let index = 0; index < container.length; index++) {
      work.spend(1);
      if (areEqual(itemAt(container, index), needle, work)) return true;
    }
    return false;
  }
  if (container instanceof AnyMap) return container.entries.has(hashOf(needle));
  if (isFields(container)) return Object.hasOwn(container, fieldName(needle));
  if (container instanceof Time && typeof needle === "string") return ["wall", "ext", "loc"].includes(needle);
  throw failed(`in does not go with ${typeOf(container)}`);
}

/** Nil is the empty name. @throws EngineError EXPRESSION_FAILED for all but strings */
export function fieldName(value: Value): string {
  if (value === null) return "";
  if (typeof value !== "string") throw failed(`a value of type ${typeOf(value)} is no key of a map of strings`);
  return value;
}

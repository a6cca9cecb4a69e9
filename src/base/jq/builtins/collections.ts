import { type JsonObject, setOwn } from "../../json.ts";
import { expected, Fault, failedFor, notFor } from "../fault.ts";
import { compare } from "../values/compare.ts";
import { preview } from "../values/encode.ts";
import { fetchField, keyNoText } from "../values/fetch.ts";
import { absolute, toFloat, toInt } from "../values/numbers.ts";
import { add } from "../values/operators.ts";
import { Update } from "../values/update.ts";
import {
  characterCount,
  fieldOf,
  isList,
  isNumber,
  isObject,
  isTruthy,
  itemsOf,
  type List,
  sortedKeys,
  typeOf,
  type Value,
} from "../values/values.ts";
import type { Work } from "../work.ts";
import { type FunctionTable, of0, of1, of2 } from "./function.ts";

export function lengthOf(value: Value, work: Work): Value {
  if (value === null) return 0;
  if (isNumber(value)) return absolute(value);
  if (isList(value)) return value.length;
  if (typeof value === "string") {
    work.text(value.length);
    return characterCount(value);
  }
  if (isObject(value)) {
    const { length } = Object.keys(value);
    work.fields(length / 4);
    return length;
  }
  throw notFor("length", value);
}

function keysOf(value: Value, work: Work): List {
  if (!isList(value) && !isObject(value)) throw notFor("keys", value);
  const keys = isList(value) ? value.map((_, at) => at) : sortedKeys(value);
  work.fields(keys.length);
  return keys;
}

export function has(value: Value, key: Value): boolean {
  if (value === null) return false;
  const at = toInt(key);
  if (isList(value) && at !== undefined) return at >= 0 && at < value.length;
  if (isObject(value) && typeof key === "string") return Object.hasOwn(value, key);
  throw notFor("has", value, key);
}

/** Much is added at once, so that the pieces in between are not copied again and again. */
function addAll(items: List, work: Work): Value {
  const parts = items.filter((item) => item !== null);
  if (parts.length > 1 && parts.every(isList)) return concatenated(parts, work);
  if (parts.length > 1 && parts.every(isObject)) return merged(parts, work);
  work.items(parts.length);
  return parts.reduce<Value>((sum, item) => add(sum, item, work), null);
}

function concatenated(lists: readonly List[], work: Work): List {
  for (const { length } of lists) work.items(length);
  return lists.flat(1);
}

function merged(objects: readonly JsonObject[], work: Work): JsonObject {
  const result: Record<string, Value> = {};
  for (const object of objects) {
    const entries = Object.entries(object);
    work.fields(entries.length + 1);
    for (const [key, value] of entries) setOwn(result, key, value);
  }
  return result;
}

export function addItems(value: Value, work: Work): Value {
  const items = itemsOf(value, work);
  if (items === undefined) throw notFor("add", value);
  return addAll(items, work);
}

function contains(left: Value, right: Value, work: Work, depth = 0): boolean {
  work.nest(depth);
  if (isList(left) && isList(right)) {
    return right.every((item) => left.some((other) => containsOrNot(other, item, work, depth + 1)));
  }
  if (isObject(left) && isObject(right)) {
    return Object.keys(right).every(
      (key) => Object.hasOwn(left, key) && containsOrNot(fieldOf(left, key), fieldOf(right, key), work, depth + 1),
    );
  }
  if (typeof left === "string" && typeof right === "string") {
    work.search(left.length, right.length);
    return left.includes(right);
  }
  if (isNumber(left) && isNumber(right)) return !Number.isNaN(left) && compare(left, right, work) === 0;
  if (left === right) return true;
  throw notFor("contains", left, right);
}

/** Values that cannot be compared are not within each other; only at the top it is an error. */
function containsOrNot(left: Value, right: Value, work: Work, depth: number): boolean {
  try {
    return contains(left, right, work, depth);
  } catch (error) {
    work.caught();
    if (error instanceof Fault) return false;
    throw error;
  }
}

function flatten(value: Value, depth: number, work: Work): Value {
  const items = itemsOf(value, work);
  if (items === undefined) throw notFor("flatten", value);
  const result: Value[] = [];
  const walk = (list: List, left: number, nesting: number): void => {
    work.nest(nesting);
    for (const item of list) {
      work.spend(1 / 8);
      if (isList(item) && left !== 0) walk(item, left - 1, nesting + 1);
      else result.push(item);
    }
  };
  walk(items, depth, 0);
  return result;
}

function flattenTo(value: Value, depth: Value, work: Work): Value {
  if (!isList(value) && !isObject(value)) throw notFor("flatten", value);
  const levels = toFloat(depth);
  if (levels === undefined) throw notFor("flatten", depth);
  if (!(levels >= 0)) throw new Fault(() => `flatten depth should not be negative: ${preview(levels)}`);
  return flatten(value, levels, work);
}

interface Keyed {
  readonly key: Value;
  readonly value: Value;
}

/** `keys` has one for each item; without it they are their own. */
function sorted(name: string, value: Value, keys: Value | undefined, work: Work): Keyed[] {
  if (!isList(value)) throw keys === undefined ? notFor(name, value) : notFor(name, value, keys);
  const order = keys ?? value;
  if (!isList(order)) throw notFor(name, value, order);
  if (order.length !== value.length) throw failedFor("length mismatch", name, value, order);
  work.items(value.length);
  const items = value.map((item, at): Keyed => ({ key: order[at] ?? null, value: item }));
  return items.sort((a, b) => {
    work.spend(1 / 8);
    return compare(a.key, b.key, work);
  });
}

export function sortBy(name: string, value: Value, keys: Value | undefined, work: Work): Value {
  return sorted(name, value, keys, work).map((item) => item.value);
}

export function groupBy(value: Value, keys: Value, work: Work): Value {
  const groups: Value[][] = [];
  let last: Keyed | undefined;
  for (const item of sorted("group_by", value, keys, work)) {
    if (last === undefined || compare(last.key, item.key, work) !== 0) {
      groups.push([item.value]);
      last = item;
    } else groups.at(-1)?.push(item.value);
  }
  return groups;
}

export function uniqueBy(name: string, value: Value, keys: Value | undefined, work: Work): Value {
  const result: Value[] = [];
  let last: Keyed | undefined;
  for (const item of sorted(name, value, keys, work)) {
    if (last !== undefined && compare(last.key, item.key, work) === 0) continue;
    result.push(item.value);
    last = item;
  }
  return result;
}

/** The first of the least, the last of the greatest. */
export function extreme(name: "min" | "max", value: Value, work: Work): Value {
  if (!isList(value)) throw notFor(name, value);
  return extremeBy(value, value, name === "min", work);
}

export function extremeWith(name: "min_by" | "max_by", value: Value, keys: Value, work: Work): Value {
  if (!isList(value) || !isList(keys)) throw notFor(name, value, keys);
  if (value.length !== keys.length) throw failedFor("length mismatch", name, value, keys);
  return extremeBy(value, keys, name === "min_by", work);
}

function extremeBy(list: List, keys: List, isMin: boolean, work: Work): Value {
  let found = 0;
  for (let at = 1; at < list.length; at++) {
    work.spend(1 / 8);
    if (compare(keys[found] ?? null, keys[at] ?? null, work) > 0 === isMin) found = at;
  }
  return list[found] ?? null;
}

function transpose(value: Value, work: Work): Value {
  if (!isList(value)) throw notFor("transpose", value);
  const rows = value.map((row) => {
    if (!isList(row)) throw notFor("transpose", value);
    return row;
  });
  const width = rows.reduce((max, { length }) => Math.max(max, length), 0);
  work.items(width * rows.length);
  return Array.from({ length: width }, (_, column) => rows.map((row) => row[column] ?? null));
}

function binarySearch(value: Value, target: Value, work: Work): Value {
  if (!isList(value)) throw notFor("bsearch", value, target);
  let from = 0;
  let to = value.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (compare(value[middle] ?? null, target, work) < 0) from = middle + 1;
    else to = middle;
  }
  const isFound = from < value.length && compare(value[from] ?? null, target, work) === 0;
  return isFound ? from : -from - 1;
}

export function toEntries(value: Value, work: Work): Value {
  return keysOf(value, work).map((key) => ({
    key,
    value: (isList(value) ? value[Number(key)] : isObject(value) ? fieldOf(value, String(key)) : null) ?? null,
  }));
}

export function fromEntries(list: List, work: Work): Value {
  const result: Record<string, Value> = {};
  work.fields(list.length);
  for (const entry of list) {
    const key = ["key", "Key", "name", "Name"].reduce<Value>((found, name) => {
      return isTruthy(found) ? found : fetchField(entry, name);
    }, null);
    const value = fetchField(entry, has(entry, "value") ? "value" : "Value");
    if (typeof key !== "string") throw keyNoText(key);
    setOwn(result, key, value);
  }
  return result;
}

/** Named groups of a match and what they found. */
export function capturesOf(value: Value): JsonObject {
  if (!isList(value)) throw expected("an array", value);
  const result: Record<string, Value> = {};
  for (const capture of value) {
    if (!isObject(capture)) continue;
    const name = fieldOf(capture, "name");
    if (typeof name === "string") setOwn(result, name, fieldOf(capture, "string"));
  }
  return result;
}

export const collections: FunctionTable = {
  "type/0": of0(typeOf),
  "not/0": of0((value) => !isTruthy(value)),
  "length/0": of0(lengthOf),
  "keys/0": of0(keysOf),
  "has/1": of1(has),
  "in/1": of1((key, value) => has(value, key)),
  "add/0": of0(addItems),
  "reverse/0": of0((value, work) => {
    if (!isList(value)) throw notFor("reverse", value);
    work.items(value.length);
    return value.toReversed();
  }),
  "contains/1": of1((value, part, work) => contains(value, part, work)),
  "inside/1": of1((part, value, work) => contains(value, part, work)),
  "flatten/0": of0((value, work) => flatten(value, -1, work)),
  "flatten/1": of1(flattenTo),
  "min/0": of0((value, work) => extreme("min", value, work)),
  "max/0": of0((value, work) => extreme("max", value, work)),
  "sort/0": of0((value, work) => sortBy("sort", value, undefined, work)),
  "unique/0": of0((value, work) => uniqueBy("unique", value, undefined, work)),
  "setpath/2": of2((value, path, to, work) => new Update(work).set(value, path, to)),
  "delpaths/1": of1((value, paths, work) => new Update(work).delete(value, paths)),
  "transpose/0": of0(transpose),
  "bsearch/1": of1(binarySearch),
  "to_entries/0": of0(toEntries),
};

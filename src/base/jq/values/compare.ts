import { compareText } from "../../go/bytes.ts";
import type { JsonObject } from "../../json.ts";
import type { Work } from "../work.ts";
import { compareNumbers } from "./numbers.ts";
import { fieldOf, isList, isNumber, isObject, type List, sortedKeys, type Value } from "./values.ts";

/** jq's order of all values: below zero, zero, above zero. */
export function compare(left: Value, right: Value, work: Work, depth = 0): number {
  if (typeof left === "number" && typeof right === "number") return compareNumbers(left, right);
  if (typeof left === "string" && typeof right === "string") return compareTexts(left, right, work);
  if (isNumber(left) && isNumber(right)) return compareNumbers(left, right);
  if (isList(left) && isList(right)) return compareLists(left, right, work, depth + 1);
  if (isObject(left) && isObject(right)) return compareObjects(left, right, work, depth + 1);
  return rank(left) - rank(right);
}

function rank(value: Value): number {
  if (value === null) return 0;
  if (typeof value === "boolean") return value ? 2 : 1;
  if (isNumber(value)) return 3;
  if (typeof value === "string") return 4;
  return isList(value) ? 5 : 6;
}

function compareTexts(left: string, right: string, work: Work): number {
  if (left === right) return 0;
  work.spend(Math.min(left.length, right.length) / 64);
  return compareText(left, right);
}

function compareLists(left: List, right: List, work: Work, depth: number): number {
  work.nest(depth);
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    work.spend(1 / 8);
    const found = compare(left[at] ?? null, right[at] ?? null, work, depth);
    if (found !== 0) return found;
  }
  return left.length - right.length;
}

function compareObjects(left: JsonObject, right: JsonObject, work: Work, depth: number): number {
  work.nest(depth);
  const keys = sortedKeys(left);
  work.fields(keys.length);
  const byKeys = compareLists(keys, sortedKeys(right), work, depth);
  if (byKeys !== 0) return byKeys;
  for (const key of keys) {
    const found = compare(fieldOf(left, key), fieldOf(right, key), work, depth);
    if (found !== 0) return found;
  }
  return 0;
}

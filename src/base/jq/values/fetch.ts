import type { JsonObject } from "../../json.ts";
import { expected, Fault, shown } from "../fault.ts";
import type { Work } from "../work.ts";
import { compare } from "./compare.ts";
import { toInt, toIntCeil } from "./numbers.ts";
import { characterCount, fieldOf, isList, isNumber, isObject, type List, offsetOf, type Value } from "./values.ts";

export const indexNoNumber = (value: Value): Fault => expected("a number for indexing an array", value);
const textIndexNoNumber = (value: Value): Fault => expected("a number for indexing a string", value);
export const keyNoText = (value: Value): Fault => expected("a string for object key", value);
const noSlice = (value: Value): Fault =>
  new Fault(() => `expected "start" and "end" for slicing but got: ${shown(value)}`);

/** `value[key]`, whatever both are. */
export function fetch(value: Value, key: Value, work: Work): Value {
  if (typeof key === "string") return fetchField(value, key);
  if (isNumber(key)) return fetchItem(value, toInt(key) ?? 0, work);
  if (isList(key)) return fetchIndices(value, key, work);
  if (isObject(key)) return value === null ? null : slice(value, ...sliceBounds(key), work);
  if (isList(value)) throw indexNoNumber(key);
  throw typeof value === "string" ? textIndexNoNumber(key) : keyNoText(key);
}

export function fetchField(value: Value, key: string): Value {
  if (isObject(value)) return fieldOf(value, key);
  if (value === null) return null;
  throw expected("an object", value);
}

function fetchItem(value: Value, index: number, work: Work): Value {
  if (value === null) return null;
  if (isList(value)) return value[clampIndex(index, -1, value.length)] ?? null;
  if (typeof value !== "string") throw expected("an array", value);
  work.text(value.length);
  const length = characterCount(value);
  const at = clampIndex(index, -1, length);
  if (at < 0 || at >= length) return null;
  const from = offsetOf(value, at);
  return value.slice(from, from + ((value.codePointAt(from) ?? 0) > 0xffff ? 2 : 1));
}

/** Negative ones count from the end; what is outside becomes the bound. */
export function clampIndex(index: number, min: number, max: number): number {
  return Math.min(Math.max(index < 0 ? index + max : index, min), max);
}

function fetchIndices(value: Value, key: List, work: Work): Value {
  if (value === null) return null;
  if (!isList(value)) throw expected("an array", value);
  return indicesIn(value, key, work);
}

/** Where `part` begins in `list`. */
export function indicesIn(list: List, part: List, work: Work): number[] {
  const found: number[] = [];
  if (part.length === 0) return found;
  for (let at = 0; at + part.length <= list.length; at++) {
    work.spend(1 / 8);
    if (part.every((item, index) => compare(list[at + index] ?? null, item, work) === 0)) found.push(at);
  }
  return found;
}

/** The bounds in `{start, end}`. */
export function sliceBounds(key: JsonObject): [start: Value, end: Value] {
  if (!Object.hasOwn(key, "start") || !Object.hasOwn(key, "end")) throw noSlice(key);
  return [fieldOf(key, "start"), fieldOf(key, "end")];
}

/** `value[start:end]`; null is no bound. */
export function slice(value: Value, start: Value, end: Value, work: Work): Value {
  if (value === null) return null;
  if (isList(value)) {
    const [from, to] = resolveBounds(start, end, value.length, indexNoNumber);
    if (from === 0 && to === value.length) return value;
    work.items(to - from);
    return value.slice(from, to);
  }
  if (typeof value !== "string") throw expected("an array", value);
  work.text(value.length);
  const [from, to] = resolveBounds(start, end, characterCount(value), textIndexNoNumber);
  return value.slice(offsetOf(value, from), offsetOf(value, to));
}

/** As offsets within `length`, the second not before the first. */
export function resolveBounds(
  start: Value,
  end: Value,
  length: number,
  wrong: (value: Value) => Fault,
): [from: number, to: number] {
  const first = start === null ? 0 : toInt(start);
  if (first === undefined) throw wrong(start);
  const from = clampIndex(first, 0, length);
  const last = end === null ? length : toIntCeil(end);
  if (last === undefined) throw wrong(end);
  return [from, clampIndex(last, from, length)];
}

import { byteLength, joinTexts } from "../../go/bytes.ts";
import { type JsonObject, setOwn } from "../../json.ts";
import { Fault, noOperands, shown } from "../fault.ts";
import type { Work } from "../work.ts";
import { compare } from "./compare.ts";
import { preview } from "./encode.ts";
import { difference, isInteger, type Numeric, product, quotient, remainder, sum } from "./numbers.ts";
import { fieldOf, isEmptyObject, isList, isNumber, isObject, isTruthy, type List, type Value } from "./values.ts";

export type Operator = (left: Value, right: Value, work: Work) => Value;

/** Objects are given as they are where the other side adds nothing: paths may go on through them. */
export function add(left: Value, right: Value, work: Work): Value {
  if (isNumber(left) && isNumber(right)) return sum(left, right);
  if (typeof left === "string" && typeof right === "string") return joined(left, right, work);
  if (isList(left) && isList(right)) return concatenated(left, right, work);
  if (isObject(left) && isObject(right)) return merged(left, right, work);
  if (left === null) return right;
  if (right === null) return left;
  throw noOperands("add", left, right);
}

function joined(left: string, right: string, work: Work): string {
  work.text(left.length + right.length);
  return right.charCodeAt(0) >= 0xdc00 ? joinTexts([left, right]) : left + right;
}

function concatenated(left: List, right: List, work: Work): List {
  if (left.length === 0) return right;
  if (right.length === 0) return left;
  work.items(left.length + right.length);
  return left.concat(right);
}

function merged(left: JsonObject, right: JsonObject, work: Work): JsonObject {
  if (isEmptyObject(left)) return right;
  if (isEmptyObject(right)) return left;
  const keys = Object.keys(right);
  work.fields(Object.keys(left).length + keys.length);
  const result: Record<string, Value> = { ...left };
  for (const key of keys) setOwn(result, key, right[key] ?? null);
  return result;
}

export function subtract(left: Value, right: Value, work: Work): Value {
  if (isNumber(left) && isNumber(right)) return difference(left, right);
  if (!isList(left) || !isList(right)) throw noOperands("subtract", left, right);
  work.items(left.length * right.length);
  return left.filter((item) => !right.some((other) => compare(item, other, work) === 0));
}

export function multiply(left: Value, right: Value, work: Work): Value {
  if (isNumber(left) && isNumber(right)) return product(left, right);
  if (isObject(left) && isObject(right)) return deepMerged(left, right, work, 0);
  if (typeof left === "string" && isNumber(right)) return repeated(left, Number(right), work);
  if (typeof right === "string" && isNumber(left)) return repeated(right, Number(left), work);
  throw noOperands("multiply", left, right);
}

function deepMerged(left: JsonObject, right: JsonObject, work: Work, depth: number): JsonObject {
  work.nest(depth);
  const entries = Object.entries(right);
  work.fields(Object.keys(left).length + entries.length);
  const result: Record<string, Value> = { ...left };
  for (const [key, value] of entries) {
    const before = fieldOf(left, key);
    setOwn(result, key, isObject(before) && isObject(value) ? deepMerged(before, value, work, depth + 1) : value);
  }
  return result;
}

const maxInt32 = 2 ** 31 - 1;

function repeated(text: string, times: number, work: Work): Value {
  if (!(times >= 0)) return null;
  const count = Math.trunc(Math.min(times, maxInt32));
  if (byteLength(text) * count >= maxInt32) {
    throw new Fault(() => `repeat string result too large: ${preview(text)} * ${preview(times)}`);
  }
  work.text(text.length * count);
  return text.repeat(count);
}

export function divide(left: Value, right: Value, work: Work): Value {
  if (isNumber(left) && isNumber(right)) {
    const result = quotient(left, right);
    if (result === undefined) throw byZero("divide", left, right);
    return result;
  }
  if (typeof left !== "string" || typeof right !== "string") throw noOperands("divide", left, right);
  return left === "" ? [] : splitText(left, right, work);
}

/** Beside a float, all numbers are floats. */
function byZero(name: string, left: Numeric, right: Numeric): Fault {
  const [a, b] = isInteger(left) && isInteger(right) ? [left, right] : [Number(left), Number(right)];
  return new Fault(() => `cannot ${name} ${shown(a)} by: ${shown(b)}`);
}

/** Go's `strings.Split`. */
export function splitText(text: string, separator: string, work: Work): List {
  work.search(text.length, separator.length);
  const parts = separator === "" ? [...text] : text.split(separator);
  work.items(parts.length);
  return parts;
}

export function modulo(left: Value, right: Value): Value {
  if (!isNumber(left) || !isNumber(right)) throw noOperands("modulo", left, right);
  const result = remainder(left, right);
  if (result === undefined) throw byZero("modulo", left, right);
  return result;
}

const comparison =
  (holds: (difference: number) => boolean): Operator =>
  (left, right, work) =>
    holds(compare(left, right, work));

/** Both sides always run; `and`, `or` and `//` are not among them. */
export const operators: Readonly<Record<string, Operator>> = {
  "+": add,
  "-": subtract,
  "*": multiply,
  "/": divide,
  "%": modulo,
  "==": comparison((found) => found === 0),
  "!=": comparison((found) => found !== 0),
  "<": comparison((found) => found < 0),
  "<=": comparison((found) => found <= 0),
  ">": comparison((found) => found > 0),
  ">=": comparison((found) => found >= 0),
};

/** What `+=` and its like do with the value there and the one on the right. */
export const updateOperators: Readonly<Record<string, Operator>> = {
  "+=": add,
  "-=": subtract,
  "*=": multiply,
  "/=": divide,
  "%=": modulo,
  "//=": (left, right) => (isTruthy(left) ? left : right),
};

import { limitReached } from "../fault.ts";
import { isNumber, type Value } from "./values.ts";

export type Numeric = number | bigint;

/** The original's integers have no end; these are bits enough for all that is no attack. */
const maxInteger = 2n ** 2_048n;
const maxDigits = 700;

export function isInteger(value: Numeric): boolean {
  return typeof value === "bigint" || Number.isSafeInteger(value);
}

/** A bigint only where a number does not hold it. */
export function settled(value: bigint): Numeric {
  if (value >= maxInteger || value <= -maxInteger) throw limitReached("makes an integer of more than 2048 bits");
  const short = Number(value);
  return Number.isSafeInteger(short) ? short : value;
}

/** With integers where both are, with floats otherwise. */
function compute(
  left: Numeric,
  right: Numeric,
  exact: (left: bigint, right: bigint) => bigint,
  float: (left: number, right: number) => number,
): Numeric {
  if (isInteger(left) && isInteger(right)) return settled(exact(BigInt(left), BigInt(right)));
  return float(Number(left), Number(right));
}

export function sum(left: Numeric, right: Numeric): Numeric {
  if (typeof left === "number" && typeof right === "number") {
    const result = left + right;
    if (Number.isSafeInteger(result)) return result;
  }
  return compute(
    left,
    right,
    (a, b) => a + b,
    (a, b) => a + b,
  );
}

export function difference(left: Numeric, right: Numeric): Numeric {
  if (typeof left === "number" && typeof right === "number") {
    const result = left - right;
    if (Number.isSafeInteger(result)) return result;
  }
  return compute(
    left,
    right,
    (a, b) => a - b,
    (a, b) => a - b,
  );
}

export function product(left: Numeric, right: Numeric): Numeric {
  if (typeof left === "number" && typeof right === "number") {
    const result = left * right;
    if (result !== 0 && Number.isSafeInteger(result)) return result;
  }
  // Integers have no -0.
  if (Object.is(left, -0) || Object.is(right, -0)) return Number(left) * Number(right);
  return compute(
    left,
    right,
    (a, b) => a * b,
    (a, b) => a * b,
  );
}

/** Undefined where it divides by zero. */
export function quotient(left: Numeric, right: Numeric): Numeric | undefined {
  if (Number(right) === 0) return undefined;
  if (!isInteger(left) || !isInteger(right)) return Number(left) / Number(right);
  if (typeof left === "number" && typeof right === "number")
    return left % right === 0 ? left / right + 0 : left / right;
  const [a, b] = [BigInt(left), BigInt(right)];
  return a % b === 0n ? settled(a / b) : Number(left) / Number(right);
}

const maxInt64 = 2n ** 63n - 1n;
const minInt64 = -(2n ** 63n);

/** What a float is as an int: cut, and clamped to 64 bits. */
function floatToInt(value: number): bigint {
  if (value >= -(2 ** 63) && value < 2 ** 63) return BigInt(Math.trunc(value));
  return value > 0 ? maxInt64 : minInt64;
}

/** Undefined where it divides by zero. */
export function remainder(left: Numeric, right: Numeric): Numeric | undefined {
  if (Number.isNaN(left) || Number.isNaN(right)) return Number.NaN;
  const isExact = isInteger(left) && isInteger(right);
  const [a, b] = isExact ? [BigInt(left), BigInt(right)] : [floatToInt(Number(left)), floatToInt(Number(right))];
  return b === 0n ? undefined : settled(a % b);
}

export function negative(value: Numeric): Numeric {
  if (typeof value === "bigint") return settled(-value);
  return value === 0 && !Object.is(value, -0) ? 0 : -value;
}

export function absolute(value: Numeric): Numeric {
  if (typeof value === "bigint") return value < 0n ? -value : value;
  return Math.abs(value);
}

/** NaN is less than everything, itself included. */
export function compareNumbers(left: Numeric, right: Numeric): number {
  if (isInteger(left) === isInteger(right)) return left < right || Number.isNaN(left) ? -1 : left === right ? 0 : 1;
  const [a, b] = [Number(left), Number(right)];
  return a < b || Number.isNaN(a) ? -1 : a === b ? 0 : 1;
}

/** As an index: cut. What does not fit is infinite, undefined what is no number. */
export function toInt(value: Value): number | undefined {
  if (typeof value === "number") return Number.isNaN(value) ? -Infinity : Math.trunc(value);
  return typeof value === "bigint" ? Number(value) : undefined;
}

export function toIntCeil(value: Value): number | undefined {
  return typeof value === "number" ? toInt(Math.ceil(value)) : toInt(value);
}

export function toFloat(value: Value): number | undefined {
  return isNumber(value) ? Number(value) : undefined;
}

/** The number of a text such as `-1.5e3`, which is one. */
export function numberOf(text: string): Numeric {
  const value = Number(text.startsWith("+") ? text.slice(1) : text);
  if (Number.isSafeInteger(value) || !/^[+-]?\d+$/.test(text)) return value;
  return text.length > maxDigits ? value : settled(BigInt(text.startsWith("+") ? text.slice(1) : text));
}

/** What is a number as text, of the program or for `tonumber`. */
export const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

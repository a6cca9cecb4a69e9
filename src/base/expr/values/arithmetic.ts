import { joinTexts } from "../../go/bytes.ts";
import { failed } from "../fault.ts";
import type { Work } from "../work.ts";
import { floatOf, integerOf, wrap } from "./numbers.ts";
import { addDuration, timeBetween } from "./time.ts";
import { Byte, Duration, Time, typeOf, type Value } from "./values.ts";

function unfit(operator: string, left: Value, right: Value): Error {
  return failed(`${operator} does not go with ${typeOf(left)} and ${typeOf(right)}`);
}

interface Rules {
  readonly ints: (left: bigint, right: bigint) => bigint;
  readonly floats: (left: number, right: number) => number;
}

/** undefined when one is no number. Two integers give an integer, which wraps as Go's do. */
function numeric(left: Value, right: Value, { ints, floats }: Rules): Value | undefined {
  if (typeof left === "number" && typeof right === "number") return floats(left, right);
  const [whole, other] = [integerOf(left), integerOf(right)];
  if (whole !== undefined && other !== undefined) return wrap(ints(whole, other));
  const [a, b] = [floatOf(left), floatOf(right)];
  return a === undefined || b === undefined ? undefined : floats(a, b);
}

const sum: Rules = { ints: (left, right) => left + right, floats: (left, right) => left + right };
const difference: Rules = { ints: (left, right) => left - right, floats: (left, right) => left - right };
const product: Rules = { ints: (left, right) => left * right, floats: (left, right) => left * right };

export function add(left: Value, right: Value, work: Work): Value {
  if (typeof left === "string" && typeof right === "string") {
    work.text(left.length + right.length);
    return joinTexts([left, right]);
  }
  if (left instanceof Duration && right instanceof Duration) return new Duration(left.nanoseconds + right.nanoseconds);
  if (left instanceof Time && right instanceof Duration) return addDuration(left, right.nanoseconds);
  if (left instanceof Duration && right instanceof Time) return addDuration(right, left.nanoseconds);
  const result = numeric(left, right, sum);
  if (result === undefined) throw unfit("+", left, right);
  return result;
}

export function subtract(left: Value, right: Value): Value {
  if (left instanceof Time && right instanceof Time) return timeBetween(right, left);
  if (left instanceof Time && right instanceof Duration) return addDuration(left, wrap(-right.nanoseconds));
  if (left instanceof Duration && right instanceof Duration) return new Duration(left.nanoseconds - right.nanoseconds);
  const result = numeric(left, right, difference);
  if (result === undefined) throw unfit("-", left, right);
  return result;
}

/** A duration times a float is a float. */
export function multiply(left: Value, right: Value): Value {
  const isDuration = left instanceof Duration || right instanceof Duration;
  const result = isDuration ? numeric(count(left), count(right), product) : numeric(left, right, product);
  if (result === undefined) throw unfit("*", left, right);
  return isDuration && typeof result === "bigint" ? new Duration(result) : result;
}

function count(value: Value): Value {
  return value instanceof Duration ? value.nanoseconds : value;
}

export function divide(left: Value, right: Value): Value {
  const [a, b] = [floatOf(left), floatOf(right)];
  if (a === undefined || b === undefined) throw unfit("/", left, right);
  return a / b;
}

export function modulo(left: Value, right: Value): Value {
  const [a, b] = [integerOf(left), integerOf(right)];
  if (a === undefined || b === undefined) throw unfit("%", left, right);
  if (b === 0n) throw failed("a division by zero");
  return a % b;
}

export function negate(value: Value): Value {
  if (typeof value === "number") return -value;
  if (typeof value === "bigint") return wrap(-value);
  if (value instanceof Byte) return new Byte((256 - value.value) % 256);
  throw failed(`- does not go with ${typeOf(value)}`);
}

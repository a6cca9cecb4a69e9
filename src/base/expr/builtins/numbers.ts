import { toInt64 } from "../../go/float.ts";
import { parseGoFloat } from "../../go/values.ts";
import { failed } from "../fault.ts";
import type { Builtin } from "../frame.ts";
import { compare } from "../values/equality.ts";
import { floatOf, integerOf, toFloat, wrap } from "../values/numbers.ts";
import { Byte, Duration, isList, itemsOf, NamedInt, typeOf, type Value } from "../values/values.ts";
import type { Work } from "../work.ts";

/** `int(value)`. @throws EngineError EXPRESSION_FAILED */
export function intOf(value: Value): bigint {
  if (typeof value === "number") return toInt64(value);
  if (typeof value === "string") {
    const integer = /^[+-]?[0-9]+$/.test(value) && value.length < 400 ? BigInt(value.replace("+", "")) : undefined;
    if (integer === undefined || wrap(integer) !== integer) throw failed(`${JSON.stringify(value)} is no integer`);
    return integer;
  }
  const integer = integerOf(value);
  if (integer === undefined) throw failed(`a value of type ${typeOf(value)} is no integer`);
  return integer;
}

/** `float(value)`. @throws EngineError EXPRESSION_FAILED */
export function floatFrom(value: Value): number {
  const float = typeof value === "string" ? parseGoFloat(value) : floatOf(value);
  if (float === undefined) {
    throw failed(
      `${typeof value === "string" ? JSON.stringify(value) : `a value of type ${typeOf(value)}`} is no number`,
    );
  }
  return float;
}

function absolute(value: Value): Value {
  if (typeof value === "number") return value < 0 ? -value : value;
  if (typeof value === "bigint") return value < 0n ? wrap(-value) : value;
  if (value instanceof Byte) return value;
  throw failed(`abs does not go with ${typeOf(value)}`);
}

const rounding =
  (round: (value: number) => number): Builtin =>
  ([value = null]) =>
    round(toFloat(value));

/** Halves go away from 0. */
function roundHalf(value: number): number {
  const size = Math.abs(value);
  const floor = Math.floor(size);
  const rounded = size - floor >= 0.5 ? floor + 1 : floor;
  return value < 0 || Object.is(value, -0) ? -rounded : rounded;
}

/** Nil gives way to all else where it comes first. */
const extreme =
  (operator: "<" | ">"): Builtin =>
  (args) =>
    args.reduce((best, arg) => {
      if (best === null) return arg;
      const difference = compare(best, arg, operator);
      return (operator === "<" ? difference < 0 : difference > 0) ? arg : best;
    }, null);

function listOf(name: string, value: Value | undefined, work: Work): readonly Value[] {
  if (value === undefined || !isList(value))
    throw failed(`${name} takes a list, not a value of type ${typeOf(value ?? null)}`);
  work.spend(value.length);
  return itemsOf(value);
}

/** Of signed integers of any name; bytes are unsigned, and so are none. */
function signedOf(value: Value): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (value instanceof Duration) return value.nanoseconds;
  return value instanceof NamedInt ? BigInt(value.value) : undefined;
}

function addendOf(name: string, value: Value): number {
  const signed = signedOf(value);
  if (signed !== undefined) return Number(signed);
  if (typeof value !== "number") throw failed(`${name} takes numbers, not a value of type ${typeOf(value)}`);
  return value;
}

/** Integers up to the first float, then floats. */
const sum: Builtin = ([list], { work }) => {
  let whole = 0n;
  let total: number | undefined;
  for (const item of listOf("sum", list, work)) {
    const signed = total === undefined ? signedOf(item) : undefined;
    if (signed !== undefined) whole = wrap(whole + signed);
    else total = (total ?? Number(whole)) + addendOf("sum", item);
  }
  return total ?? whole;
};

const mean: Builtin = ([list], { work }) => {
  const items = listOf("mean", list, work);
  if (items.length === 0) return 0;
  return items.reduce<number>((total, item) => total + addendOf("mean", item), 0) / items.length;
};

const median: Builtin = ([list], { work }) => {
  const items = listOf("median", list, work).map((item) => addendOf("median", item));
  if (items.length === 0) return 0;
  // NaN comes first.
  items.sort((left, right) => (Number.isNaN(left) ? -1 : Number.isNaN(right) ? 1 : left === right ? 0 : left - right));
  const half = Math.floor(items.length / 2);
  const upper = items[half] ?? 0;
  return items.length % 2 === 1 ? upper : ((items[half - 1] ?? 0) + upper) / 2;
};

export const numberBuiltins: readonly (readonly [string, Builtin])[] = [
  ["int", ([value = null]) => intOf(value)],
  ["float", ([value = null]) => floatFrom(value)],
  ["abs", ([value = null]) => absolute(value)],
  ["ceil", rounding(Math.ceil)],
  ["floor", rounding(Math.floor)],
  ["round", rounding(roundHalf)],
  ["max", extreme("<")],
  ["min", extreme(">")],
  ["sum", sum],
  ["mean", mean],
  ["median", median],
];

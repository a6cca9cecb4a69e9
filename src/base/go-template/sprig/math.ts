import { goPow } from "../../go/float.ts";
import { parseGoInt } from "../constants.ts";
import { printed } from "../format/print.ts";
import { any, count, type FunctionTable, float, fn, text, variadic } from "../function.ts";
import { type GoInt, int, int64, type Value } from "../values.ts";
import { Failure } from "../work.ts";
import { toFloat, toInt } from "./cast.ts";
import { add, type Decimal, decimalOf, divide, multiply, numberOf, subtract } from "./decimal.ts";

/** Integers, each made of whatever it gets. */
function ofTwo(combine: (a: bigint, b: bigint) => bigint) {
  return fn([any, any], (a, b) => int64(combine(toInt(a), toInt(b))));
}

function notZero(divisor: bigint): bigint {
  if (divisor === 0n) throw new Failure("integer divide by zero");
  return divisor;
}

/** The one that comes before all others; Math.min takes no bigints. */
function outermost(first: Value, others: readonly Value[], isBefore: (a: bigint, b: bigint) => boolean): GoInt {
  let best = toInt(first);
  for (const other of others.map(toInt)) if (isBefore(other, best)) best = other;
  return int64(best);
}

const largest = variadic([any], any, (first, others) => outermost(first, others, (a, b) => a > b));

function decimals(combine: (a: Decimal, b: Decimal) => Decimal, first: Value, others: readonly Value[]): number {
  const start = decimalOf(toFloat(first));
  return numberOf(others.reduce((sum: Decimal, other) => combine(sum, decimalOf(toFloat(other))), start));
}

function ofDecimals(combine: (a: Decimal, b: Decimal) => Decimal) {
  return variadic([any], any, (first, others) => decimals(combine, first, others));
}

/** Rounds up from `on` (of one unit) on; negative numbers go down, as in the original. */
function round(value: Value, places: number, [on = 0.5]: readonly number[]): number {
  const power = goPow(10, places);
  const digits = power * toFloat(value);
  const rest = digits - Math.trunc(digits);
  return (rest >= on ? Math.ceil(digits) : Math.floor(digits)) / power;
}

/** Sums and products of integers wrap around, as those of int64. */
export const mathFunctions: FunctionTable = {
  add: variadic([], any, (values) => int64(values.reduce((sum: bigint, value) => sum + toInt(value), 0n))),
  add1: fn([any], (value) => int64(toInt(value) + 1n)),
  sub: ofTwo((a, b) => a - b),
  mul: variadic([any], any, (first, others) =>
    int64(others.reduce((product: bigint, value) => BigInt.asIntN(64, product * toInt(value)), toInt(first))),
  ),
  div: ofTwo((a, b) => a / notZero(b)),
  mod: ofTwo((a, b) => a % notZero(b)),
  max: largest,
  biggest: largest,
  min: variadic([any], any, (first, others) => outermost(first, others, (a, b) => a < b)),
  maxf: variadic([any], any, (first, others) => Math.max(toFloat(first), ...others.map(toFloat))),
  minf: variadic([any], any, (first, others) => Math.min(toFloat(first), ...others.map(toFloat))),
  addf: variadic([], any, (values) => decimals(add, 0, values)),
  add1f: fn([any], (value) => decimals(add, value, [1])),
  subf: ofDecimals(subtract),
  mulf: ofDecimals(multiply),
  divf: ofDecimals(divide),
  ceil: fn([any], (value) => Math.ceil(toFloat(value))),
  floor: fn([any], (value) => Math.floor(toFloat(value))),
  round: variadic([any, count], float, round),
  int: fn([any], (value) => int(toInt(value))),
  int64: fn([any], (value) => int64(toInt(value))),
  float64: fn([any], toFloat),
  atoi: fn([text], (value) => int(parseGoInt(value, 10)?.value ?? 0n)),
  toDecimal: fn([any], (value, work) => {
    const parsed = parseGoInt(printed(value, work), 8);
    return int64(parsed === undefined || parsed.outOfRange ? 0n : parsed.value);
  }),
};

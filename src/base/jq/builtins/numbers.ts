import { goPow, shifted, split } from "../../go/float.ts";
import { notFor } from "../fault.ts";
import { absolute, toFloat } from "../values/numbers.ts";
import { isNumber, type Value } from "../values/values.ts";
import { type FunctionTable, of0, type ValueFunction } from "./function.ts";
import { besselJ, besselY, erf, erfc, gamma, logGamma } from "./special-functions.ts";

function floatOf(name: string, value: Value): number {
  const number = toFloat(value);
  if (number === undefined) throw notFor(name, value);
  return number;
}

function math(compute: (x: number) => number, name: string): ValueFunction {
  return of0((value) => compute(floatOf(name, value)));
}

/** Of its arguments; the input does not count. */
function mathOf(compute: (...args: readonly number[]) => number, name: string): ValueFunction {
  return { call: (_input, args) => compute(...args.map((arg) => floatOf(name, arg))), inOrder: false };
}

const isPlain = (x: number): boolean => x !== 0 && Number.isFinite(x);

function ldexp(x: number, by: number): number {
  return isPlain(x) ? shifted(x, Math.min(Math.max(Math.trunc(by) || 0, -5_000), 5_000)) : x;
}

/** As Go computes it: exact for powers of two only. */
function log2(x: number): number {
  if (!isPlain(x) || x < 0) return Math.log(x);
  const { mantissa, shift } = split(x);
  return mantissa === 0.5 ? shift - 1 : Math.log(mantissa) * (1 / Math.LN2) + shift;
}

function logb(x: number): number {
  if (x === 0) return -Infinity;
  return Number.isFinite(x) ? split(x).shift - 1 : Math.abs(x);
}

function round(x: number): number {
  const whole = Math.trunc(x);
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole;
}

function roundToEven(x: number): number {
  const whole = Math.trunc(x);
  const rest = Math.abs(x - whole);
  return rest > 0.5 || (rest === 0.5 && whole % 2 !== 0) ? whole + Math.sign(x) : whole;
}

const isNegative = (x: number): boolean => x < 0 || Object.is(x, -0);

function copySign(x: number, sign: number): number {
  return isNegative(x) === isNegative(sign) ? x : -x;
}

/** IEEE 754: what is left after the nearest multiple; of two that are as near the even one. */
function remainderOf(x: number, y: number): number {
  if (!Number.isFinite(x) || y === 0 || Number.isNaN(y)) return Number.NaN;
  if (!Number.isFinite(y)) return x;
  const size = Math.abs(y);
  let rest = Math.abs(x) % (2 * size);
  if (size === Infinity || !Number.isFinite(2 * size)) rest = Math.abs(x) % size;
  // Half of the smallest numbers is none.
  const isTiny = size < 2 ** -1_021;
  if (isTiny ? rest + rest > size : rest > size / 2) {
    rest -= size;
    if (isTiny ? rest + rest >= size : rest >= size / 2) rest -= size;
  }
  return isNegative(x) ? -rest : rest;
}

function nextAfter(x: number, to: number): number {
  if (Number.isNaN(x) || Number.isNaN(to)) return Number.NaN;
  if (x === to) return x;
  if (x === 0) return copySign(Number.MIN_VALUE, to);
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigInt64(0);
  view.setBigInt64(0, to > x === x > 0 ? bits + 1n : bits - 1n);
  return view.getFloat64(0);
}

/** x × y + z with one rounding, by integers of any size. */
function fusedMultiplyAdd(x: number, y: number, z: number): number {
  if (!isPlain(x) || !isPlain(y) || z === 0) return x * y + z;
  if (!Number.isFinite(z)) return z;
  const [a, b, c] = [wholeOf(x), wholeOf(y), wholeOf(z)];
  const shift = a.shift + b.shift;
  const low = Math.min(shift, c.shift);
  if (Math.abs(shift - c.shift) > 4_000) return x * y + z;
  const total = ((a.whole * b.whole) << BigInt(shift - low)) + (c.whole << BigInt(c.shift - low));
  return total === 0n ? 0 : scaledDown(total, low);
}

function wholeOf(x: number): { readonly whole: bigint; readonly shift: number } {
  const { mantissa, shift } = split(x);
  return { whole: BigInt(mantissa * 2 ** 53), shift: shift - 53 };
}

/** Rounded to 53 bits before it is scaled, as `Number` of a large integer is infinite. */
function scaledDown(total: bigint, shift: number): number {
  const size = (total < 0n ? -total : total).toString(2).length;
  const cut = Math.max(size - 64, 0);
  const lost = cut > 0 && (total & ((1n << BigInt(cut)) - 1n)) !== 0n ? 1n : 0n;
  return ldexp(Number((total >> BigInt(cut)) | lost), shift + cut);
}

const unary: Readonly<Record<string, (x: number) => number>> = {
  ...{ sin: Math.sin, cos: Math.cos, tan: Math.tan, asin: Math.asin, acos: Math.acos, atan: Math.atan },
  ...{ sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh, asinh: Math.asinh, acosh: Math.acosh, atanh: Math.atanh },
  ...{ floor: Math.floor, ceil: Math.ceil, trunc: Math.trunc, fabs: Math.abs, sqrt: Math.sqrt, cbrt: Math.cbrt },
  ...{
    round,
    nearbyint: roundToEven,
    rint: roundToEven,
    logb,
    log2,
    gamma,
    tgamma: gamma,
    lgamma: logGamma,
    erf,
    erfc,
  },
  ...{ exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p },
  exp2: (x) => 2 ** x,
  exp10: (x) => goPow(10, x),
  log10: (x) => log2(x) * 0.3010299956639812,
  significand: (x) => (isPlain(x) ? split(x).mantissa * 2 : x * 2),
  j0: (x) => besselJ(0, x),
  j1: (x) => besselJ(1, x),
  y0: (x) => besselY(0, x),
  y1: (x) => besselY(1, x),
};

const binary: Readonly<Record<string, (x: number, y: number) => number>> = {
  ...{ atan2: Math.atan2, copysign: copySign, nextafter: nextAfter, nexttoward: nextAfter, remainder: remainderOf },
  ...{ ldexp, scalb: ldexp, scalbln: ldexp, hypot: Math.hypot, pow: goPow },
  drem: (x, y) => {
    const rest = remainderOf(x, y);
    return rest === 0 ? copySign(rest, x) : rest;
  },
  fdim: (x, y) => Math.max(x - y, 0),
  fmax: (x, y) => (Number.isNaN(x) ? y : Number.isNaN(y) ? x : Math.max(x, y)),
  fmin: (x, y) => (Number.isNaN(x) ? y : Number.isNaN(y) ? x : Math.min(x, y)),
  fmod: (x, y) => x % y,
  jn: (order, x) => besselJ(Math.trunc(order), x),
  yn: (order, x) => besselY(Math.trunc(order), x),
};

const smallestNormal = 2 ** -1_022;

export const numbers: FunctionTable = {
  ...Object.fromEntries(Object.entries(unary).map(([name, compute]) => [`${name}/0`, math(compute, name)])),
  ...Object.fromEntries(
    Object.entries(binary).map(([name, compute]) => [
      `${name}/2`,
      mathOf((x = Number.NaN, y = Number.NaN) => compute(x, y), name),
    ]),
  ),
  "fma/3": mathOf((x = Number.NaN, y = Number.NaN, z = Number.NaN) => fusedMultiplyAdd(x, y, z), "fma"),
  "abs/0": of0((value) => {
    if (!isNumber(value)) throw notFor("abs", value);
    return absolute(value);
  }),
  "frexp/0": of0((value) => {
    const x = floatOf("frexp", value);
    if (!isPlain(x)) return [x, 0];
    const { mantissa, shift } = split(x);
    return [mantissa, shift];
  }),
  "modf/0": of0((value) => {
    const x = floatOf("modf", value);
    if (!Number.isFinite(x)) return [Number.isNaN(x) ? x : copySign(0, x), x];
    const whole = Math.trunc(x);
    return [copySign(x - whole, x), whole];
  }),
  "infinite/0": of0(() => Infinity),
  "nan/0": of0(() => Number.NaN),
  "isinfinite/0": of0((value) => isNumber(value) && Math.abs(Number(value)) === Infinity),
  "isfinite/0": of0((value) => isNumber(value) && Math.abs(Number(value)) !== Infinity),
  "isnan/0": of0((value) => value !== null && Number.isNaN(floatOf("isnan", value))),
  "isnormal/0": of0((value) => {
    const size = Math.abs(toFloat(value) ?? 0);
    return size >= smallestNormal && size < Infinity;
  }),
};

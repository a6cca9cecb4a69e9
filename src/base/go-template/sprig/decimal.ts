import { Failure } from "../work.ts";

/** coefficient × 10^exponent: what `addf` and its like compute with, so that 0.1 and 0.2 make 0.3. */
export interface Decimal {
  readonly coefficient: bigint;
  readonly exponent: number;
}

/** The digits that the number prints as. @throws Failure */
export function decimalOf(value: number): Decimal {
  if (!Number.isFinite(value)) throw new Failure(`Cannot create a Decimal from ${value}`);
  const [mantissa = "0", exponent = "0"] = value.toExponential().split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  return { coefficient: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}

export function numberOf({ coefficient, exponent }: Decimal): number {
  return Number(`${coefficient}e${exponent}`);
}

function aligned(a: Decimal, b: Decimal): readonly [bigint, bigint, number] {
  const exponent = Math.min(a.exponent, b.exponent);
  return [scaled(a, a.exponent - exponent), scaled(b, b.exponent - exponent), exponent];
}

function scaled({ coefficient }: Decimal, places: number): bigint {
  return coefficient * 10n ** BigInt(places);
}

export function add(a: Decimal, b: Decimal): Decimal {
  const [x, y, exponent] = aligned(a, b);
  return { coefficient: x + y, exponent };
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, { coefficient: -b.coefficient, exponent: b.exponent });
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  return { coefficient: a.coefficient * b.coefficient, exponent: a.exponent + b.exponent };
}

const places = 16;

/** To 16 places, half away from zero. @throws Failure */
export function divide(a: Decimal, b: Decimal): Decimal {
  if (b.coefficient === 0n) throw new Failure("decimal division by 0");
  const shift = a.exponent - b.exponent + places;
  const dividend = shift > 0 ? scaled(a, shift) : a.coefficient;
  const divisor = shift < 0 ? scaled(b, -shift) : b.coefficient;
  const quotient = dividend / divisor;
  const isUp = 2n * abs(dividend % divisor) >= abs(divisor);
  const away = dividend < 0n === divisor < 0n ? 1n : -1n;
  return { coefficient: isUp ? quotient + away : quotient, exponent: -places };
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

import type { JsonValue } from "../../base/json.ts";
import { memoize } from "../../base/memo.ts";

/** The fields whose values are quantities, by a word of their path. */
const quantityFields =
  /(?:^|[.\]])(?:limits|requests|hard|capacity|overhead|max|min|default|defaultRequest|maxLimitRequestRatio)(?:\.|\[")|(?:sizeLimit|averageValue|divisor)$/;

const powers: Readonly<Record<string, readonly [base: bigint, power: bigint]>> = {
  n: [10n, 0n],
  u: [10n, 3n],
  m: [10n, 6n],
  "": [10n, 9n],
  k: [10n, 12n],
  M: [10n, 15n],
  G: [10n, 18n],
  T: [10n, 21n],
  P: [10n, 24n],
  E: [10n, 27n],
  Ki: [2n, 10n],
  Mi: [2n, 20n],
  Gi: [2n, 30n],
  Ti: [2n, 40n],
  Pi: [2n, 50n],
  Ei: [2n, 60n],
};

const nano = 1_000_000_000n;
/** Longer numbers are no quantities of anybody. */
const maxDigits = 40;

/** Whether amounts stand at a path of an object. */
export function isQuantityField(path: string): boolean {
  return quantityFields.test(path);
}

const binaryPowers = ["Ei", "Pi", "Ti", "Gi", "Mi", "Ki"];
const decimalPowers = ["E", "P", "T", "G", "M", "k", "", "m", "u", "n"];

/** Most are written as they are given back. */
const plainAmount = /^[1-9]\d{0,2}(?:m|[KMGT]i)?$/;

/** As Kubernetes writes it: with the largest suffix of its family that leaves a whole number. Anything else stays. */
export function canonicalQuantity(value: JsonValue): JsonValue {
  if (typeof value !== "string") return computeCanonical(value);
  return plainAmount.test(value) ? value : canonicalText(value);
}

const canonicalText: (text: string) => JsonValue = memoize((text) => computeCanonical(text), 1_000);

function computeCanonical(value: JsonValue): JsonValue {
  const amount = quantityOf(value);
  if (amount === undefined) return value;
  if (amount === 0n) return "0";
  const isBinary = typeof value === "string" && value.endsWith("i");
  for (const suffix of [...(isBinary ? binaryPowers : []), ...decimalPowers]) {
    const [base = 10n, power = 0n] = powers[suffix] ?? [];
    const unit = base ** power * (base === 2n ? nano : 1n);
    if (amount % unit === 0n) return `${amount / unit}${suffix}`;
  }
  return value;
}

/** Whether both are the same amount (`1` and `1000m`), at a place where amounts stand. */
export function isSameQuantity(path: string, a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (!quantityFields.test(path)) return false;
  const left = quantityOf(a);
  return left !== undefined && left === quantityOf(b);
}

/** In billionths; undefined for what is no quantity. */
export function quantityOf(value: JsonValue | undefined): bigint | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const match = /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(String(value));
  const [, sign = "", whole = "", fraction = "", exponent, suffix = ""] = match ?? [];
  const digits = whole + fraction;
  if (!match || digits === "" || digits.length > maxDigits) return undefined;
  const shift = BigInt(fraction.length) - BigInt(exponent ?? 0);
  const [base, power] = powers[suffix] ?? [10n, 9n];
  const scaled = BigInt(digits) * base ** power * (base === 2n ? nano : 1n);
  const amount = shift >= 0n ? divideUp(scaled, 10n ** shift) : scaled * 10n ** -shift;
  return sign === "-" ? -amount : amount;
}

function divideUp(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

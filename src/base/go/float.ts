/** How Go prints a float64 with `%v`: `1`, `0.5`, `1e+06`, `+Inf`. */
export function printFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return String(value);
  const digits = String(Math.abs(exponent)).padStart(2, "0");
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${digits}`;
}

const two63 = 2 ** 63;
const minInt64 = -(2n ** 63n);

/** Go's `int64(value)` as amd64 does it: what does not fit becomes the least of all. */
export function toInt64(value: number): bigint {
  return value >= -two63 && value < two63 ? BigInt(Math.trunc(value)) : minInt64;
}

/** Go's `uint64(value)` as amd64 does it. */
export function toUint64(value: number): bigint {
  return value >= two63 && value < 2 ** 64 ? BigInt(value) : BigInt.asUintN(64, toInt64(value));
}

/**
 * Go's `math.Pow`, bit by bit for whole exponents: JavaScript's `**` gives 0.000009999999999999999 for 10 ** -5.
 * With a fraction in the exponent the last bit may differ.
 */
export function goPow(base: number, exponent: number): number {
  if (exponent === 0 || base === 1) return 1;
  if (base === -1 && Math.abs(exponent) === Infinity) return 1;
  const size = Math.abs(exponent);
  // Infinities, zeros, NaN and what is no number to JavaScript either.
  const isPlain = base !== 0 && Number.isFinite(base) && size < two63;
  if (!isPlain || (base < 0 && !Number.isInteger(exponent))) return base ** exponent;
  if (size === 0.5) return exponent > 0 ? Math.sqrt(base) : 1 / Math.sqrt(base);
  let whole = Math.floor(size);
  let fraction = size - whole;
  if (fraction > 0.5) {
    fraction -= 1;
    whole += 1;
  }
  const start = fraction === 0 ? 1 : Math.exp(fraction * Math.log(base));
  const { mantissa, shift } = powerOfMantissa(split(base), whole, start);
  return exponent < 0 ? shifted(1 / mantissa, -shift) : shifted(mantissa, shift);
}

/** A number as mantissa × 2^shift. */
export interface Scaled {
  /** Its size is from 0.5 to 1 for what `split` gives. */
  readonly mantissa: number;
  readonly shift: number;
}

/** Squares and multiplies, the powers of two apart, so that nothing overflows on the way. */
function powerOfMantissa({ mantissa, shift }: Scaled, whole: number, start: number): Scaled {
  let result = start;
  let shiftOfResult = 0;
  let square = mantissa;
  let shiftOfSquare = shift;
  for (let left = BigInt(whole); left > 0n; left >>= 1n) {
    if (Math.abs(shiftOfSquare) > 4_096) {
      shiftOfResult += shiftOfSquare;
      break;
    }
    if (left & 1n) {
      result *= square;
      shiftOfResult += shiftOfSquare;
    }
    square *= square;
    shiftOfSquare *= 2;
    if (square < 0.5) {
      square *= 2;
      shiftOfSquare -= 1;
    }
  }
  return { mantissa: result, shift: shiftOfResult };
}

/** Go's `math.Frexp`, of a finite number other than zero. */
export function split(value: number): Scaled {
  const view = new DataView(new ArrayBuffer(8));
  const isTiny = Math.abs(value) < 2 ** -1022;
  view.setFloat64(0, isTiny ? value * 2 ** 54 : value);
  const high = view.getUint16(0);
  const shift = ((high >> 4) & 0x7ff) - 1_022;
  view.setUint16(0, (high & 0x800f) | (1_022 << 4));
  return { mantissa: view.getFloat64(0), shift: isTiny ? shift - 54 : shift };
}

/** Go's `math.Ldexp`, of such a number: multiplied by a power of two, rounded only where the result is very small. */
export function shifted(value: number, shift: number): number {
  const scaled = split(value);
  const total = scaled.shift + shift;
  if (total > 1_024) return value < 0 ? -Infinity : Infinity;
  if (total < -1_080) return value < 0 ? -0 : 0;
  if (total > 1_000) return scaled.mantissa * 2 * 2 ** (total - 1);
  return total < -1_021 ? scaled.mantissa * 2 ** (total + 1_000) * 2 ** -1_000 : scaled.mantissa * 2 ** total;
}

/** How Go prints a finite float64 with `FormatFloat(value, 'f', -1, 64)`: digits without an exponent, whatever its size. */
export function printFixed(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", power = "0"] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const point = Number(power) + 1;
  const sign = value < 0 ? "-" : "";
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits.padEnd(point, "0")}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

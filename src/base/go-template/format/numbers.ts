/** How Go's strconv writes a float64. */
export type FloatFormat = "e" | "E" | "f" | "g" | "G" | "x" | "X" | "b";

/** With `precision` -1: the fewest digits that give the same number again. */
export function formatFloat(value: number, format: FloatFormat, precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  if (size === Infinity) return sign === "-" ? "-Inf" : "+Inf";
  return sign + formatSize(size, format, precision);
}

function formatSize(size: number, format: FloatFormat, precision: number): string {
  switch (format) {
    case "b": {
      const { mantissa, exponent } = partsOf(size);
      return `${mantissa}p${exponent < 0 ? "" : "+"}${exponent}`;
    }
    case "x":
      return hexadecimal(size, precision);
    case "X":
      return hexadecimal(size, precision).toUpperCase();
    case "f":
      return precision < 0 ? plain(shortest(size)) : fixed(size, precision);
    case "e":
    case "E":
      return withExponent(precision < 0 ? shortest(size) : significant(size, precision + 1), format);
    default:
      return general(size, format === "g" ? "e" : "E", precision);
  }
}

interface Decimal {
  /** None of them a zero at the start, unless the number is 0. */
  readonly digits: string;
  /** How many digits stand before the decimal point: less than 0 for 0.00…, more than there are for …00. */
  readonly point: number;
}

/** As few digits as tell the number from its neighbours. */
function shortest(size: number): Decimal {
  const [mantissa = "", exponent = "0"] = size.toExponential().split("e");
  return { digits: mantissa.replace(".", ""), point: Number(exponent) + 1 };
}

/** Beyond six digits, or the digits asked for, an exponent is shorter. */
function general(size: number, letter: string, precision: number): string {
  const wanted = precision === 0 ? 1 : precision;
  const decimal = wanted < 0 ? shortest(size) : withoutZeros(significant(size, wanted));
  const { digits, point } = decimal;
  const isWhole = wanted > digits.length && digits.length >= point;
  const limit = wanted < 0 ? 6 : isWhole ? digits.length : wanted;
  return point - 1 < -4 || point - 1 >= limit ? withExponent(decimal, letter) : plain(decimal);
}

function withoutZeros({ digits, point }: Decimal): Decimal {
  return { digits: digits.replace(/(?!^)0+$/, ""), point };
}

/** The number is mantissa × 2^exponent, exactly. */
function partsOf(size: number): { readonly mantissa: bigint; readonly exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, size);
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const fraction = bits & ((1n << 52n) - 1n);
  return biased === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | (1n << 52n), exponent: biased - 1075 };
}

/** All digits of the number: JavaScript's own functions round halves up, Go's to even. */
function exact(size: number): Decimal {
  if (size === 0) return { digits: "0", point: 1 };
  const { mantissa, exponent } = partsOf(size);
  const scaled = String(exponent < 0 ? mantissa * 5n ** BigInt(-exponent) : mantissa << BigInt(exponent));
  return { digits: scaled.replace(/0+$/, ""), point: scaled.length + Math.min(exponent, 0) };
}

/** Rounded to so many digits. */
function significant(size: number, wanted: number): Decimal {
  const { digits, point } = exact(size);
  if (digits.length <= wanted) return { digits: digits.padEnd(wanted, "0"), point };
  const rounded = roundDigits(digits, wanted);
  return { digits: rounded.slice(0, wanted), point: point + rounded.length - wanted };
}

/** The first digits, rounded; one more than wanted when 99 becomes 100. */
function roundDigits(digits: string, wanted: number): string {
  const head = BigInt(digits.slice(0, wanted));
  const rest = digits.slice(wanted);
  const up = rest > "5" || (rest === "5" && head % 2n === 1n);
  return String(up ? head + 1n : head);
}

/** With so many digits after the point. */
function fixed(size: number, places: number): string {
  const { digits, point } = exact(size);
  const wanted = point + places;
  if (digits.length <= wanted) return plain({ digits, point }, places);
  if (wanted > 0) {
    const rounded = roundDigits(digits, wanted);
    return plain({ digits: rounded, point: point + rounded.length - wanted }, places);
  }
  const up = wanted === 0 && digits > "5";
  return plain(up ? { digits: "1", point: 1 - places } : { digits: "0", point: 1 }, places);
}

function withExponent({ digits, point }: Decimal, letter: string): string {
  const exponent = /^0+$/.test(digits) ? 0 : point - 1;
  const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
  return `${mantissa}${letter}${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function plain({ digits, point }: Decimal, places?: number): string {
  const whole = point <= 0 ? "0" : digits.slice(0, point).padEnd(point, "0");
  const after = point < 0 ? "0".repeat(-point) + digits : digits.slice(point);
  const fraction = places === undefined ? after : after.padEnd(places, "0").slice(0, places);
  return fraction === "" || (places === undefined && /^0*$/.test(fraction)) ? whole : `${whole}.${fraction}`;
}

/** `0x1.8p+00`. */
function hexadecimal(size: number, precision: number): string {
  let { mantissa, exponent } = partsOf(size);
  if (mantissa === 0n) return `0x0${precision > 0 ? `.${"0".repeat(precision)}` : ""}p+00`;
  while (mantissa < 1n << 52n) {
    mantissa <<= 1n;
    exponent--;
  }
  if (precision >= 0 && precision < 13) mantissa = roundBits(mantissa, BigInt(52 - 4 * precision));
  if (mantissa >= 1n << 53n) {
    mantissa >>= 1n;
    exponent++;
  }
  const power = exponent + 52;
  const fraction = (mantissa & ((1n << 52n) - 1n)).toString(16).padStart(13, "0");
  const shown = precision < 0 ? fraction.replace(/0+$/, "") : fraction.padEnd(precision, "0").slice(0, precision);
  const sign = power < 0 ? "-" : "+";
  return `0x1${shown === "" ? "" : `.${shown}`}p${sign}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** Clears the last bits, rounding to even. */
function roundBits(value: bigint, bits: bigint): bigint {
  const unit = 1n << bits;
  const rest = value % unit;
  const floor = value - rest;
  const isUp = rest * 2n > unit || (rest * 2n === unit && (floor >> bits) % 2n === 1n);
  return isUp ? floor + unit : floor;
}

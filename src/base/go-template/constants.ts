import { textOf } from "../go/bytes.ts";
import type { NumberLiteral } from "./nodes.ts";
import { int } from "./values.ts";

const maxInt = 2n ** 63n - 1n;
const minInt = -(2n ** 63n);
const maxUint = 2n ** 64n - 1n;

/** Underscores stand between digits, or between a prefix and a digit. */
function hasGoodUnderscores(text: string): boolean {
  if (!text.includes("_")) return true;
  const digits = text.replace(/^[+-]/, "").replace(/^0[xXoObB]/, "0");
  return !/^_|_$|__|_[^0-9a-fA-F]|[^0-9a-fA-F]_/.test(digits);
}

/** Go's `strconv.ParseInt(text, 0, 64)` without its range: undefined when `text` is no integer. */
function bigIntOf(text: string): bigint | undefined {
  const match = /^([+-]?)(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|0[0-7_]*|[1-9][0-9_]*)$/.exec(text);
  if (!match || !hasGoodUnderscores(text)) return undefined;
  const digits = (match[2] ?? "").replaceAll("_", "");
  const size = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return match[1] === "-" ? -size : size;
}

export type ParsedInt = { readonly value: bigint; readonly outOfRange: boolean };

/** Go's `strconv.ParseInt(text, base, 64)`: out of range it is the nearest int; undefined when `text` is no integer. */
export function parseGoInt(text: string, base: 0 | 8 | 10): ParsedInt | undefined {
  const value = base === 0 ? bigIntOf(text) : plainIntOf(text, base);
  if (value === undefined) return undefined;
  if (value > maxInt) return { value: maxInt, outOfRange: true };
  return value < minInt ? { value: minInt, outOfRange: true } : { value, outOfRange: false };
}

function plainIntOf(text: string, base: 8 | 10): bigint | undefined {
  const match = (base === 8 ? /^([+-]?)([0-7]+)$/ : /^([+-]?)([0-9]+)$/).exec(text);
  if (!match || text.length > 400) return undefined;
  const size = BigInt(base === 8 ? `0o${match[2]}` : (match[2] ?? ""));
  return match[1] === "-" ? -size : size;
}

/** Go's literal syntax of floats, hexadecimal ones included. */
function floatOf(text: string): number | undefined {
  if (!hasGoodUnderscores(text)) return undefined;
  const plain = text.replaceAll("_", "");
  const hex = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?[0-9]+)$/.exec(plain);
  if (hex) return hexFloat(hex);
  if (!/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(plain)) return undefined;
  const value = Number(plain);
  return Number.isFinite(value) ? value : undefined;
}

function hexFloat([, sign, whole = "", fraction = "", exponent]: RegExpExecArray): number | undefined {
  if (whole + fraction === "") return undefined;
  const value = Number.parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
  if (!Number.isFinite(value)) return undefined;
  return sign === "-" ? -value : value;
}

/**
 * What a number in a template is: an int where it fits, even `1e3` where one is wanted; by itself the way it is written
 * decides. A text when it is no number.
 */
export function parseNumber(text: string): NumberLiteral | string {
  const whole = bigIntOf(text);
  if (whole !== undefined && whole <= maxUint && whole >= minInt) {
    const float = Number(whole);
    return whole > maxInt ? { kind: "number", float } : { kind: "number", int: whole, float, ideal: int(whole) };
  }
  if (whole !== undefined) return "this is larger than any integer";
  const float = /[.eEpP]/.test(text) ? floatOf(text) : undefined;
  if (float === undefined) return "this is no number";
  const fits = Number.isInteger(float) && float >= -(2 ** 63) && float < 2 ** 63;
  return { kind: "number", float, ideal: float, ...(fits ? { int: BigInt(float) } : {}) };
}

/** `'x'`: an int, the code point. */
export function parseCharacter(quoted: string): NumberLiteral | string {
  const inner = quoted.slice(1, -1);
  if (inner === '\\"') return "a character constant has no such escape";
  const value = inner.startsWith("\\") ? unescapeCode(inner) : inner.codePointAt(0);
  const isOne = inner.startsWith("\\") || [...inner].length === 1;
  if (value === undefined || !isOne) return "a character constant is one character";
  return { kind: "number", int: BigInt(value), float: value, ideal: int(value) };
}

const simpleEscapes: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
  "'": 39,
  '"': 34,
};

const escapeShape = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([abfnrtv\\'"]))/y;

/** The code of the one escape that `text` is. */
function unescapeCode(text: string): number | undefined {
  const match = matchEscape(text, 0);
  return match?.length === text.length ? match.code : undefined;
}

function matchEscape(text: string, at: number): { length: number; code: number; isByte: boolean } | undefined {
  escapeShape.lastIndex = at;
  const match = escapeShape.exec(text);
  if (!match) return undefined;
  const [whole, hex, short, long, octal, simple] = match;
  const { length } = whole;
  if (simple !== undefined) return { length, code: simpleEscapes[simple] ?? 0, isByte: false };
  const isByte = hex !== undefined || octal !== undefined;
  const code = octal === undefined ? Number.parseInt(hex ?? short ?? long ?? "", 16) : Number.parseInt(octal, 8);
  const isValid = isByte ? code < 256 : code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isValid ? { length, code, isByte } : undefined;
}

/** Go's `strconv.Unquote` of a string in double or back quotes; undefined when an escape is unknown. */
export function unquote(quoted: string): string | undefined {
  const inner = quoted.slice(1, -1);
  if (quoted.startsWith("`")) return inner.replaceAll("\r", "");
  if (!inner.includes("\\")) return inner;
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = inner.indexOf("\\"); at >= 0; at = inner.indexOf("\\", from)) {
    const found = matchEscape(inner, at);
    if (found === undefined || inner.startsWith("\\'", at)) return undefined;
    parts.push(Buffer.from(inner.slice(from, at)));
    parts.push(found.isByte ? Buffer.from([found.code]) : Buffer.from(String.fromCodePoint(found.code)));
    from = at + found.length;
  }
  parts.push(Buffer.from(inner.slice(from)));
  return textOf(Buffer.concat(parts));
}

import { bytesOf } from "../../go/bytes.ts";
import type { GoInt } from "../values.ts";
import { type Flags, pad, padWithSpaces } from "./flags.ts";
import { type FloatFormat, formatFloat } from "./numbers.ts";
import { canBackquote, isPrintable, quoteCharacter, quoteText } from "./quote.ts";

export function printBool(value: boolean, verb: string, flags: Flags): string | undefined {
  return verb === "t" || verb === "v" ? pad(String(value), flags) : undefined;
}

export function printString(value: string, verb: string, flags: Flags): string | undefined {
  switch (verb) {
    case "v":
      return flags.sharpV ? quoted(value, flags) : pad(truncated(value, flags), flags);
    case "s":
      return pad(truncated(value, flags), flags);
    case "q":
      return quoted(value, flags);
    case "x":
    case "X":
      return hexBytes(value, verb, flags);
    default:
      return undefined;
  }
}

/** To the precision, in characters. */
function truncated(value: string, { precision }: Flags): string {
  return precision === undefined || value.length <= precision ? value : [...value].slice(0, precision).join("");
}

function quoted(value: string, flags: Flags): string {
  const text = truncated(value, flags);
  if (flags.sharp && canBackquote(text)) return pad(`\`${text}\``, flags);
  return pad(quoteText(text, flags.plus), flags);
}

function hexBytes(value: string, verb: "x" | "X", flags: Flags): string {
  const bytes = [...bytesOf(value)].slice(0, flags.precision);
  const prefix = flags.sharp ? `0${verb}` : "";
  const texts = bytes.map((byte) => byte.toString(16).padStart(2, "0"));
  const cased = verb === "X" ? texts.map((text) => text.toUpperCase()) : texts;
  if (bytes.length === 0) return pad("", flags);
  return pad(flags.space ? cased.map((text) => prefix + text).join(" ") : prefix + cased.join(""), flags);
}

const bases: Readonly<Record<string, number>> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };

export function printInt({ value, type }: GoInt, verb: string, flags: Flags): string | undefined {
  const isSigned = !type.startsWith("u");
  switch (verb) {
    case "c":
      return pad(characterOf(value), flags);
    case "q":
      return pad(quoteCharacter(codeOf(value), flags.plus), flags);
    case "U":
      return unicode(value, flags);
    default: {
      const base = bases[verb];
      if (base === undefined) return undefined;
      if (verb === "v" && flags.sharpV && !isSigned) return integer(value, 16, "x", { ...flags, sharp: true });
      return integer(value, base, verb, flags);
    }
  }
}

/** What is no character counts as U+FFFD. */
function codeOf(value: bigint): number {
  return value < 0n || value > 0x10ffffn ? 0xfffd : Number(value);
}

function characterOf(value: bigint): string {
  const code = codeOf(value);
  return String.fromCodePoint(code >= 0xd800 && code <= 0xdfff ? 0xfffd : code);
}

function unicode(value: bigint, flags: Flags): string {
  const code = BigInt.asUintN(64, value);
  const digits = code
    .toString(16)
    .toUpperCase()
    .padStart(Math.max(flags.precision ?? 0, 4), "0");
  const shown = flags.sharp && code <= 0x10ffffn ? characterOf(code) : "";
  const isShown = shown !== "" && isPrintable(shown) && (shown !== "\ufffd" || code === 0xfffdn);
  return padWithSpaces(isShown ? `U+${digits} '${shown}'` : `U+${digits}`, flags);
}

function integer(value: bigint, base: number, verb: string, flags: Flags): string {
  const { precision, width, zero, minus } = flags;
  if (precision === 0 && value === 0n) return padWithSpaces("", flags);
  const sign = value < 0n ? "-" : flags.plus ? "+" : flags.space ? " " : "";
  const size = (value < 0n ? -value : value).toString(base);
  const fills = precision === undefined && zero && !minus && width !== undefined;
  const length = fills ? width - sign.length : (precision ?? 0);
  const digits = (verb === "X" ? size.toUpperCase() : size).padStart(length, "0");
  return padWithSpaces(sign + prefixOf(digits, base, verb, flags) + digits, flags);
}

function prefixOf(digits: string, base: number, verb: string, { sharp }: Flags): string {
  if (verb === "O") return sharp && !digits.startsWith("0") ? "0o0" : "0o";
  if (!sharp) return "";
  if (base === 2) return "0b";
  if (base === 16) return verb === "X" ? "0X" : "0x";
  return base === 8 && !digits.startsWith("0") ? "0" : "";
}

const floatFormats: Readonly<Record<string, readonly [FloatFormat, number]>> = {
  v: ["g", -1],
  g: ["g", -1],
  G: ["G", -1],
  b: ["b", -1],
  x: ["x", -1],
  X: ["X", -1],
  e: ["e", 6],
  E: ["E", 6],
  f: ["f", 6],
  F: ["f", 6],
};

export function printFloat(value: number, verb: string, flags: Flags): string | undefined {
  const format = floatFormats[verb];
  if (format === undefined) return undefined;
  const precision = flags.precision ?? format[1];
  const plain = formatFloat(value, format[0], precision);
  const sign = /^[+-]/.test(plain) ? plain.charAt(0) : "+";
  const size = plain.replace(/^[+-]/, "");
  const shownSign = sign === "-" || flags.plus ? sign : flags.space ? " " : "";
  if (!Number.isFinite(value)) return padWithSpaces(infinite(plain, sign, flags), flags);
  const digits = flags.sharp && verb !== "b" ? withPoint(size, verb, precision) : size;
  const { width, zero, minus } = flags;
  if (shownSign !== "" && zero && !minus && width !== undefined) {
    return shownSign + digits.padStart(width - 1, "0");
  }
  return pad(shownSign + digits, flags);
}

function infinite(plain: string, sign: string, { plus, space }: Flags): string {
  if (plain === "NaN") return `${plus ? "+" : space ? " " : ""}NaN`;
  return `${sign === "+" && space && !plus ? " " : sign}Inf`;
}

/** `%#g`: a point and the zeros at the end stay. */
function withPoint(size: string, verb: string, precision: number): string {
  const isHex = verb === "x" || verb === "X";
  const [, mantissa = "", tail = ""] = (isHex ? /^(.*?)(p.*)?$/i : /^(.*?)([ep].*)?$/i).exec(size) ?? [];
  const counts = ["v", "g", "G", "x"].includes(verb);
  const wanted = counts ? (precision === -1 ? 6 : precision) : 0;
  const seen = mantissa.replace(".", "").replace(/^0+/, "").length + (mantissa === "0" ? 1 : 0);
  const pointed = mantissa.includes(".") ? mantissa : `${mantissa}.`;
  return pointed + "0".repeat(Math.max(wanted - seen, 0)) + tail;
}

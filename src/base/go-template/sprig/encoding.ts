import { createHash } from "node:crypto";
import { bytesOf, textOf, toLatin } from "../../go/bytes.ts";
import { type FunctionTable, fn, reads, text } from "../function.ts";

const base32Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function encode32(whole: string): string {
  let result = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytesOf(whole)) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) result += base32Alphabet[(held >> (bits - 5)) & 31] ?? "";
  }
  if (bits > 0) result += base32Alphabet[(held << (5 - bits)) & 31] ?? "";
  return result.padEnd(Math.ceil(result.length / 8) * 8, "=");
}

/** Line ends do not count. */
function decode64(latin: string): Buffer | number {
  const plain = latin.replace(/[\r\n]/g, "");
  const isValid = plain.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(plain);
  return isValid ? Buffer.from(plain, "base64") : fault64(latin);
}

/** Where a text stops being base64, as Go counts it. */
function fault64(latin: string): number {
  let inGroup = 0;
  for (let at = 0; at < latin.length; at++) {
    const character = latin.charAt(at);
    if (isLineEnd(character)) continue;
    if (character === "=") return faultOfPadding64(latin, at, inGroup);
    if (!base64Alphabet.includes(character)) return at;
    inGroup = (inGroup + 1) % 4;
  }
  return latin.length - inGroup;
}

function isLineEnd(character: string): boolean {
  return character === "\n" || character === "\r";
}

function faultOfPadding64(latin: string, first: number, inGroup: number): number {
  if (inGroup < 2) return first;
  let at = skipLineEnds(latin, first + 1);
  if (inGroup === 2) {
    if (at >= latin.length) return latin.length;
    if (latin[at] !== "=") return at - 1;
    at = skipLineEnds(latin, at + 1);
  }
  return at;
}

function skipLineEnds(latin: string, from: number): number {
  let at = from;
  while (at < latin.length && isLineEnd(latin.charAt(at))) at++;
  return at;
}

/** Go does not look at what follows the padding of base32. */
function decode32(latin: string): Buffer | number {
  const plain = latin.replace(/[\r\n]/g, "");
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (let at = 0; at < plain.length; at++) {
    const inGroup = at % 8;
    if (plain[at] === "=" && inGroup >= 2 && plain.length - at <= 8) {
      return faultOfPadding32(plain, at, inGroup) ?? Buffer.from(bytes);
    }
    const value = base32Alphabet.indexOf(plain.charAt(at));
    if (value < 0) return at;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  return plain.length % 8 === 0 ? Buffer.from(bytes) : plain.length - (plain.length % 8);
}

function faultOfPadding32(plain: string, first: number, inGroup: number): number | undefined {
  const wanted = 7 - inGroup;
  const rest = plain.slice(first + 1);
  if (rest.length < wanted) return plain.length;
  const other = [...rest.slice(0, wanted)].findIndex((character) => character !== "=");
  if (other >= 0) return first + other;
  return inGroup === 3 || inGroup === 6 ? first : undefined;
}

/** The original gives the error as the text. */
function decoded(whole: string, name: string, decode: (latin: string) => Buffer | number): string {
  const result = decode(toLatin(whole));
  return typeof result === "number" ? `illegal ${name} data at input byte ${result}` : textOf(result);
}

function hash(algorithm: string) {
  return fn([text], (whole, work) => {
    reads(work, whole);
    return createHash(algorithm).update(bytesOf(whole)).digest("hex");
  });
}

function adler32(whole: string): string {
  let a = 1;
  let b = 0;
  for (const byte of bytesOf(whole)) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return String(b * 65_536 + a);
}

function coding(factor: number, code: (whole: string) => string) {
  return fn([text], (whole, work) => {
    work.text(whole.length * factor);
    return code(whole);
  });
}

export const encodingFunctions: FunctionTable = {
  b64enc: coding(1.4, (whole) => bytesOf(whole).toString("base64")),
  b64dec: coding(1, (whole) => decoded(whole, "base64", decode64)),
  b32enc: coding(1.6, encode32),
  b32dec: coding(1, (whole) => decoded(whole, "base32", decode32)),
  sha1sum: hash("sha1"),
  sha256sum: hash("sha256"),
  sha512sum: hash("sha512"),
  adler32sum: coding(1, adler32),
};

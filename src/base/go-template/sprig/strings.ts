import { byteLength, fromLatin, sliceBytes, toLatin } from "../../go/bytes.ts";
import { setOwn } from "../../json.ts";
import { printed } from "../format/print.ts";
import { quoteText } from "../format/quote.ts";
import { any, count, type FunctionTable, fn, reads, text, variadic } from "../function.ts";
import { GoStrings, GoStruct, strings as stringList, type Value } from "../values.ts";
import { Failure, type Work } from "../work.ts";
import { isSpace } from "./characters.ts";

/** Sprig's idea of the text of a value. */
export function stringOf(value: Value, work: Work): string {
  if (typeof value === "string") return value;
  return value instanceof GoStruct ? value.text() : printed(value, work);
}

/** Its parts, as `_0`, `_1` …: what `split` gives. */
function numbered(parts: readonly string[]): GoStrings {
  const fields: Record<string, string> = {};
  for (const [index, part] of parts.entries()) setOwn(fields, `_${index}`, part);
  return new GoStrings(fields);
}

/** Go's `strings.SplitN`: an empty separator splits after each character; a negative limit is none. */
export function splitText(whole: string, separator: string, limit: number, work: Work): string[] {
  reads(work, whole);
  if (limit === 0) return [];
  const parts = separator === "" ? [...whole] : whole.split(separator);
  work.spend(parts.length);
  if (limit < 0 || parts.length <= limit) return parts;
  return [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(separator)];
}

function repeat(times: number, part: string, work: Work): string {
  if (times < 0) throw new Failure("strings: negative Repeat count");
  work.text(part.length * times);
  return part.repeat(times);
}

function indent(spaces: number, whole: string, work: Work): string {
  const pad = repeat(spaces, " ", work);
  return pad + replaceAll(whole, "\n", `\n${pad}`, work);
}

export function replaceAll(whole: string, old: string, replacement: string, work: Work): string {
  reads(work, whole);
  const pieces = old === "" ? ["", ...whole, ""] : whole.split(old);
  work.text(whole.length + (pieces.length - 1) * Math.max(replacement.length - old.length, 0));
  return pieces.join(replacement);
}

/** Go's `strings.Trim`. */
function trimSet(set: string, whole: string, work: Work): string {
  reads(work, whole);
  const out = new Set(set);
  const characters = [...whole];
  let from = 0;
  let to = characters.length;
  while (from < to && out.has(characters[from] ?? "")) from++;
  while (to > from && out.has(characters[to - 1] ?? "")) to--;
  return characters.slice(from, to).join("");
}

/** In bytes, as all positions of sprig. */
function truncate(length: number, whole: string, work: Work): string {
  reads(work, whole);
  const size = byteLength(whole);
  if (length >= 0) return size > length ? sliceBytes(whole, 0, length) : whole;
  return size + length > 0 ? sliceBytes(whole, size + length, size) : whole;
}

function substring(start: number, end: number, whole: string, work: Work): string {
  reads(work, whole);
  const size = byteLength(whole);
  const from = Math.max(start, 0);
  const to = start >= 0 && (end < 0 || end > size) ? size : end;
  if (to < 0 || to > size || from > to) {
    throw new Failure(`slice bounds out of range: [${from}:${to}] of ${size} bytes`);
  }
  return sliceBytes(whole, from, to);
}

/** `…` stands for what is cut off at the end, and before `left` if that is far enough from the start. */
function abbreviate(left: number, width: number, whole: string): string {
  const latin = toLatin(whole);
  if (latin.length <= width) return whole;
  const kept = width - 3;
  let from = Math.min(left, latin.length);
  if (latin.length - from < kept) from = latin.length - kept;
  if (from <= 4) return fromLatin(`${latin.slice(0, kept)}...`);
  if (width < 7) return "";
  if (from + kept >= latin.length) return fromLatin(`...${latin.slice(latin.length - kept)}`);
  const rest = latin.slice(from);
  return `...${kept < 4 ? "" : abbreviate(0, kept, fromLatin(rest))}`;
}

function joined(values: readonly Value[], make: (value: Value) => string, work: Work): string {
  const result = values
    .filter((value) => value !== null)
    .map(make)
    .join(" ");
  work.text(result.length);
  return result;
}

/** Go's `strings.TrimSpace`. */
function trimSpace(whole: string): string {
  let from = 0;
  let to = whole.length;
  while (from < to && isSpace(whole.charAt(from))) from++;
  while (to > from && isSpace(whole.charAt(to - 1))) to--;
  return whole.slice(from, to);
}

/** A function of one text that reads all of it. */
function ofText(make: (whole: string) => string) {
  return fn([text], (whole, work) => {
    reads(work, whole);
    return make(whole);
  });
}

/** One that compares a part, which comes first, with a text. */
function ofPart(make: (part: string, whole: string) => Value) {
  return fn([text, text], (part, whole, work) => {
    reads(work, whole);
    return make(part, whole);
  });
}

export const stringFunctions: FunctionTable = {
  hello: fn([], () => "Hello!"),
  trim: ofText(trimSpace),
  trimall: fn([text, text], trimSet),
  trimAll: fn([text, text], trimSet),
  trimPrefix: fn([text, text], (part, whole) => (whole.startsWith(part) ? whole.slice(part.length) : whole)),
  trimSuffix: ofPart((part, whole) =>
    part !== "" && whole.endsWith(part) ? whole.slice(0, whole.length - part.length) : whole,
  ),
  contains: ofPart((part, whole) => whole.includes(part)),
  hasPrefix: ofPart((part, whole) => whole.startsWith(part)),
  hasSuffix: ofPart((part, whole) => whole.endsWith(part)),
  replace: fn([text, text, text], (old, replacement, whole, work) => replaceAll(whole, old, replacement, work)),
  repeat: fn([count, text], repeat),
  indent: fn([count, text], indent),
  nindent: fn([count, text], (spaces, whole, work) => `\n${indent(spaces, whole, work)}`),
  trunc: fn([count, text], truncate),
  substr: fn([count, count, text], substring),
  abbrev: fn([count, text], (width, whole) => (width < 4 ? whole : abbreviate(0, width, whole))),
  abbrevboth: fn([count, count, text], (left, right, whole) =>
    right < 4 || (left > 0 && right < 7) ? whole : abbreviate(left, right, whole),
  ),
  plural: fn([text, text, count], (one, many, number) => (number === 1 ? one : many)),
  split: fn([text, text], (separator, whole, work) => numbered(splitText(whole, separator, -1, work))),
  splitn: fn([text, count, text], (separator, limit, whole, work) =>
    numbered(splitText(whole, separator, limit, work)),
  ),
  splitList: fn([text, text], (separator, whole, work) => stringList(splitText(whole, separator, -1, work))),
  toString: fn([any], stringOf),
  quote: variadic([], any, (parts, work) => joined(parts, (part) => quoteText(stringOf(part, work), false), work)),
  squote: variadic([], any, (parts, work) => joined(parts, (part) => `'${printed(part, work)}'`, work)),
  cat: variadic([], any, (parts, work) => joined(parts, (part) => printed(part, work), work)),
};

import { messageOf } from "../../errors.ts";
import { byteLength, joinTexts } from "../../go/bytes.ts";
import type { JsonValue } from "../../json.ts";
import { failedFor, notFor } from "../fault.ts";
import { toJson } from "../values/encode.ts";
import { indicesIn } from "../values/fetch.ts";
import { numberOf, numberPattern, toInt } from "../values/numbers.ts";
import { add, splitText } from "../values/operators.ts";
import { characterCount, isList, isNumber, itemsOf, type Value } from "../values/values.ts";
import type { Work } from "../work.ts";
import { type FunctionTable, of0, of1, type ValueFunction } from "./function.ts";

/** A function of one text. */
function onText(name: string, call: (text: string, work: Work) => Value): ValueFunction {
  return of0((value, work) => {
    if (typeof value !== "string") throw notFor(name, value);
    work.text(value.length);
    return call(value, work);
  });
}

/** A function of two texts. */
function onTexts(name: string, call: (text: string, other: string) => Value): ValueFunction {
  return of1((value, other, work) => {
    if (typeof value !== "string" || typeof other !== "string") throw notFor(name, value, other);
    work.text(value.length);
    return call(value, other);
  });
}

const withoutPrefix = (text: string, prefix: string): string =>
  text.startsWith(prefix) ? text.slice(prefix.length) : text;

const withoutSuffix = (text: string, suffix: string): string =>
  text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text;

/** Go's `unicode.IsSpace`. */
const space = "[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const leading = new RegExp(`^${space}+`);
const single = new RegExp(`^${space}$`);

function withoutTrailingSpace(text: string): string {
  let end = text.length;
  while (end > 0 && single.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

export function toText(value: Value, work: Work): string {
  return typeof value === "string" ? value : toJson(value, work);
}

function toNumber(value: Value): Value {
  if (isNumber(value)) return value;
  if (typeof value !== "string") throw notFor("tonumber", value);
  if (!numberPattern.test(value)) throw failedFor("invalid number", "tonumber", value);
  return numberOf(value);
}

function toBoolean(value: Value): Value {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") throw notFor("toboolean", value);
  if (value !== "true" && value !== "false") throw failedFor("invalid boolean", "toboolean", value);
  return value === "true";
}

/** Integers keep their digits, however many there are. */
function fromJson(text: string): Value {
  try {
    return JSON.parse(text, keepDigits) as JsonValue;
  } catch (error) {
    if (error instanceof SyntaxError) throw failedFor(messageOf(error), "fromjson", text);
    if (error instanceof RangeError) throw failedFor("it is nested too deeply", "fromjson", text);
    throw error;
  }
}

function keepDigits(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
  return typeof value === "number" && source !== undefined ? numberOf(source) : value;
}

const replacement = 0xfffd;

function explode(text: string, work: Work): number[] {
  work.items(text.length);
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? replacement;
    return code >= 0xd800 && code < 0xe000 ? replacement : code;
  });
}

function implode(value: Value, work: Work): Value {
  if (!isList(value)) throw notFor("implode", value);
  work.items(value.length);
  const characters = value.map((item) => {
    const code = toInt(item);
    if (code === undefined) throw notFor("implode", value);
    const isScalar = code >= 0 && code <= 0x10_ffff && (code < 0xd800 || code >= 0xe000);
    return String.fromCodePoint(isScalar ? code : replacement);
  });
  return characters.join("");
}

/** Where `part` begins, in characters. */
function indices(name: string, value: Value, part: Value, work: Work): number[] | undefined {
  if (value === null) return undefined;
  if (isList(value)) return indicesIn(value, isList(part) ? part : [part], work);
  if (typeof value !== "string" || typeof part !== "string") throw notFor(name, value, part);
  work.search(value.length, part.length);
  const found: number[] = [];
  if (part === "") return found;
  let counted = 0;
  let count = 0;
  for (let at = value.indexOf(part); at >= 0; at = value.indexOf(part, at + 1)) {
    work.text(part.length);
    work.spend(1 / 8);
    count += characterCount(value.slice(counted, at));
    counted = at;
    found.push(count);
  }
  return found;
}

function join(value: Value, separator: Value, work: Work): Value {
  const items = itemsOf(value, work);
  if (items === undefined) throw notFor("join", value, separator);
  if (items.length === 0) return "";
  const parts = items.map((item) => (isNumber(item) || typeof item === "boolean" ? toJson(item, work) : item));
  const areTexts = typeof separator === "string" && parts.every((part) => part === null || typeof part === "string");
  if (areTexts) return joined(parts, separator, work);
  return parts.reduce<Value>((sum, part, at) => add(add(sum, at === 0 ? "" : separator, work), part, work), null);
}

function joined(parts: readonly Value[], separator: string, work: Work): string {
  const texts = parts.map((part) => (typeof part === "string" ? part : ""));
  work.text(texts.reduce((sum, { length }) => sum + length + separator.length, 0));
  work.items(texts.length);
  return joinTexts(texts, separator);
}

function split(value: Value, separator: Value, work: Work): Value {
  if (typeof value !== "string") throw notFor("split", value);
  if (typeof separator !== "string") throw notFor("split", separator);
  return splitText(value, separator, work);
}

export const texts: FunctionTable = {
  "utf8bytelength/0": onText("utf8bytelength", byteLength),
  "tostring/0": of0(toText),
  "tonumber/0": of0(toNumber),
  "toboolean/0": of0(toBoolean),
  "tojson/0": of0((value, work) => toJson(value, work)),
  "fromjson/0": onText("fromjson", fromJson),
  "explode/0": onText("explode", explode),
  "implode/0": of0(implode),
  "indices/1": of1((value, part, work) => indices("indices", value, part, work) ?? null),
  "index/1": of1((value, part, work) => indices("index", value, part, work)?.[0] ?? null),
  "rindex/1": of1((value, part, work) => indices("rindex", value, part, work)?.at(-1) ?? null),
  "startswith/1": onTexts("startswith", (text, other) => text.startsWith(other)),
  "endswith/1": onTexts("endswith", (text, other) => text.endsWith(other)),
  "ltrimstr/1": onTexts("ltrimstr", withoutPrefix),
  "rtrimstr/1": onTexts("rtrimstr", withoutSuffix),
  "trimstr/1": onTexts("trimstr", (text, other) => withoutSuffix(withoutPrefix(text, other), other)),
  "ltrim/0": onText("ltrim", (text) => text.replace(leading, "")),
  "rtrim/0": onText("rtrim", withoutTrailingSpace),
  "trim/0": onText("trim", (text) => withoutTrailingSpace(text).replace(leading, "")),
  "split/1": of1(split),
  "join/1": of1(join),
  "ascii_downcase/0": onText("ascii_downcase", (text) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase())),
  "ascii_upcase/0": onText("ascii_upcase", (text) => text.replace(/[a-z]+/g, (part) => part.toUpperCase())),
};

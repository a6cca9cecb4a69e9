import { readable } from "../../go/bytes.ts";
import { timeJson } from "../../go/time-format.ts";
import type { FloatJson } from "../../json.ts";
import { failed } from "../fault.ts";
import type { Work } from "../work.ts";
import { fieldsByName } from "./print.ts";
import { Byte, Duration, isFields, isList, isNil, itemsOf, NamedInt, Time, typeOf, type Value } from "./values.ts";

const indent = "  ";

/** Go's `json.MarshalIndent` with two spaces. @throws EngineError EXPRESSION_FAILED */
export function encodeJson(value: Value, work: Work, depth = 0): string {
  work.nest(depth);
  if (isNil(value) && !isMapOfAny(value)) return "null";
  if (isList(value)) {
    const items = itemsOf(value).map((item) => encodeJson(item, work, depth + 1));
    return enclosed("[", items, "]", work, depth);
  }
  if (isFields(value)) {
    const fields = fieldsByName(value).map(
      ([name, field]) => `${quote(name, work)}: ${encodeJson(field, work, depth + 1)}`,
    );
    return enclosed("{", fields, "}", work, depth);
  }
  return scalar(value, work);
}

function isMapOfAny(value: Value): boolean {
  return typeOf(value).startsWith("map[interface");
}

function enclosed(open: string, items: readonly string[], close: string, work: Work, depth: number): string {
  if (items.length === 0) return open + close;
  const pad = `\n${indent.repeat(depth + 1)}`;
  work.text(items.reduce((length, item) => length + item.length + pad.length + 1, 0));
  return `${open}${pad}${items.join(`,${pad}`)}\n${indent.repeat(depth)}${close}`;
}

function scalar(value: Value, work: Work): string {
  if (typeof value === "string") return quote(value, work);
  if (typeof value === "number") return number(value);
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (value instanceof Byte || value instanceof NamedInt) return String(value.value);
  if (value instanceof Duration) return String(value.nanoseconds);
  if (value instanceof Time) return JSON.stringify(timeJson(value.at));
  throw failed(`a value of type ${typeOf(value)} has no JSON`);
}

function number(value: number): string {
  if (!Number.isFinite(value)) throw failed(`${value} has no JSON`);
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Go writes `<`, `>`, `&` and the two line separators as escapes, and U+FFFD so for a byte that is no text. */
function quote(text: string, work: Work): string {
  work.text(text.length);
  return JSON.stringify(text)
    .replace(/\\(?:ud[0-9a-f]{3}|.)/g, (found) => (found.startsWith("\\ud") ? "\\ufffd" : found))
    .replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Go's limit. */
const maxDepth = 10_000;

/** @throws EngineError EXPRESSION_FAILED */
export function decodeJson(text: string, work: Work): Value {
  work.text(text.length);
  if (depthOf(text) > maxDepth) throw failed(`the JSON is nested deeper than ${maxDepth}`);
  try {
    const given = readable(text);
    return (
      needsCare.test(given) ? JSON.parse(given, (_, value: FloatJson) => decoded(value)) : JSON.parse(given)
    ) as Value;
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) throw failed(`it is no JSON: ${error.message}`);
    throw error;
  }
}

/** Escapes of surrogates, and numbers that may be too large. */
const needsCare = /\\u[dD]|[eE]\+?[0-9]{3}|[0-9]{300}/;

function decoded(value: FloatJson): FloatJson {
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError("a number is too large");
  return typeof value === "string" ? value.toWellFormed() : value;
}

/** An upper bound: brackets in strings count, too. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += bracket === "[" || bracket === "{" ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

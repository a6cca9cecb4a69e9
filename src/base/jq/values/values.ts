import { sortTexts } from "../../go/bytes.ts";
import type { JsonObject, JsonValue } from "../../json.ts";

/**
 * What jq computes with. A number that is a safe integer is an int of the original, a bigint a larger one, every other
 * number a float64. Strings are Go's (base/go/bytes.ts).
 */
export type Value = JsonValue;
export type List = readonly Value[];

export function isList(value: unknown): value is List {
  return Array.isArray(value);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

export function isTruthy(value: Value): boolean {
  return value !== null && value !== false;
}

export function typeOf(value: Value): string {
  if (value === null) return "null";
  if (isNumber(value)) return "number";
  if (typeof value !== "object") return typeof value;
  return isList(value) ? "array" : "object";
}

/** In Go's order. */
export function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  return keys.length < 2 ? keys : sortTexts(keys);
}

export function fieldOf(object: JsonObject, key: string): Value {
  return Object.hasOwn(object, key) ? (object[key] ?? null) : null;
}

/** Of a list, or of an object in the order of its keys; undefined for everything else. */
export function itemsOf(value: Value, work: Budget): List | undefined {
  if (isList(value)) return value;
  if (!isObject(value)) return undefined;
  const keys = sortedKeys(value);
  work.fields(keys.length);
  return keys.map((key) => fieldOf(value, key));
}

interface Budget {
  fields(count: number): void;
}

export function isEmptyObject(object: JsonObject): boolean {
  for (const _ in object) return false;
  return true;
}

/** Go's `len([]rune(text))`. */
export function characterCount(text: string): number {
  if (!hasSurrogates.test(text)) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}

const hasSurrogates = /[\ud800-\udfff]/;

/** The offset of the character with that number. */
export function offsetOf(text: string, character: number): number {
  if (!hasSurrogates.test(text)) return Math.min(character, text.length);
  let offset = 0;
  for (let left = character; left > 0 && offset < text.length; left--) {
    offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  }
  return offset;
}

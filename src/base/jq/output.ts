import { readable, sortTexts } from "../go/bytes.ts";
import { type JsonObject, setOwn } from "../json.ts";
import { limitReached } from "./fault.ts";
import { isList, type List, type Value } from "./values/values.ts";
import type { JqLimits } from "./work.ts";

const maxNesting = 1_000;

/**
 * Results as JSON: numbers that JSON has, texts that are valid, keys in order. A value that needs no change is given as it
 * is. It is counted as it would be written: parts that a program put in many places count each time.
 */
export class Output {
  readonly #limits: JqLimits;
  #left: number;

  constructor(limits: JqLimits) {
    this.#limits = limits;
    this.#left = limits.maxOutputSize;
  }

  take(value: Value, depth = 0): Value {
    if (typeof value === "string") return this.#takeText(value);
    this.#count(4);
    if (typeof value === "number") return Number.isFinite(value) ? value : finite(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > maxNesting) throw limitReached(`has results nested deeper than ${maxNesting}`);
    return isList(value) ? this.#takeList(value, depth) : this.#takeObject(value as JsonObject, depth);
  }

  #count(size: number): void {
    this.#left -= size;
    if (this.#left < 0) throw limitReached(`has results of more than ${this.#limits.maxOutputSize} characters`);
  }

  #takeText(text: string): string {
    this.#count(text.length + 2);
    return readable(text);
  }

  #takeList(list: List, depth: number): Value {
    let copy: Value[] | undefined;
    for (let at = 0; at < list.length; at++) {
      const item = list[at] ?? null;
      const taken = this.take(item, depth + 1);
      if (taken === item || Object.is(taken, item)) continue;
      copy ??= list.slice();
      copy[at] = taken;
    }
    return copy ?? list;
  }

  #takeObject(object: JsonObject, depth: number): Value {
    const keys = Object.keys(object);
    const isInOrder = isSorted(keys);
    let copy: Record<string, Value> | undefined = isInOrder ? undefined : {};
    for (const [at, key] of (isInOrder ? keys : sortTexts(keys)).entries()) {
      const value = object[key] ?? null;
      const found = this.take(value, depth + 1);
      const name = this.#takeText(key);
      if (copy === undefined && name === key && (found === value || Object.is(found, value))) continue;
      copy ??= fieldsOf(object, keys.slice(0, at));
      setOwn(copy, name, found);
    }
    return copy ?? object;
  }
}

function fieldsOf(object: JsonObject, keys: readonly string[]): Record<string, Value> {
  const copy: Record<string, Value> = {};
  for (const key of keys) setOwn(copy, key, object[key] ?? null);
  return copy;
}

function isSorted(keys: readonly string[]): boolean {
  return keys.every((key, at) => at === 0 || (keys[at - 1] ?? "") < key);
}

function finite(value: number): Value {
  if (Number.isNaN(value)) return null;
  return value > 0 ? Number.MAX_VALUE : -Number.MAX_VALUE;
}

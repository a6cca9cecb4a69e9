import { EngineError } from "../errors.ts";
import type { JsonValue } from "../json.ts";

const maxDepth = 200;

/**
 * JSON as CEL's values: whole numbers are ints, as `bigint`, and objects are `Map`, since the interpreter asks plain
 * objects for their constructor, which may be a key of theirs.
 * @throws EngineError EXPRESSION_FAILED
 */
export function toCel(value: JsonValue, depth = 0): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== "object" || value === null) return value;
  if (depth > maxDepth) throw new EngineError("EXPRESSION_FAILED", `values are nested deeper than ${maxDepth}`);
  if (Array.isArray(value)) return value.map((item: JsonValue) => toCel(item, depth + 1));
  return new Map(Object.entries(value).map(([name, part]) => [name, toCel(part, depth + 1)]));
}

/** How much there is to read or compare in a value: about one for each part of it and each sixteen characters. */
export class Weights {
  #known = new WeakMap<object, number>();

  of(value: unknown): number {
    if (typeof value === "string") return value.length / 16;
    if (typeof value !== "object" || value === null) return 0;
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    let weight = 1;
    for (const part of partsOf(value)) weight += 1 + this.of(part);
    this.#known.set(value, weight);
    return weight;
  }

  forget(): void {
    this.#known = new WeakMap();
  }
}

function partsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return value.values();
  if (value instanceof Uint8Array) return [String(value.length)];
  return Object.getPrototypeOf(value) === Object.prototype ? Object.values(value) : [];
}

import { EngineError } from "../errors.ts";
import { compareText } from "../go/bytes.ts";
import { printFloat } from "../go/float.ts";
import { type JsonObject, type JsonValue, setOwn } from "../json.ts";
import { LuaOpaque, LuaTable, type LuaValue } from "./values.ts";

/** gopher-lua keeps larger keys with the strings. */
const maxArrayIndex = 67_108_863;

/** Of all lists of a result together, holes included. */
const maxItems = 1_000_000;

/**
 * Lua's values as Argo Events makes JSON of them: a table with a whole number above 0 among its keys is a list as long as
 * the largest, with nulls in its holes and without its other keys; any other an object with its keys as text, in order;
 * an empty one a list where its metatable has `__is_array = true`.
 * @throws EngineError SCRIPT_FAILED for functions, numbers that JSON does not have, and lists with very many holes
 */
export function jsonByLargestIndex(value: LuaValue): JsonValue {
  let items = 0;
  const convert = (part: LuaValue): JsonValue => {
    if (part instanceof LuaOpaque) throw new EngineError("SCRIPT_FAILED", `a ${part.type} cannot be data`);
    if (typeof part === "number") return finite(part);
    if (!(part instanceof LuaTable)) return part ?? null;
    const length = largestIndex(part);
    items += length;
    if (items > maxItems)
      throw new EngineError("SCRIPT_FAILED", `lists have more than ${maxItems} items, holes included`);
    return length > 0 ? listOf(part, length) : objectOf(part);
  };
  const listOf = ({ entries }: LuaTable, length: number): JsonValue[] => {
    const list = new Array<JsonValue>(length).fill(null);
    for (const [key, part] of entries) if (isIndex(key)) list[key - 1] = convert(part);
    return list;
  };
  const objectOf = ({ entries, isMarkedArray }: LuaTable): JsonObject | JsonValue[] => {
    if (isMarkedArray) return [];
    const object: Record<string, JsonValue> = {};
    const named = entries.map(([key, part]) => [keyText(key), part] as const);
    for (const [key, part] of named.sort(([a], [b]) => compareText(a, b))) setOwn(object, key, convert(part));
    return object;
  };
  return convert(value);
}

function isIndex(key: LuaValue): key is number {
  return typeof key === "number" && Number.isInteger(key) && key > 0 && key <= maxArrayIndex;
}

function largestIndex({ entries }: LuaTable): number {
  let largest = 0;
  for (const [key] of entries) if (isIndex(key) && key > largest) largest = key;
  return largest;
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw new EngineError("SCRIPT_FAILED", `${printFloat(value)} cannot be data: JSON has no such number`);
}

function keyText(key: LuaValue): string {
  if (typeof key === "number") return printFloat(key);
  if (typeof key === "string" || typeof key === "boolean") return String(key);
  throw new EngineError("SCRIPT_FAILED", `a ${key instanceof LuaOpaque ? key.type : "table"} cannot be a key of data`);
}

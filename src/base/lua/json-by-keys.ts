import { EngineError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { setOwn } from "../json.ts";
import { LuaOpaque, LuaTable, type LuaValue } from "./values.ts";

/**
 * Lua's values as gopher-json makes JSON of them, for scripts about Kubernetes objects: a table with keys 1 to n is a list,
 * one with text keys an object, an empty one a list.
 * @throws EngineError SCRIPT_FAILED for other keys, functions, and numbers that JSON does not have
 */
export function jsonByKeys(value: LuaValue): JsonValue {
  if (value === undefined) return null;
  if (value instanceof LuaOpaque) throw failure(`cannot encode ${value.type} to JSON`);
  if (typeof value === "number" && !Number.isFinite(value)) throw failure(`json: unsupported value: ${value}`);
  if (!(value instanceof LuaTable)) return value;
  const { entries } = value;
  const [first] = entries;
  if (first === undefined) return [];
  if (typeof first[0] === "number") return listOf(value);
  const object: Record<string, JsonValue> = {};
  for (const [key, part] of entries) {
    if (typeof key !== "string") throw failure("cannot encode mixed or invalid key types");
    setOwn(object, key, jsonByKeys(part));
  }
  return object;
}

function listOf({ entries }: LuaTable): JsonValue {
  const items = new Map<number, LuaValue>();
  for (const [key, part] of entries) {
    if (typeof key !== "number") throw failure("cannot encode mixed or invalid key types");
    items.set(key, part);
  }
  const list: JsonValue[] = [];
  for (let index = 1; index <= items.size; index++) {
    if (!items.has(index)) throw failure("cannot encode sparse array");
    list.push(jsonByKeys(items.get(index)));
  }
  return list;
}

function failure(message: string): EngineError {
  return new EngineError("SCRIPT_FAILED", message);
}

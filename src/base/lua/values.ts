import { EngineError } from "../errors.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import { type LuaApi, luaTypes } from "./api.ts";
import { type Machine, scratchBytes } from "./machine.ts";

/** What a script gave back, as far as it is data. */
export type LuaValue = undefined | boolean | number | string | LuaTable | LuaOpaque;

export class LuaTable {
  /** In the order of `pairs`. */
  readonly entries: readonly (readonly [key: LuaValue, value: LuaValue])[];
  /** Whether its metatable has `__is_array = true`, looked up for empty tables only. */
  readonly isMarkedArray: boolean;
  constructor(entries: LuaTable["entries"], isMarkedArray: boolean) {
    this.entries = entries;
    this.isMarkedArray = isMarkedArray;
  }
}

/** What has no meaning outside of Lua: a function, a coroutine. */
export class LuaOpaque {
  readonly type: string;
  constructor(type: string) {
    this.type = type;
  }
}

/** Tables and objects within each other. */
export const maxDepth = 200;

/** Values in a result: tables that stand in a table many times are read many times. */
const maxValues = 200_000;

const mostMemory = 8_192;

/** Puts values on Lua's stack and takes them from there. */
export class Exchange {
  readonly #machine: Machine;
  readonly #api: LuaApi;
  readonly #state: number;
  #left = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#api = machine.api;
    this.#state = machine.state;
  }

  /** Numbers become float64, nulls are left out: of a list, the rest moves up. @throws EngineError SCRIPT_FAILED */
  push(value: JsonValue, depth = 0): void {
    const api = this.#api;
    const state = this.#state;
    if (typeof value === "string") this.pushText(value);
    else if (typeof value === "number") api.lua_pushnumber(state, value);
    else if (typeof value === "bigint") api.lua_pushnumber(state, Number(value));
    else if (typeof value === "boolean") api.lua_pushboolean(state, value ? 1 : 0);
    else if (value === null) api.lua_pushnil(state);
    else this.#pushTable(value, depth);
  }

  #pushTable(value: JsonObject | readonly JsonValue[], depth: number): void {
    if (depth >= maxDepth) throw new EngineError("SCRIPT_FAILED", `values are nested deeper than ${maxDepth}`);
    this.#api.lua_checkstack(this.#state, 4);
    if (isList(value)) this.#pushList(value, depth);
    else this.#pushObject(value, depth);
  }

  #pushObject(object: JsonObject, depth: number): void {
    const names = Object.keys(object);
    this.#api.lua_createtable(this.#state, 0, Math.min(names.length, mostMemory));
    for (const name of names) {
      const part = object[name];
      if (part === undefined || part === null) continue;
      this.pushText(name);
      this.push(part, depth + 1);
      this.#api.lua_rawset(this.#state, -3);
    }
  }

  #pushList(items: readonly JsonValue[], depth: number): void {
    this.#api.lua_createtable(this.#state, Math.min(items.length, mostMemory), 0);
    let index = 0;
    for (const item of items) {
      if (item === null) continue;
      index += 1;
      this.push(item, depth + 1);
      this.#api.lua_rawseti(this.#state, -2, index);
    }
  }

  pushText(text: string): void {
    const length = this.#writeShort(text);
    if (length >= 0) this.#api.lua_pushlstring(this.#state, this.#machine.scratch, length);
    else this.pushBytes(Buffer.from(text));
  }

  pushBytes(bytes: Uint8Array): void {
    const { address, free } = this.place(bytes);
    this.#api.lua_pushlstring(this.#state, address, bytes.length);
    free();
  }

  /** Puts bytes into memory, with a zero behind them, until `free`: so far into the scratch place, if they fit there. */
  place(bytes: Uint8Array, offset = 0): { readonly address: number; free(): void } {
    const isLong = offset + bytes.length >= scratchBytes;
    const address = isLong ? this.#api.malloc(bytes.length + 1) : this.#machine.scratch + offset;
    if (address === 0) throw new EngineError("SCRIPT_FAILED", "not enough memory");
    const memory = this.#machine.bytes;
    memory.set(bytes, address);
    memory[address + bytes.length] = 0;
    return { address, free: () => void (isLong && this.#api.free(address)) };
  }

  /** Most texts are short and plain, and quicker written one by one. -1 when it is neither. */
  #writeShort(text: string): number {
    const { length } = text;
    if (length > 64) return -1;
    const memory = this.#machine.bytes;
    const { scratch } = this.#machine;
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 127) return -1;
      memory[scratch + index] = code;
    }
    memory[scratch + length] = 0;
    return length;
  }

  setField(index: number, name: string): void {
    this.#writeShort(name);
    this.#api.lua_setfield(this.#state, index, this.#machine.scratch);
  }

  getField(index: number, name: string): void {
    this.#writeShort(name);
    this.#api.lua_getfield(this.#state, index, this.#machine.scratch);
  }

  /** The value on top of the stack, which stays there. @throws EngineError SCRIPT_FAILED */
  top(): LuaValue {
    this.#left = maxValues;
    return this.#read(0);
  }

  #read(depth: number): LuaValue {
    this.#left -= 1;
    if (this.#left < 0) throw new EngineError("SCRIPT_FAILED", `the result has more than ${maxValues} values`);
    const type = this.#api.lua_type(this.#state, -1);
    switch (type) {
      case luaTypes.boolean:
        return this.#api.lua_toboolean(this.#state, -1) !== 0;
      case luaTypes.number:
        return this.#api.lua_tonumber(this.#state, -1);
      case luaTypes.string:
        return this.text(-1);
      case luaTypes.table:
        return this.#readTable(depth);
      default:
        return type <= luaTypes.nil ? undefined : new LuaOpaque(typeName(type));
    }
  }

  #readTable(depth: number): LuaTable {
    if (depth >= maxDepth) throw new EngineError("SCRIPT_FAILED", `the result is nested deeper than ${maxDepth}`);
    this.#api.lua_checkstack(this.#state, 4);
    const entries: [LuaValue, LuaValue][] = [];
    this.#api.lua_pushnil(this.#state);
    while (this.#api.lua_next(this.#state, -2) !== 0) {
      const value = this.#read(depth + 1);
      this.#api.lua_settop(this.#state, -2);
      entries.push([this.#read(depth + 1), value]);
    }
    return new LuaTable(entries, entries.length === 0 && this.#isMarked());
  }

  #isMarked(): boolean {
    if (this.#api.lua_getmetatable(this.#state, -1) === 0) return false;
    this.pushText("__is_array");
    this.#api.lua_rawget(this.#state, -2);
    const isTrue = this.#read(0) === true;
    this.#api.lua_settop(this.#state, -3);
    return isTrue;
  }

  /** A string, or a number as one, at an index of the stack. What is no UTF-8 becomes U+FFFD. */
  text(index: number): string {
    return this.bytes(index).toString();
  }

  /** A view: it lasts until the next call. */
  bytes(index: number): Buffer {
    const { scratch } = this.#machine;
    const address = this.#api.lua_tolstring(this.#state, index, scratch);
    const memory = this.#machine.bytes;
    const length = address === 0 ? 0 : new DataView(memory.buffer).getUint32(scratch, true);
    return Buffer.from(memory.buffer, address, length);
  }
}

function isList(value: JsonObject | readonly JsonValue[]): value is readonly JsonValue[] {
  return Array.isArray(value);
}

export function typeName(type: number): string {
  return Object.entries(luaTypes).find(([, number]) => number === type)?.[0] ?? "no value";
}

import type { WasmMemory, WasmTable } from "./wasm-types.ts";

/** Lua's C interface (lua.org/manual/5.1, "The Application Program Interface"): states and pointers are addresses. */
export interface LuaApi {
  readonly memory: WasmMemory;
  readonly __indirect_function_table: WasmTable;
  /** What is left of the budget; see metering.ts. */
  readonly fuel: { value: number };
  __wasm_call_ctors(): void;
  emscripten_stack_init(): void;
  emscripten_stack_get_base(): number;
  emscripten_stack_get_end(): number;
  stackSave(): number;
  stackRestore(address: number): void;
  setThrew(threw: number, value: number): void;
  malloc(bytes: number): number;
  free(address: number): void;
  luaL_newstate(): number;
  luaopen_base(state: number): number;
  luaopen_string(state: number): number;
  luaopen_table(state: number): number;
  luaopen_math(state: number): number;
  luaL_loadbuffer(state: number, text: number, length: number, name: number): number;
  luaL_where(state: number, level: number): void;
  lua_pcall(state: number, args: number, results: number, handler: number): number;
  lua_error(state: number): number;
  lua_gettop(state: number): number;
  lua_settop(state: number, top: number): void;
  lua_checkstack(state: number, more: number): number;
  lua_pushvalue(state: number, index: number): void;
  lua_pushnil(state: number): void;
  lua_pushboolean(state: number, value: number): void;
  lua_pushnumber(state: number, value: number): void;
  lua_pushlstring(state: number, text: number, length: number): void;
  lua_pushcclosure(state: number, pointer: number, values: number): void;
  lua_concat(state: number, count: number): void;
  lua_createtable(state: number, items: number, fields: number): void;
  lua_rawset(state: number, index: number): void;
  lua_rawseti(state: number, index: number, key: number): void;
  lua_rawget(state: number, index: number): void;
  lua_getfield(state: number, index: number, name: number): void;
  lua_setfield(state: number, index: number, name: number): void;
  lua_getmetatable(state: number, index: number): number;
  lua_next(state: number, index: number): number;
  lua_type(state: number, index: number): number;
  lua_toboolean(state: number, index: number): number;
  lua_tonumber(state: number, index: number): number;
  lua_tolstring(state: number, index: number, length: number): number;
}

/** The exports of the module that metering.ts has changed. */
export function parseApi(exports: Readonly<Record<string, unknown>>): LuaApi {
  return exports as unknown as LuaApi;
}

export const globalsIndex = -10_002;
export const registryIndex = -10_000;

export const luaTypes = {
  nil: 0,
  boolean: 1,
  lightUserdata: 2,
  number: 3,
  string: 4,
  table: 5,
  function: 6,
  userdata: 7,
  thread: 8,
} as const;

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { EngineError, messageOf, TerminalError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { globalsIndex, type LuaApi, luaTypes, registryIndex } from "./api.ts";
import { withoutGoto } from "./goto.ts";
import { pushLibrary, type Surroundings } from "./library.ts";
import { createMachine, type Machine, MachinePanic, maxFuel, numberImport } from "./machine.ts";
import { meterModule } from "./metering.ts";
import { writeNumber } from "./numbers.ts";
import { prelude } from "./prelude.ts";
import { Exchange, type LuaValue, typeName } from "./values.ts";
import type {} from "./wasm-types.ts";

export interface LuaLimits {
  /** Turns of loops and calls inside the interpreter; a simple operation of a script takes one to ten. */
  readonly maxSteps: number;
}

/** About 0.1 s; see README.md. */
export const defaultLuaLimits: LuaLimits = { maxSteps: 20_000_000 };

export interface LuaInput {
  readonly globals: Readonly<Record<string, JsonValue>>;
  /** What `os.time()` says, in milliseconds since 1970: a run reads no clock, so that it gives the same each time. */
  readonly nowMs: number;
  /** What `math.random` begins with. */
  readonly seed: number;
}

/** A compiled script, of which only the compiled bytes are kept. */
export interface LuaScript {
  /**
   * Runs in a state that no other run has touched. The last of the values that the script returns; undefined without one.
   * @throws EngineError SCRIPT_FAILED for an error of the script, and when it takes more than its limits
   */
  run(input: LuaInput): LuaValue;
}

/** @throws TerminalError SCRIPT_INVALID with the line where it does not parse */
export function compileLua(text: string, limits: LuaLimits = defaultLuaLimits): LuaScript {
  const code = compile(text);
  return { run: (input) => theRuntime().run(code, input, limits) };
}

/** A text that takes too much to compile is none, too: trying again does not help. */
function compile(text: string): Uint8Array {
  try {
    return theRuntime().compile(text);
  } catch (error) {
    if (error instanceof EngineError) throw new TerminalError("SCRIPT_INVALID", error.message, error);
    throw error;
  }
}

/** Module and state are made when the first script is compiled: an engine without Lua does not pay for them. */
let runtime: Runtime | undefined;

function theRuntime(): Runtime {
  runtime ??= new Runtime();
  return runtime;
}

interface Ready {
  readonly machine: Machine;
  readonly exchange: Exchange;
}

class Runtime {
  readonly #module = new WebAssembly.Module(meterModule(readFileSync(modulePath()), numberDetour));
  readonly #surroundings: Surroundings = { nowMs: 0 };
  #ready: Ready | undefined;

  compile(text: string): Uint8Array {
    const bytes = Buffer.from(withoutGoto(text));
    if (bytes[0] === compiledMark) throw new TerminalError("SCRIPT_INVALID", "compiled chunks are not taken");
    return this.#use(defaultLuaLimits, ({ machine: { api, state }, exchange }) => {
      exchange.getField(registryIndex, dumpName);
      const problem = load(api, state, exchange, bytes) ?? call(api, state, exchange, { args: 1, results: 1 });
      if (problem !== undefined) throw new TerminalError("SCRIPT_INVALID", problem);
      return Uint8Array.from(exchange.bytes(-1));
    });
  }

  run(code: Uint8Array, { globals, nowMs, seed }: LuaInput, limits: LuaLimits): LuaValue {
    this.#surroundings.nowMs = nowMs;
    return this.#use(limits, ({ machine: { api, state }, exchange }) => {
      api.fuel.value = maxFuel; // what is given and taken has limits of its own
      for (const [name, value] of Object.entries(globals)) {
        exchange.push(value);
        exchange.setField(globalsIndex, name);
      }
      seedRandom(api, state, exchange, seed);
      const top = api.lua_gettop(state);
      const unloaded = load(api, state, exchange, code);
      api.fuel.value = limits.maxSteps;
      const problem = unloaded ?? call(api, state, exchange, { args: 0, results: -1 });
      api.fuel.value = defaultLuaLimits.maxSteps; // reading may still run what collects garbage
      if (problem !== undefined) throw new EngineError("SCRIPT_FAILED", problem);
      return api.lua_gettop(state) > top ? exchange.top() : undefined;
    });
  }

  /** What is left behind is undone before the next use; a machine that broke down or has grown is not used again. */
  #use<Result>(limits: LuaLimits, action: (ready: Ready) => Result): Result {
    this.#ready ??= setUp(this.#module, this.#surroundings);
    const { machine } = this.#ready;
    let isSound = false;
    try {
      machine.restore();
      machine.api.fuel.value = limits.maxSteps;
      const result = action(this.#ready);
      isSound = true;
      return result;
    } catch (error) {
      isSound = error instanceof EngineError;
      throw isSound ? error : breakdown(error, machine.api, limits);
    } finally {
      if (!isSound || machine.hasGrown) this.#ready = undefined;
    }
  }
}

function setUp(module: WebAssembly.Module, surroundings: Surroundings): Ready {
  const machine = createMachine(module, writeNumber, { maxMemoryBytes });
  const { api, state } = machine;
  const exchange = new Exchange(machine);
  for (const open of [api.luaopen_base, api.luaopen_string, api.luaopen_table, api.luaopen_math]) open(state);
  exchange.getField(globalsIndex, "string");
  exchange.getField(-1, "dump");
  exchange.setField(registryIndex, dumpName);
  const problem = load(api, state, exchange, Buffer.from(prelude));
  const args = pushLibrary(machine, exchange, surroundings);
  const failure = problem ?? call(api, state, exchange, { args, results: 0 });
  if (failure !== undefined) throw new EngineError("SCRIPT_FAILED", `Lua cannot be set up: ${failure}`);
  api.lua_settop(state, 0);
  machine.remember();
  return { machine, exchange };
}

/** Leaves a function on the stack, or says why not. */
function load(api: LuaApi, state: number, exchange: Exchange, code: Uint8Array): string | undefined {
  const name = exchange.place(chunkName);
  const text = exchange.place(code, chunkName.length + 1);
  const status = api.luaL_loadbuffer(state, text.address, code.length, name.address);
  text.free();
  return status === 0 ? undefined : errorText(api, state, exchange);
}

interface Call {
  readonly args: number;
  /** -1: all. */
  readonly results: number;
}

/** Leaves the results on the stack, or gives the error. */
function call(api: LuaApi, state: number, exchange: Exchange, { args, results }: Call): string | undefined {
  return api.lua_pcall(state, args, results, 0) === 0 ? undefined : errorText(api, state, exchange);
}

/** Errors may be any value. */
function errorText(api: LuaApi, state: number, exchange: Exchange): string {
  const type = api.lua_type(state, -1);
  const isText = type === luaTypes.string || type === luaTypes.number;
  return isText ? shortened(exchange.text(-1)) : `the error is a value of type ${typeName(type)}`;
}

/** What went wrong stands at the end, behind the places that it went through. */
function shortened(text: string): string {
  return text.length <= maxErrorLength ? text : `${text.slice(0, 200)} … ${text.slice(200 - maxErrorLength)}`;
}

function seedRandom(api: LuaApi, state: number, exchange: Exchange, seed: number): void {
  exchange.getField(globalsIndex, "math");
  exchange.getField(-1, "randomseed");
  api.lua_pushnumber(state, seed | 0);
  api.lua_pcall(state, 1, 0, 0);
  api.lua_settop(state, -2);
}

/** What ended a run from outside of Lua, which no script can catch. */
function breakdown(error: unknown, api: LuaApi, { maxSteps }: LuaLimits): EngineError {
  if (api.fuel.value === 0) return new EngineError("SCRIPT_FAILED", `it takes more than ${maxSteps} steps`);
  if (error instanceof MachinePanic) return new EngineError("SCRIPT_FAILED", "not enough memory");
  if (error instanceof RangeError) return new EngineError("SCRIPT_FAILED", "stack overflow", error);
  return new EngineError("SCRIPT_FAILED", `the interpreter broke down: ${messageOf(error)}`, error);
}

/** Of Lua's memory, interpreter and data together. */
const maxMemoryBytes = 32 * 1_048_576;

const maxErrorLength = 1_000;

/** Compiled code begins with it. */
const compiledMark = 0x1b;

/** Where scripts do not see it. */
const dumpName = "tiphys.dump";

/** As the original's errors name a script. */
const chunkName = Buffer.from("=<string>");

/** The places of the interpreter that write a number as text. */
const numberDetour = { argument: "%.14g", import: numberImport, calls: 4 };

/** In a checkout of the package that it comes with; in the bundle it lies beside it. */
function modulePath(): string | URL {
  const { url } = import.meta;
  return url.endsWith(".ts") ? createRequire(url).resolve(moduleFile) : new URL("./liblua5.1.wasm", url);
}

const moduleFile = "wasmoon-lua5.1/dist/liblua5.1.wasm";

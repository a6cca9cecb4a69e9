import { messageOf } from "../errors.ts";
import { bytesOf, textOf } from "../go/bytes.ts";
import { lowered, uppered } from "../go-template/sprig/characters.ts";
import { luaTypes } from "./api.ts";
import { dateParts, formatDate, secondsOf } from "./dates.ts";
import { type FormatValue, formatText } from "./format.ts";
import { type Machine, MachinePanic } from "./machine.ts";
import { type Exchange, typeName } from "./values.ts";

/** What the host gives to a run. */
export interface Surroundings {
  /** `os.time()`: milliseconds since 1970. */
  nowMs: number;
}

type Results = readonly (string | number)[];
type HostFunction = (args: Arguments) => Results;

/** Pushes the functions that the prelude takes, in its order. How many they are is the result. */
export function pushLibrary(machine: Machine, exchange: Exchange, surroundings: Surroundings): number {
  const now = (): Results => [Math.floor(surroundings.nowMs / 1_000)];
  const functions: readonly HostFunction[] = [format, upper, lower, date, parts, now, seconds];
  for (const call of functions) {
    const pointer = machine.addFunction(() => runHost(machine, exchange, call));
    machine.api.lua_pushcclosure(machine.state, pointer, 0);
  }
  return functions.length;
}

/** What a call costs of the budget, since our own time is not metered, and for each character that it reads or gives. */
const hostFuel = 1_000;
const hostFuelForCharacter = 20;

const maxTextLength = 1_048_576;

function charge({ api }: Machine, characters: number): void {
  api.fuel.value = Math.max(0, api.fuel.value - hostFuel - characters * hostFuelForCharacter);
}

function runHost(machine: Machine, exchange: Exchange, call: HostFunction): number {
  const { api, state } = machine;
  let results: Results;
  try {
    results = call(new Arguments(machine, exchange));
  } catch (error) {
    if (!(error instanceof Error) || error instanceof MachinePanic) throw error;
    api.luaL_where(state, 1);
    exchange.pushText(messageOf(error));
    api.lua_concat(state, 2);
    return api.lua_error(state);
  }
  for (const result of results) {
    charge(machine, typeof result === "string" ? result.length : 0);
    if (typeof result === "number") api.lua_pushnumber(state, result);
    else exchange.pushBytes(bytesOf(result));
  }
  return results.length;
}

/** Of one call: read from the stack when they are asked for. */
class Arguments {
  readonly #machine: Machine;
  readonly #exchange: Exchange;
  readonly count: number;

  constructor(machine: Machine, exchange: Exchange) {
    this.#machine = machine;
    this.#exchange = exchange;
    this.count = machine.api.lua_gettop(machine.state);
  }

  type(index: number): number {
    return this.#machine.api.lua_type(this.#machine.state, index);
  }

  /** @throws Error when it is none and cannot be read as one */
  number(index: number): number {
    const type = this.type(index);
    const value = type === luaTypes.string ? Number(this.#readText(index)) : this.#plainNumber(index);
    if (type !== luaTypes.string && type !== luaTypes.number) throw this.#wrong(index, "number");
    if (Number.isNaN(value)) throw this.#wrong(index, "number");
    return value;
  }

  #plainNumber(index: number): number {
    return this.#machine.api.lua_tonumber(this.#machine.state, index);
  }

  text(index: number): string {
    const type = this.type(index);
    if (type === luaTypes.string || type === luaTypes.number) return this.#readText(index);
    throw this.#wrong(index, "string");
  }

  #readText(index: number): string {
    const bytes = this.#exchange.bytes(index);
    charge(this.#machine, bytes.length);
    if (bytes.length > maxTextLength)
      throw new Error(`a text of ${bytes.length} bytes is longer than ${maxTextLength}`);
    return textOf(bytes);
  }

  value(index: number): FormatValue {
    const type = this.type(index);
    const { api, state } = this.#machine;
    if (type === luaTypes.number) return api.lua_tonumber(state, index);
    if (type === luaTypes.string) return this.#readText(index);
    if (type === luaTypes.boolean) return api.lua_toboolean(state, index) !== 0;
    return type <= luaTypes.nil ? undefined : typeName(type);
  }

  #wrong(index: number, wanted: string): Error {
    return new Error(`bad argument #${index} (${wanted} expected, got ${typeName(this.type(index))})`);
  }
}

function format(args: Arguments): Results {
  const values: FormatValue[] = [];
  for (let index = 2; index <= args.count; index += 1) values.push(args.value(index));
  return [formatText(args.text(1), values)];
}

/** Go's case of characters; Lua's own knows ASCII only. */
function upper(args: Arguments): Results {
  return [Array.from(args.text(1), uppered).join("")];
}

function lower(args: Arguments): Results {
  return [Array.from(args.text(1), lowered).join("")];
}

function date(args: Arguments): Results {
  return [formatDate(args.text(1), args.number(2))];
}

function parts(args: Arguments): Results {
  return dateParts(args.number(1));
}

function seconds(args: Arguments): Results {
  return [secondsOf([1, 2, 3, 4, 5, 6].map((index) => args.number(index)))];
}

import { EngineError } from "../errors.ts";
import { type LuaApi, parseApi } from "./api.ts";
import type {} from "./wasm-types.ts";

/**
 * One instance of the module with one Lua state. Its life: made and set up, remembered once as it is then, and put back to
 * that before each use, so that no use sees anything of another. Where a use made the memory grow, or broke off in a way
 * that putting back cannot mend, its owner makes a new one.
 */
export interface Machine {
  readonly api: LuaApi;
  readonly state: number;
  /** The memory as bytes; ask again after each call, since growing replaces it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** A place for what is given to a call and not kept by it: `scratchBytes` long. */
  readonly scratch: number;
  /** Makes a function known to Lua's C interface. The result is its pointer. */
  addFunction(call: (state: number) => number): number;
  /** What `restore` goes back to. */
  remember(): void;
  restore(): void;
  readonly hasGrown: boolean;
  /** Bytes that each `restore` writes. */
  readonly rememberedBytes: number;
}

export const scratchBytes = 1_048_576;

/** Memory is never smaller: the module asks for as much. */
export const minMemoryBytes = 16 * 1_048_576;

const pageBytes = 65_536;

const headBytes = 16;

export interface MachineLimits {
  readonly maxMemoryBytes: number;
}

/** How C's longjmp comes past frames of JavaScript. */
const longjmp = new Error("longjmp");

/** The state would end the process: an error outside of any protected call, which is memory that is used up. */
export class MachinePanic extends Error {}

/** Writes a number to memory as text, in place of `sprintf(target, "%.14g", number)`. */
export type WriteNumber = (bytes: Uint8Array, target: number, value: number) => void;

export function createMachine(
  module: WebAssembly.Module,
  writeNumber: WriteNumber,
  { maxMemoryBytes }: MachineLimits,
): Machine {
  return new WasmMachine(module, writeNumber, maxMemoryBytes);
}

class WasmMachine implements Machine {
  readonly api: LuaApi;
  readonly state: number;
  readonly scratch: number;
  readonly #stackBase: number;
  readonly #maxMemoryBytes: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #low = new Uint8Array(0);
  #high = new Uint8Array(0);

  constructor(module: WebAssembly.Module, writeNumber: WriteNumber, maxMemoryBytes: number) {
    this.#maxMemoryBytes = maxMemoryBytes;
    this.api = parseApi(new WebAssembly.Instance(module, this.#imports(writeNumber)).exports);
    this.#bytes = new Uint8Array(this.api.memory.buffer);
    this.api.fuel.value = setUpFuel;
    this.api.emscripten_stack_init();
    this.api.__wasm_call_ctors();
    this.scratch = this.api.emscripten_stack_get_end();
    this.#stackBase = this.api.emscripten_stack_get_base();
    this.state = this.api.luaL_newstate();
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(this.api.memory.buffer);
    return this.#bytes;
  }

  get hasGrown(): boolean {
    return this.bytes.length > minMemoryBytes;
  }

  get rememberedBytes(): number {
    return this.#low.length + this.#high.length;
  }

  addFunction(call: (state: number) => number): number {
    const table = this.api.__indirect_function_table;
    const pointer = table.grow(1);
    table.set(pointer, asWasmFunction(call));
    return pointer;
  }

  /**
   * Static data and heap; in between lies the C stack, of which nothing is in use between two calls. The heap ends with the
   * head of malloc's free rest, whose upper bytes may be zero. What lies behind need not be zero.
   */
  remember(): void {
    const { bytes } = this;
    let end = bytes.length;
    while (end > this.#stackBase && bytes[end - 1] === 0) end -= 1;
    this.#low = bytes.slice(0, this.scratch);
    this.#high = bytes.slice(this.#stackBase, end + headBytes);
  }

  restore(): void {
    const { bytes } = this;
    bytes.set(this.#low, 0);
    bytes.set(this.#high, this.#stackBase);
    this.api.stackRestore(this.#stackBase);
  }

  /** Nothing of the host but what stands here: no files, no environment, no clock. */
  #imports(writeNumber: WriteNumber): Readonly<Record<string, Readonly<Record<string, WebAssembly.Host>>>> {
    const refuse = (): number => noSuchCall;
    return {
      env: {
        ...Object.fromEntries(unusedImports.map((name) => [name, refuse])),
        exit: panic,
        invoke_vii: (index = 0, first = 0, second = 0) => this.#invoke(index, first, second),
        emscripten_memcpy_js: (to = 0, from = 0, length = 0) => this.#copy(to, from, length),
        emscripten_date_now: () => 0,
        emscripten_resize_heap: (wanted = 0) => this.#resize(wanted),
        _emscripten_throw_longjmp: throwLongjmp,
        [numberImport]: (target = 0, _format = 0, values = 0) => this.#writeNumber(writeNumber, target, values),
      },
      wasi_snapshot_preview1: Object.fromEntries(unusedWasi.map((name) => [name, refuse])),
    };
  }

  #invoke(index: number, first: number, second: number): undefined {
    const { api } = this;
    this.#charge(fuelForCall);
    const stack = api.stackSave();
    try {
      api.__indirect_function_table.get(index)?.(first, second);
    } catch (error) {
      // Anything else, such as a budget that is used up, is nothing that a script may catch.
      if (error !== longjmp) throw error;
      this.#charge(fuelForThrow);
      api.stackRestore(stack);
      api.setThrew(1, 0);
    }
  }

  #charge(steps: number): void {
    const { fuel } = this.api;
    fuel.value = Math.max(0, fuel.value - Math.ceil(steps));
  }

  #copy(to: number, from: number, length: number): undefined {
    this.#charge(length / bytesForFuel);
    this.bytes.copyWithin(to, from, from + length);
  }

  /** 1: there is so much memory now, 0: no. */
  #resize(wanted: number): number {
    const size = wanted >>> 0;
    if (size > this.#maxMemoryBytes) return 0;
    // In larger steps, since each step makes the views of memory anew.
    const target = Math.min(this.#maxMemoryBytes, Math.max(size, this.bytes.length + 16 * pageBytes));
    this.api.memory.grow(Math.ceil((target - this.bytes.length) / pageBytes));
    return 1;
  }

  #writeNumber(write: WriteNumber, target: number, values: number): undefined {
    const { bytes } = this;
    this.#charge(fuelForNumber);
    write(bytes, target, new DataView(bytes.buffer).getFloat64(values, true));
  }
}

/** Our own work is not metered: what it costs in turns of a loop. */
const bytesForFuel = 4;
const fuelForCall = 20;
const fuelForThrow = 2_000;
const fuelForNumber = 200;

export const maxFuel = 2 ** 31 - 1;
const setUpFuel = maxFuel;

/** Of what Lua's libraries for files and time would use; they are not opened. */
const noSuchCall = -1;

/** Has the type of a number's formatting, and only `os.date` in C would use it. */
export const numberImport = "_tzset_js";

const unusedImports = [
  "strftime",
  "_emscripten_get_now_is_monotonic",
  "__syscall_openat",
  "__syscall_fcntl64",
  "__syscall_ioctl",
  "__syscall_dup3",
  "__syscall_unlinkat",
  "__syscall_rmdir",
  "__syscall_renameat",
  "_emscripten_system",
  "__syscall_readlinkat",
  "_mktime_js",
  "_localtime_js",
  "_gmtime_js",
];

const unusedWasi = ["fd_write", "fd_read", "fd_close", "environ_sizes_get", "environ_get", "fd_seek"];

function panic(): never {
  throw new MachinePanic("the state has ended");
}

function throwLongjmp(): never {
  throw longjmp;
}

/**
 * A module that imports a function of type i32 → i32 and exports it again: a table takes functions of modules only.
 */
const passingModule = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x06, 0x01, 0x60, 0x01, 0x7f, 0x01, 0x7f],
  ...[0x02, 0x07, 0x01, 0x01, 0x65, 0x01, 0x66, 0x00, 0x00],
  ...[0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00],
]);

function asWasmFunction(call: (state: number) => number): WebAssembly.Host {
  const module = new WebAssembly.Module(passingModule);
  const { f } = new WebAssembly.Instance(module, { e: { f: (state = 0) => call(state) } }).exports;
  if (typeof f === "function") return f as WebAssembly.Host;
  throw new EngineError("SCRIPT_FAILED", "WebAssembly module: a function is missing");
}

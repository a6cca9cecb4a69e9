import { EngineError } from "../errors.ts";
import {
  type Instruction,
  joinBytes,
  opcodes,
  readInstruction,
  readSections,
  type Section,
  sectionIds,
  unsignedBytes,
  WasmReader,
  withEntry,
  writeSections,
} from "./wasm-module.ts";

/** A call that goes elsewhere: `import` takes the place of functions of its own type that are called with `argument`. */
export interface Detour {
  /** A text in the module's memory, which stands there once. */
  readonly argument: string;
  readonly import: string;
  /** How many calls there are: another count means another module than the one this was written for. */
  readonly calls: number;
}

/**
 * The same module with a budget: the exported i32 global `fuel` goes down by one at each turn of a loop and at each call of
 * a function that calls others, and at zero the module traps. So the budget holds wherever time is spent, inside library
 * functions too, and counts the same each time.
 * @throws EngineError when the module is none that this can read
 */
export function meterModule(bytes: Uint8Array, detour: Detour): Uint8Array<ArrayBuffer> {
  const sections = readSections(bytes);
  const fuel = withEntry(bodyOf(sections, sectionIds.global), fuelGlobal);
  const name = new TextEncoder().encode("fuel");
  const fuelExport = Uint8Array.of(name.length, ...name, 0x03, ...unsignedBytes(fuel.index));
  const exports = withEntry(bodyOf(sections, sectionIds.export), fuelExport);
  const code = meterCode(bodyOf(sections, sectionIds.code), fuel.index, detourOf(sections, detour));
  const changed = new Map([
    [sectionIds.global as number, fuel.body],
    [sectionIds.export as number, exports.body],
    [sectionIds.code as number, code],
  ]);
  return writeSections(
    bytes,
    sections.map(({ id, body }) => ({ id, body: changed.get(id) ?? body })),
  );
}

/** A mutable i32 that begins with 0. */
const fuelGlobal = Uint8Array.of(0x7f, 0x01, 0x41, 0x00, 0x0b);

function bodyOf(sections: readonly Section[], id: number): Uint8Array {
  const section = sections.find((one) => one.id === id);
  if (section === undefined) throw new EngineError("SCRIPT_FAILED", `WebAssembly module: section ${id} is missing`);
  return section.body;
}

/** If fuel is 0 trap, else take one of it. */
function chargeBytes(fuel: number): Uint8Array {
  const index = unsignedBytes(fuel);
  const trapAtZero = [0x23, ...index, 0x45, 0x04, 0x40, 0x00, 0x0b];
  const takeOne = [0x23, ...index, 0x41, 0x01, 0x6b, 0x24, ...index];
  return Uint8Array.from([...trapAtZero, ...takeOne]);
}

interface ResolvedDetour {
  readonly address: number;
  readonly target: Uint8Array;
  readonly calls: number;
  /** Whether a function has the type of the target. */
  fits(index: number): boolean;
}

function detourOf(sections: readonly Section[], { argument, import: name, calls }: Detour): ResolvedDetour {
  const address = addressOf(bodyOf(sections, sectionIds.data), argument);
  const imports = functionImports(bodyOf(sections, sectionIds.import));
  const index = imports.findIndex((one) => one.name === name);
  if (index < 0) throw new EngineError("SCRIPT_FAILED", `WebAssembly module: it does not import ${name}`);
  const types = [...imports.map(({ type }) => type), ...functionTypes(bodyOf(sections, sectionIds.function))];
  const target = Uint8Array.of(opcodes.call, ...unsignedBytes(index));
  return { address, target, calls, fits: (other) => types[other] === types[index] };
}

interface FunctionImport {
  readonly name: string;
  readonly type: number;
}

function functionImports(body: Uint8Array): FunctionImport[] {
  const reader = new WasmReader(body);
  const imports: FunctionImport[] = [];
  for (let left = reader.unsigned(); left > 0; left -= 1) {
    reader.text();
    const name = reader.text();
    if (reader.byte() !== 0) throw new EngineError("SCRIPT_FAILED", "WebAssembly module: an import is no function");
    imports.push({ name, type: reader.unsigned() });
  }
  return imports;
}

function functionTypes(body: Uint8Array): number[] {
  const reader = new WasmReader(body);
  return Array.from({ length: reader.unsigned() }, () => reader.unsigned());
}

/** Where a text that ends with a zero byte lies in memory. */
function addressOf(body: Uint8Array, text: string): number {
  const wanted = Buffer.from(`\0${text}\0`, "latin1");
  const reader = new WasmReader(body);
  const found: number[] = [];
  for (let left = reader.unsigned(); left > 0; left -= 1) {
    reader.unsigned();
    const offset = readInstruction(reader).operand;
    reader.byte();
    const at = Buffer.from(reader.take(reader.unsigned())).indexOf(wanted);
    if (at >= 0) found.push(offset + at + 1);
  }
  const [address] = found;
  if (address === undefined || found.length > 1) {
    throw new EngineError("SCRIPT_FAILED", `WebAssembly module: "${text}" stands there ${found.length} times`);
  }
  return address;
}

function meterCode(body: Uint8Array, fuel: number, detour: ResolvedDetour): Uint8Array {
  const reader = new WasmReader(body);
  const count = reader.unsigned();
  const parts: Uint8Array[] = [Uint8Array.from(unsignedBytes(count))];
  const charge = chargeBytes(fuel);
  let calls = 0;
  for (let index = 0; index < count; index += 1) {
    const metered = meterFunction(reader.take(reader.unsigned()), charge, detour);
    calls += metered.detours;
    parts.push(Uint8Array.from(unsignedBytes(metered.body.length)), metered.body);
  }
  if (calls === detour.calls) return joinBytes(parts);
  throw new EngineError("SCRIPT_FAILED", `WebAssembly module: ${calls} calls are turned, not ${detour.calls}`);
}

function meterFunction(
  body: Uint8Array,
  charge: Uint8Array,
  detour: ResolvedDetour,
): { readonly body: Uint8Array; readonly detours: number } {
  const reader = new WasmReader(body);
  skipLocals(reader);
  const start = reader.at;
  const instructions: Instruction[] = [];
  while (!reader.isAtEnd) instructions.push(readInstruction(reader));
  const callsOthers = instructions.some(({ opcode }) => opcode === opcodes.call || opcode === opcodes.callIndirect);
  const parts = [body.subarray(0, start), ...(callsOthers ? [charge] : [])];
  let from = start;
  let detours = 0;
  for (const [index, { opcode, start: at, end }] of instructions.entries()) {
    if (opcode === opcodes.loop) {
      parts.push(body.subarray(from, end), charge);
      from = end;
    } else if (isTurned(instructions, index, detour)) {
      parts.push(body.subarray(from, at), detour.target);
      from = end;
      detours += 1;
    }
  }
  return { body: joinBytes([...parts, body.subarray(from)]), detours };
}

/** Between the argument and the call stands what gives the last argument: an address, as a variable and an offset. */
const farthest = 4;

function isTurned(instructions: readonly Instruction[], index: number, detour: ResolvedDetour): boolean {
  const call = instructions[index];
  if (call?.opcode !== opcodes.call || !detour.fits(call.operand)) return false;
  const before = instructions.slice(Math.max(0, index - farthest), index);
  const given = before.findLastIndex(
    ({ opcode, operand }) => opcode === opcodes.i32Const && operand === detour.address,
  );
  return given >= 0 && !before.slice(given).some(({ opcode }) => opcode === opcodes.call);
}

function skipLocals(reader: WasmReader): void {
  for (let left = reader.unsigned(); left > 0; left -= 1) {
    reader.unsigned();
    reader.byte();
  }
}

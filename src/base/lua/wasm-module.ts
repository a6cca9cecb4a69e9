import { EngineError } from "../errors.ts";

/**
 * Reads and changes WebAssembly in its binary form (webassembly.github.io/spec, "Binary Format"): only as much as it takes
 * to give a module a budget.
 */

export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

export const sectionIds = { type: 1, import: 2, function: 3, global: 6, export: 7, code: 10, data: 11 } as const;

const headerLength = 8;

/** Walks over bytes that a compiler wrote; what it does not know ends in an error. */
export class WasmReader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw unreadable("it ends too early");
    this.at += 1;
    return byte;
  }

  unsigned(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw unreadable("a number is too long");
  }

  /** A signed number of at most 64 bits whose value does not matter. */
  skipNumber(): void {
    for (let length = 0; length < 10; length += 1) if (this.byte() < 0x80) return;
    throw unreadable("a number is too long");
  }

  signed(): number {
    const from = this.at;
    const value = this.unsigned();
    const bits = (this.at - from) * 7;
    const isNegative = ((this.bytes[this.at - 1] ?? 0) & 0x40) !== 0;
    return isNegative && bits < 35 ? value - 2 ** bits : value | 0;
  }

  take(length: number): Uint8Array {
    const part = this.bytes.subarray(this.at, this.at + length);
    if (part.length < length) throw unreadable("it ends too early");
    this.at += length;
    return part;
  }

  text(): string {
    return new TextDecoder().decode(this.take(this.unsigned()));
  }
}

function unreadable(why: string): EngineError {
  return new EngineError("SCRIPT_FAILED", `WebAssembly module: ${why}`);
}

/** @throws EngineError when it is no module of version 1 */
export function readSections(bytes: Uint8Array): Section[] {
  const reader = new WasmReader(bytes, headerLength);
  if (new TextDecoder().decode(bytes.subarray(0, 5)) !== "\0asm\u0001") throw unreadable("it is none of version 1");
  const sections: Section[] = [];
  while (!reader.isAtEnd) {
    const id = reader.byte();
    sections.push({ id, body: reader.take(reader.unsigned()) });
  }
  return sections;
}

export function writeSections(header: Uint8Array, sections: readonly Section[]): Uint8Array<ArrayBuffer> {
  return joinBytes([
    header.subarray(0, headerLength),
    ...sections.flatMap(({ id, body }) => [Uint8Array.of(id, ...unsignedBytes(body.length)), body]),
  ]);
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function unsignedBytes(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

/** Of what is counted in a section: its number and the rest of the section, with one entry more. */
export function withEntry(body: Uint8Array, entry: Uint8Array): { readonly body: Uint8Array; readonly index: number } {
  const reader = new WasmReader(body);
  const count = reader.unsigned();
  const rest = body.subarray(reader.at);
  return { body: joinBytes([Uint8Array.from(unsignedBytes(count + 1)), rest, entry]), index: count };
}

export interface Instruction {
  readonly opcode: number;
  /** Where it begins and ends. */
  readonly start: number;
  readonly end: number;
  /** The first number behind the opcode, where it has one. */
  readonly operand: number;
}

export const opcodes = { loop: 0x03, call: 0x10, callIndirect: 0x11, i32Const: 0x41 } as const;

/** The next instruction. @throws EngineError for SIMD, threads and exceptions, which cannot be counted here */
export function readInstruction(reader: WasmReader): Instruction {
  const start = reader.at;
  const opcode = reader.byte();
  const operand = readOperands(reader, opcode);
  return { opcode, start, end: reader.at, operand };
}

function readOperands(reader: WasmReader, opcode: number): number {
  switch (operandsOf(opcode)) {
    case "none":
      return 0;
    case "one":
      return reader.unsigned();
    case "two": {
      const first = reader.unsigned();
      reader.unsigned();
      return first;
    }
    case "signed":
      return reader.signed();
    case "long":
      reader.skipNumber();
      return 0;
    case "float":
      reader.take(opcode === 0x43 ? 4 : 8);
      return 0;
    case "list":
      return readList(reader, opcode);
    case "prefixed":
      return readPrefixed(reader);
    default:
      throw unreadable(`opcode ${opcode.toString(16)} is not known`);
  }
}

type Operands = "none" | "one" | "two" | "signed" | "long" | "float" | "list" | "prefixed";

/** From the first opcode of a row to the last one. */
const operandRows: readonly (readonly [from: number, to: number, operands: Operands])[] = [
  [0x00, 0x01, "none"],
  [0x02, 0x04, "long"], // a block's type
  [0x05, 0x05, "none"],
  [0x0b, 0x0b, "none"],
  [0x0c, 0x0d, "one"],
  [0x0e, 0x0e, "list"],
  [0x0f, 0x0f, "none"],
  [0x10, 0x10, "one"],
  [0x11, 0x11, "two"],
  [0x1a, 0x1b, "none"],
  [0x1c, 0x1c, "list"],
  [0x20, 0x26, "one"],
  [0x28, 0x3e, "two"],
  [0x3f, 0x40, "one"],
  [0x41, 0x41, "signed"],
  [0x42, 0x42, "long"],
  [0x43, 0x44, "float"],
  [0x45, 0xc4, "none"],
  [0xd0, 0xd0, "one"],
  [0xd1, 0xd1, "none"],
  [0xd2, 0xd2, "one"],
  [0xfc, 0xfc, "prefixed"],
];

function operandsOf(opcode: number): Operands | undefined {
  return operandRows.find(([from, to]) => from <= opcode && opcode <= to)?.[2];
}

function readList(reader: WasmReader, opcode: number): number {
  const count = reader.unsigned() + (opcode === 0x0e ? 1 : 0);
  for (let index = 0; index < count; index += 1) reader.unsigned();
  return count;
}

/** Conversions that do not trap, and what moves whole ranges of memory or tables. */
function readPrefixed(reader: WasmReader): number {
  const kind = reader.unsigned();
  if (kind > 17) throw unreadable(`opcode fc ${kind} is not known`);
  const count = kind < 8 ? 0 : [9, 11, 13, 15, 16, 17].includes(kind) ? 1 : 2;
  for (let index = 0; index < count; index += 1) reader.unsigned();
  return kind;
}

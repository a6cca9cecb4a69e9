import { badRequest, type StatusError } from "./status-error.ts";

/** One field as it stands: a number for varints, bytes for everything else. */
export interface WireField {
  readonly number: number;
  readonly value: bigint | Buffer;
}

/** The fields of a message, in their order. @throws StatusError 400 */
export function* wireFields(bytes: Buffer): Generator<WireField> {
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    const kind = Number(tag.value & 7n);
    const number = Number(tag.value >> 3n);
    if (kind === 0) {
      const { value, end } = readVarint(bytes, tag.end);
      yield { number, value };
      at = end;
      continue;
    }
    const { start, end } = extent(bytes, tag.end, kind);
    if (end > bytes.length) throw damaged();
    yield { number, value: bytes.subarray(start, end) };
    at = end;
  }
}

function extent(bytes: Buffer, at: number, kind: number): { readonly start: number; readonly end: number } {
  if (kind === 1) return { start: at, end: at + 8 };
  if (kind === 5) return { start: at, end: at + 4 };
  if (kind !== 2) throw damaged();
  const length = readVarint(bytes, at);
  return { start: length.end, end: length.end + Number(length.value) };
}

function readVarint(bytes: Buffer, start: number): { readonly value: bigint; readonly end: number } {
  let value = 0n;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value, end: start + index + 1 };
  }
  throw damaged();
}

export function integerOf(value: bigint | Buffer): number {
  if (typeof value !== "bigint") throw damaged();
  return Number(BigInt.asIntN(64, value));
}

export function bytesOf(value: bigint | Buffer): Buffer {
  if (typeof value === "bigint") throw damaged();
  return value;
}

export function damaged(): StatusError {
  return badRequest("the protobuf body of the request is damaged");
}

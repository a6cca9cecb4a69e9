/** The wire format of protobuf, as far as messages of texts, bytes and flags need it. */

export interface ProtobufField {
  readonly number: number;
  /** Of a text, of bytes and of a message; else empty. */
  readonly bytes: Buffer;
  /** Of a number or a flag; else 0. Larger ones than 32 bits are cut. */
  readonly varint: number;
}

/** A text, bytes or a message. An empty one is left out, as that is its default. */
export function encodeBytes(field: number, value: Buffer): Buffer {
  if (value.length === 0) return value;
  return Buffer.concat([Buffer.from([(field << 3) | 2]), encodeVarint(value.length), value]);
}

/** A flag; false is left out. */
export function encodeFlag(field: number, value: boolean): Buffer {
  return value ? Buffer.from([field << 3, 1]) : Buffer.alloc(0);
}

/** In their order, with those that the caller does not know. @throws RangeError for what is no protobuf */
export function* decodeFields(bytes: Buffer): Generator<ProtobufField> {
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    const type = tag.value & 7;
    const varint = type === 0 ? readVarint(bytes, tag.next) : { value: 0, next: tag.next };
    const body = readBody(bytes, tag.next, type);
    yield { number: tag.value >>> 3, bytes: type === 2 ? body.value : Buffer.alloc(0), varint: varint.value };
    at = body.next;
  }
}

function encodeVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

interface Read<T> {
  readonly value: T;
  readonly next: number;
}

/** The longest that there are: 64 bits. */
const maxVarintBytes = 10;

function readVarint(bytes: Buffer, from: number): Read<number> {
  let value = 0;
  for (let at = from; at < from + maxVarintBytes; at++) {
    const byte = bytes[at];
    if (byte === undefined) break;
    const shift = (at - from) * 7;
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value: value >>> 0, next: at + 1 };
  }
  throw new RangeError("the message ends in the middle of a number");
}

/** Of each wire type; only the bytes of type 2 are looked at. */
function readBody(bytes: Buffer, at: number, type: number): Read<Buffer> {
  const start = type === 2 ? readVarint(bytes, at) : { value: sizeOf(bytes, at, type), next: at };
  const next = start.next + start.value;
  if (next > bytes.length) throw new RangeError("the message ends in the middle of a field");
  return { value: bytes.subarray(start.next, next), next };
}

function sizeOf(bytes: Buffer, at: number, type: number): number {
  if (type === 0) return readVarint(bytes, at).next - at;
  if (type === 1) return 8;
  if (type === 5) return 4;
  throw new RangeError(`wire type ${type} is not known`);
}

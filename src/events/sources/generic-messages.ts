/** The two messages of `generic.Eventing`, in protobuf: a text in field 1, bytes in field 2. */

export interface GenericEventSource {
  readonly name: string;
  readonly config: Buffer;
}

export interface GenericEvent {
  readonly name: string;
  readonly payload: Buffer;
}

export function encodeEventSource({ name, config }: GenericEventSource): Buffer {
  return Buffer.concat([encodeField(1, Buffer.from(name)), encodeField(2, config)]);
}

/** Fields that it does not know are passed over. @throws RangeError for what is no protobuf */
export function decodeEvent(bytes: Buffer): GenericEvent {
  let name = "";
  let payload: Buffer = Buffer.alloc(0);
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    const field = tag.value >>> 3;
    const body = readBody(bytes, tag.next, tag.value & 7);
    if (field === 1) name = body.value.toString("utf8");
    if (field === 2) payload = body.value;
    at = body.next;
  }
  return { name, payload };
}

function encodeField(field: number, value: Buffer): Buffer {
  if (value.length === 0) return value;
  return Buffer.concat([Buffer.from([(field << 3) | 2]), encodeVarint(value.length), value]);
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

function readVarint(bytes: Buffer, from: number): Read<number> {
  let value = 0;
  for (let at = from, shift = 0; shift < 35; at++, shift += 7) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value |= (byte & 0x7f) << shift;
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

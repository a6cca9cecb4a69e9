import { decodeFields, encodeBytes } from "../../base/protobuf.ts";

/** The two messages of `generic.Eventing`: a text in field 1, bytes in field 2. */

export interface GenericEventSource {
  readonly name: string;
  readonly config: Buffer;
}

export interface GenericEvent {
  readonly name: string;
  readonly payload: Buffer;
}

export function encodeEventSource({ name, config }: GenericEventSource): Buffer {
  return Buffer.concat([encodeBytes(1, Buffer.from(name)), encodeBytes(2, config)]);
}

/** Fields that it does not know are passed over. @throws RangeError for what is no protobuf */
export function decodeEvent(bytes: Buffer): GenericEvent {
  let name = "";
  let payload: Buffer = Buffer.alloc(0);
  for (const field of decodeFields(bytes)) {
    if (field.number === 1) name = field.bytes.toString("utf8");
    if (field.number === 2) payload = field.bytes;
  }
  return { name, payload };
}

import type { JsonObject, JsonValue } from "../base/json.ts";
import { badRequest, StatusError } from "./status-error.ts";

export const protobufType = "application/vnd.kubernetes.protobuf";

/** How a field is written in JSON. `map` has string keys; `list` repeats `of`. */
type Field = readonly [name: string, type: "string" | "bytes" | "bool" | "integer" | "time" | Message | Repeated];
type Message = Readonly<Record<number, Field>>;
interface Repeated {
  readonly map?: "string" | "bytes";
  readonly list?: "string" | Message;
}

const owner: Message = {
  1: ["kind", "string"],
  3: ["name", "string"],
  4: ["uid", "string"],
  5: ["apiVersion", "string"],
  6: ["controller", "bool"],
  7: ["blockOwnerDeletion", "bool"],
};

const meta: Message = {
  1: ["name", "string"],
  2: ["generateName", "string"],
  3: ["namespace", "string"],
  5: ["uid", "string"],
  6: ["resourceVersion", "string"],
  7: ["generation", "integer"],
  8: ["creationTimestamp", "time"],
  9: ["deletionTimestamp", "time"],
  10: ["deletionGracePeriodSeconds", "integer"],
  11: ["labels", { map: "string" }],
  12: ["annotations", { map: "string" }],
  13: ["ownerReferences", { list: owner }],
  14: ["finalizers", { list: "string" }],
};

const localReference: Message = { 1: ["name", "string"] };
const objectReference: Message = {
  1: ["kind", "string"],
  2: ["namespace", "string"],
  3: ["name", "string"],
  4: ["uid", "string"],
  5: ["apiVersion", "string"],
};

/** The kinds that `kubectl create KIND` writes in protobuf and that we take; field numbers as in k8s.io/api. */
const kinds: Readonly<Record<string, Message>> = {
  "v1/ConfigMap": {
    1: ["metadata", meta],
    2: ["data", { map: "string" }],
    3: ["binaryData", { map: "bytes" }],
    4: ["immutable", "bool"],
  },
  "v1/Secret": {
    1: ["metadata", meta],
    2: ["data", { map: "bytes" }],
    3: ["type", "string"],
    4: ["stringData", { map: "string" }],
    5: ["immutable", "bool"],
  },
  "v1/Namespace": {
    1: ["metadata", meta],
    2: ["spec", { 1: ["finalizers", { list: "string" }] }],
    3: ["status", { 1: ["phase", "string"] }],
  },
  "v1/ServiceAccount": {
    1: ["metadata", meta],
    2: ["secrets", { list: objectReference }],
    3: ["imagePullSecrets", { list: localReference }],
    4: ["automountServiceAccountToken", "bool"],
  },
};

const envelope: Message = { 1: ["type", { 1: ["apiVersion", "string"], 2: ["kind", "string"] }], 2: ["raw", "bytes"] };
const magic = Buffer.from("k8s\0", "latin1");

/** An object in Kubernetes' protobuf envelope. @throws StatusError 400 (damaged), 415 (a kind that is not known here) */
export function decodeProtobuf(bytes: Buffer): JsonObject {
  if (!bytes.subarray(0, 4).equals(magic)) throw badRequest("the body of the request is not Kubernetes protobuf");
  const { type, raw } = decodeMessage(bytes.subarray(4), envelope);
  const { apiVersion = "", kind = "" } = typeof type === "object" && type !== null ? (type as JsonObject) : {};
  const message = kinds[`${String(apiVersion)}/${String(kind)}`];
  if (message === undefined) {
    const what = `${String(kind)} in version "${String(apiVersion)}"`;
    throw new StatusError(415, "UnsupportedMediaType", `${what} is not accepted as protobuf: send it as JSON or YAML`);
  }
  return { apiVersion, kind, ...decodeMessage(Buffer.from(String(raw ?? ""), "base64"), message) };
}

/** One field as it stands: a number for varints, bytes for everything of known length. */
interface WireField {
  readonly number: number;
  readonly value: bigint | Buffer;
}

function decodeMessage(bytes: Buffer, message: Message): JsonObject {
  const result: Record<string, JsonValue> = {};
  for (const wire of wireFields(bytes)) {
    const field = message[wire.number];
    if (field === undefined) continue;
    const [name, type] = field;
    const value = decodeField(wire.value, type, result[name]);
    // gogo/protobuf writes empty strings and zero times, which JSON leaves out.
    if (value !== "" && value !== null) result[name] = value;
  }
  return result;
}

function decodeField(value: bigint | Buffer, type: Field[1], before: JsonValue | undefined): JsonValue {
  if (type === "bool") return value === 1n;
  if (type === "integer") return Number(BigInt.asIntN(64, integerOf(value)));
  const bytes = bytesOf(value);
  if (type === "string") return bytes.toString("utf8");
  if (type === "bytes") return bytes.toString("base64");
  if (type === "time") return null;
  if ("map" in type)
    return { ...(before as JsonObject | undefined), ...decodeEntry(bytes, type.map as "string" | "bytes") };
  if (!("list" in type)) return decodeMessage(bytes, type as Message);
  const list = Array.isArray(before) ? before : [];
  const of = type.list as "string" | Message;
  return [...list, of === "string" ? bytes.toString("utf8") : decodeMessage(bytes, of)];
}

function decodeEntry(bytes: Buffer, type: "string" | "bytes"): JsonObject {
  const { key = "", value = "" } = decodeMessage(bytes, { 1: ["key", "string"], 2: ["value", type] });
  return { [String(key)]: value };
}

function* wireFields(bytes: Buffer): Generator<WireField> {
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    const kind = Number(tag.value & 7n);
    const number = Number(tag.value >> 3n);
    const content = readVarint(bytes, tag.end);
    if (kind === 0) {
      yield { number, value: content.value };
      at = content.end;
    } else if (kind === 2) {
      at = content.end + Number(content.value);
      if (at > bytes.length) throw damaged();
      yield { number, value: bytes.subarray(content.end, at) };
    } else throw damaged();
  }
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

function integerOf(value: bigint | Buffer): bigint {
  if (typeof value !== "bigint") throw damaged();
  return value;
}

function bytesOf(value: bigint | Buffer): Buffer {
  if (typeof value === "bigint") throw damaged();
  return value;
}

function damaged(): StatusError {
  return badRequest("the protobuf body of the request is damaged");
}

import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../base/json.ts";
import { builtInResources } from "../objects/kubernetes-types.ts";
import { fieldNumbers } from "../objects/protobuf-fields.ts";
import { fieldTypes } from "../objects/typed-fields.ts";
import { bytesOf, damaged, integerOf, wireFields } from "./protobuf-wire.ts";
import { badRequest, StatusError } from "./status-error.ts";

export const protobufType = "application/vnd.kubernetes.protobuf";

const magic = Buffer.from("k8s\0", "latin1");
const maxDepth = 100;

/** Kinds that are sent, and are not stored. */
const others = [
  ...["TokenReview", "SelfSubjectReview", "TokenRequest"].map((kind) => `authentication.v1.${kind}`),
  ...["LocalSubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"].map(
    (kind) => `authorization.v1.${kind}`,
  ),
  "autoscaling.v1.Scale",
  "policy.v1.Eviction",
];
const groups: Readonly<Record<string, string>> = {
  authentication: "authentication.k8s.io",
  authorization: "authorization.k8s.io",
};

/** The struct of each kind, by `apiVersion/Kind`. */
const structs: ReadonlyMap<string, string> = new Map([
  ...builtInResources.map(({ group, version, kind, type }): [string, string] => [
    `${group === "" ? "" : `${group}/`}${version}/${kind}`,
    type,
  ]),
  ...others.map((text): [string, string] => {
    const [group = "", version, kind] = text.split(".");
    return [`${groups[group] ?? group}/${version}/${kind}`, `io.k8s.api.${text}`];
  }),
]);

/** An object in Kubernetes' protobuf envelope. @throws StatusError 400 (damaged), 415 (a kind that is not known here) */
export function decodeProtobuf(bytes: Buffer): JsonObject {
  if (!bytes.subarray(0, 4).equals(magic)) throw badRequest("the body of the request is not Kubernetes protobuf");
  const envelope = bytes.subarray(4);
  const type = bytesOf(fieldIn(envelope, 1) ?? Buffer.alloc(0));
  const raw = bytesOf(fieldIn(envelope, 2) ?? Buffer.alloc(0));
  const [apiVersion, kind] = [fieldIn(type, 1), fieldIn(type, 2)].map((text) => text?.toString() ?? "");
  const struct = structs.get(`${apiVersion}/${kind}`);
  if (struct === undefined || fieldNumbers[struct] === undefined) {
    const message = `${String(kind)} in version "${String(apiVersion)}" is not accepted as protobuf: send it as JSON or YAML`;
    throw new StatusError(415, "UnsupportedMediaType", message);
  }
  return { apiVersion: String(apiVersion), kind: String(kind), ...decodeStruct(raw, struct, struct, 0) };
}

/** @param owner the struct that has the fields in JSON: another one where they are its parent's */
function decodeStruct(bytes: Buffer, struct: string, owner: string, depth: number): JsonObject {
  if (depth > maxDepth) throw badRequest("exceeded max depth");
  const numbers = fieldNumbers[struct] ?? {};
  const types = fieldTypes[owner] ?? {};
  const result: Record<string, JsonValue> = {};
  for (const { number, value } of wireFields(bytes)) {
    const entry = numbers[number];
    if (entry === undefined) continue;
    if (entry.startsWith("+")) {
      Object.assign(result, decodeStruct(bytesOf(value), entry.slice(1), owner, depth + 1));
      continue;
    }
    const name = entry.replace(/\*$/, "");
    const code = types[name];
    if (code === undefined) continue;
    const decoded = decodeValue(value, code, result[name], depth);
    // Go writes zero values of what is no pointer; JSON leaves them out.
    if (decoded !== null && (name !== entry || !isZero(decoded))) result[name] = decoded;
  }
  return result;
}

function isZero(value: JsonValue): boolean {
  if (isJsonObject(value)) return Object.keys(value).length === 0;
  return value === "" || value === 0 || value === false;
}

function decodeValue(
  value: bigint | Buffer,
  code: string,
  before: JsonValue | undefined,
  depth: number,
): JsonValue | null {
  if (code.startsWith("[]")) {
    const list = Array.isArray(before) ? before : [];
    return [...list, decodeOne(value, code.slice(2), depth)];
  }
  if (!code.startsWith("{}")) return decodeOne(value, code, depth);
  const of = code.slice(2);
  let [key, entry]: [string, JsonValue] = ["", isList(of) ? [] : zeroOf(of)];
  for (const part of wireFields(bytesOf(value))) {
    if (part.number === 1) key = bytesOf(part.value).toString();
    if (part.number === 2) entry = decodeOne(part.value, of, depth);
  }
  return { ...(isJsonObject(before) ? before : {}), [key]: entry };
}

function isList(code: string): boolean {
  return code.startsWith("[]");
}

function zeroOf(code: string): JsonValue {
  return code === "string" || code === "bytes" ? "" : {};
}

function decodeOne(value: bigint | Buffer, code: string, depth: number): JsonValue {
  const scalar = Object.hasOwn(scalars, code) ? scalars[code] : undefined;
  if (scalar !== undefined) return scalar(value);
  // A list within a map is a message of its own.
  if (isList(code)) {
    return [...wireFields(bytesOf(value))].map((item) => decodeOne(item.value, code.slice(2), depth + 1));
  }
  return decodeStruct(bytesOf(value), code, code, depth + 1);
}

const scalars: Readonly<Record<string, (value: bigint | Buffer) => JsonValue>> = {
  string: (value) => bytesOf(value).toString("utf8"),
  bytes: (value) => bytesOf(value).toString("base64"),
  boolean: (value) => integerOf(value) !== 0,
  integer: integerOf,
  number: (value) => bytesOf(value).readDoubleLE(0),
  quantity: (value) => String(first(value, 1)?.toString() ?? ""),
  "int-or-string": (value) => {
    const isText = first(value, 1) === 1n;
    const found = first(value, isText ? 3 : 2);
    return isText ? (found?.toString() ?? "") : found === undefined ? 0 : integerOf(found);
  },
  "date-time": (value) => timeText(value, 0),
  "date-time-micro": (value) => timeText(value, 6),
  any: (value) => {
    const raw = first(value, 1);
    if (raw === undefined) return null;
    try {
      return parseJson(bytesOf(raw).toString("utf8"));
    } catch {
      throw damaged();
    }
  },
};

function first(value: bigint | Buffer, number: number): bigint | Buffer | undefined {
  return fieldIn(bytesOf(value), number);
}

function fieldIn(bytes: Buffer, number: number): bigint | Buffer | undefined {
  for (const field of wireFields(bytes)) if (field.number === number) return field.value;
  return undefined;
}

/** Null for the zero time. */
function timeText(value: bigint | Buffer, digits: number): JsonValue {
  const seconds = first(value, 1);
  if (seconds === undefined || integerOf(seconds) === 0) return null;
  const whole = new Date(integerOf(seconds) * 1_000).toISOString().slice(0, 19);
  if (digits === 0) return `${whole}Z`;
  const nanos = first(value, 2);
  const micros = nanos === undefined ? 0 : Math.floor(integerOf(nanos) / 1_000);
  return `${whole}.${String(micros).padStart(digits, "0")}Z`;
}

import { changeFields, changeItems, isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import fields from "./kubernetes-fields.json" with { type: "json" };

/**
 * The fields of each struct of the built-in kinds: a scalar (`string`, `quantity` …), `any`, or the name of another
 * struct, with `[]` before it for a list of these and `{}` for a map.
 */
export type FieldTypes = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const fieldTypes: FieldTypes = fields.types;

/** A value that does not fit its field, in the words of Go's decoder. */
export class FieldTypeError extends Error {}

export interface Decoded {
  /** Without the fields that the kind does not have; the same object when there are none. */
  readonly object: JsonObject;
  /** Their paths: `spec.template.spec.containers[0].foo`. */
  readonly unknown: readonly string[];
}

interface Place {
  /** As messages about unknown fields have it. */
  readonly path: string;
  /** As Go's decoder has it: without indexes, after the name of the innermost struct. */
  readonly field: string;
  readonly struct: string;
}

/** Reads an object as the typed client of a real server would. @param type key of `fieldTypes` @throws FieldTypeError */
export function decodeFields(type: string, object: JsonObject): Decoded {
  const unknown: string[] = [];
  const known = readStruct(type, object, { path: "", field: "", struct: "" }, unknown);
  return { object: known as JsonObject, unknown };
}

function readStruct(type: string, value: JsonObject, place: Place, unknown: string[]): JsonValue {
  const known = fieldTypes[type] ?? {};
  const struct = shortName(type);
  return changeFields(value, (name, child) => {
    const path = place.path === "" ? name : `${place.path}.${name}`;
    const code = Object.hasOwn(known, name) ? known[name] : undefined;
    if (code === undefined) {
      unknown.push(path);
      return undefined;
    }
    const field = place.field === "" ? name : `${place.field}.${name}`;
    return readValue(code, child, { path, field, struct }, unknown);
  });
}

function readValue(code: string, value: JsonValue, place: Place, unknown: string[]): JsonValue {
  if (value === null || code === "any") return value;
  if (code.startsWith("[]")) {
    if (!Array.isArray(value)) throw mismatch(value, place, code);
    const of = code.slice(2);
    return changeItems(value as readonly JsonValue[], (item, index) =>
      readValue(of, item, { ...place, path: `${place.path}[${index}]` }, unknown),
    );
  }
  if (code.startsWith("{}")) {
    if (!isJsonObject(value)) throw mismatch(value, place, code);
    const of = code.slice(2);
    return changeFields(value, (key, item) => readValue(of, item, { ...place, path: `${place.path}.${key}` }, unknown));
  }
  const isScalar = Object.hasOwn(scalars, code) ? scalars[code] : undefined;
  if (isScalar !== undefined) {
    if (!isScalar(value)) throw mismatch(value, place, code);
    return value;
  }
  if (!isJsonObject(value)) throw mismatch(value, place, code);
  return readStruct(code, value, place, unknown);
}

const isText = (value: JsonValue): boolean => typeof value === "string";
const isInteger = (value: JsonValue): boolean => typeof value === "bigint" || Number.isInteger(value);
const quantity = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

const scalars: Readonly<Record<string, (value: JsonValue) => boolean>> = {
  string: isText,
  bytes: (value) => typeof value === "string" && /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/.test(value),
  boolean: (value) => typeof value === "boolean",
  integer: isInteger,
  number: (value) => typeof value === "number" || typeof value === "bigint",
  quantity: (value) => typeof value === "number" || (typeof value === "string" && quantity.test(value)),
  "int-or-string": (value) => isText(value) || isInteger(value),
  "date-time": (value) => typeof value === "string" && time.test(value),
  "date-time-micro": (value) => typeof value === "string" && time.test(value),
};

const goTypes: Readonly<Record<string, string>> = {
  boolean: "bool",
  integer: "int32",
  number: "float64",
  bytes: "[]uint8",
};

function mismatch(value: JsonValue, place: Place, code: string): FieldTypeError {
  if (code === "quantity" && typeof value === "string") {
    const form = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    return new FieldTypeError(`${place.path}: quantities must match the regular expression ${form}`);
  }
  if (code === "bytes" && typeof value === "string") {
    return new FieldTypeError(`${place.path}: illegal base64 data`);
  }
  if (code.startsWith("date-time") && typeof value === "string") {
    const text = JSON.stringify(value);
    return new FieldTypeError(`parsing time ${text} as "2006-01-02T15:04:05Z07:00": cannot parse ${text}`);
  }
  const into = `Go struct field ${place.struct}.${place.field} of type ${goTypeOf(code)}`;
  return new FieldTypeError(`json: cannot unmarshal ${jsonTypeOf(value)} into ${into}`);
}

function goTypeOf(code: string): string {
  if (code.startsWith("[]")) return `[]${goTypeOf(code.slice(2))}`;
  if (code.startsWith("{}")) return `map[string]${goTypeOf(code.slice(2))}`;
  if (code.startsWith("io.")) return code.split(".").slice(-2).join(".");
  return goTypes[code] ?? "string";
}

function jsonTypeOf(value: JsonValue): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" && !Number.isInteger(value)) return `number ${value}`;
  return typeof value === "bigint" ? "number" : typeof value;
}

function shortName(type: string): string {
  return type.slice(type.lastIndexOf(".") + 1);
}

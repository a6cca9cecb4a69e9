import { EngineError, messageOf } from "./errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "./json.ts";

const primitives = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"] as const;
type Primitive = (typeof primitives)[number];

/** A type of Avro as its values are read and written. `name` is what a union writes before a value of it. */
export type AvroType =
  | { readonly kind: Primitive | "decimal"; readonly name: string }
  | { readonly kind: "fixed"; readonly name: string; readonly size: number }
  | { readonly kind: "enum"; readonly name: string; readonly symbols: readonly string[] }
  | { readonly kind: "array" | "map"; readonly name: string; readonly items: AvroType }
  | { readonly kind: "union"; readonly name: string; readonly branches: readonly AvroType[] }
  | { readonly kind: "record"; readonly name: string; readonly fields: readonly AvroField[] };

interface AvroField {
  readonly name: string;
  readonly type: AvroType;
  /** What a record has that is written without the field. Absent: it has to be there. */
  readonly default?: JsonValue;
}

/** Types by their full names: what schemas refer to. */
export type AvroNames = Map<string, AvroType>;

/** A logical type has a name of its own in unions of the original (goavro), where it knows it. */
const namedLogical: ReadonlySet<string> = new Set([
  "long.timestamp-millis",
  "long.timestamp-micros",
  "int.time-millis",
  "long.time-micros",
  "int.date",
]);

/** Deeper schemas are refused, as is what has more types. */
const maxDepth = 100;
const maxTypes = 10_000;
const maxFixedBytes = 16 * 1024 * 1024;

/**
 * Reads a schema. Named types that it declares are added to `names`; those that are there already may be referred to.
 * @throws EngineError AVRO_FAILED
 */
export function parseAvroSchema(text: string, names: AvroNames = new Map()): AvroType {
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch (error) {
    throw failed(`the schema is no JSON: ${messageOf(error)}`);
  }
  return readType(json, "", { names, depth: 0, types: { count: 0 } });
}

interface Reading {
  readonly names: AvroNames;
  readonly depth: number;
  readonly types: { count: number };
}

function readType(json: JsonValue | undefined, namespace: string, outer: Reading): AvroType {
  const reading = { ...outer, depth: outer.depth + 1 };
  reading.types.count += 1;
  if (reading.depth > maxDepth) throw failed(`the schema is nested deeper than ${maxDepth}`);
  if (reading.types.count > maxTypes) throw failed(`the schema has more than ${maxTypes} types`);
  if (typeof json === "string") return primitiveOf(json) ?? knownType(json, namespace, reading.names);
  if (Array.isArray(json)) return readUnion(json, namespace, reading);
  if (isJsonObject(json)) return readObject(json, namespace, reading);
  throw failed(`the schema has ${JSON.stringify(json ?? null)} where a type is expected`);
}

function primitiveOf(name: string): AvroType | undefined {
  const kind = primitives.find((known) => known === name);
  return kind && { kind, name: kind };
}

function knownType(name: string, namespace: string, names: AvroNames): AvroType {
  const found = names.get(fullName(name, namespace)) ?? names.get(name);
  if (found) return found;
  throw failed(`the schema names a type "${name}" that it does not declare`);
}

/** The original takes the first of two branches of one name for all of them; a schema with such is not valid. */
function readUnion(json: readonly JsonValue[], namespace: string, reading: Reading): AvroType {
  const branches = json.map((branch) => readType(branch, namespace, reading));
  const twice = branches.find(({ name }, index) => branches.findIndex((other) => other.name === name) < index);
  if (branches.length === 0) throw failed("a union has no types");
  if (twice) throw failed(`a union has the type "${twice.name}" twice`);
  return { kind: "union", name: "union", branches };
}

function readObject(json: JsonObject, namespace: string, reading: Reading): AvroType {
  const { type } = json;
  if (type === "array") return { kind: type, name: type, items: readType(json.items, namespace, reading) };
  if (type === "map") return { kind: type, name: type, items: readType(json.values, namespace, reading) };
  if (type === "record" || type === "error" || type === "enum" || type === "fixed") {
    return readNamed(json, type, namespace, reading);
  }
  const inner = readType(type, namespace, reading);
  return withLogicalType(inner, json.logicalType);
}

function withLogicalType(inner: AvroType, logical: JsonValue | undefined): AvroType {
  const name = `${inner.name}.${String(logical)}`;
  if (name === "bytes.decimal") return { kind: "decimal", name };
  const primitive = primitiveOf(inner.name);
  return primitive && namedLogical.has(name) ? ({ ...primitive, name } as AvroType) : inner;
}

function readNamed(json: JsonObject, kind: string, outer: string, reading: Reading): AvroType {
  const own = typeof json.namespace === "string" ? json.namespace : outer;
  if (typeof json.name !== "string" || json.name === "") throw failed(`a type "${kind}" has no name`);
  const name = fullName(json.name, own);
  const type = ((): AvroType => {
    if (kind === "enum") return { kind, name, symbols: symbolsOf(json, name) };
    if (kind === "fixed") return { kind, name, size: sizeOf(json, name) };
    return { kind: "record", name, fields: [] };
  })();
  reading.names.set(name, type);
  if (type.kind === "record") {
    // Filled once it has its name: a record may contain itself.
    const fields = type.fields as AvroField[];
    fields.push(...fieldsOf(json, name, reading));
  }
  return type;
}

function fieldsOf(json: JsonObject, name: string, reading: Reading): AvroField[] {
  if (!Array.isArray(json.fields)) throw failed(`the record "${name}" has no fields`);
  const namespace = name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : "";
  return json.fields.map((field: JsonValue) => {
    if (!isJsonObject(field) || typeof field.name !== "string") {
      throw failed(`the record "${name}" has a field without a name`);
    }
    const fallback = field.default === undefined ? {} : { default: field.default };
    return { name: field.name, type: readType(field.type, namespace, reading), ...fallback };
  });
}

function symbolsOf({ symbols }: JsonObject, name: string): readonly string[] {
  const isText = (symbol: JsonValue): symbol is string => typeof symbol === "string";
  if (Array.isArray(symbols) && symbols.every(isText)) return symbols;
  throw failed(`the enum "${name}" has no symbols`);
}

function sizeOf({ size }: JsonObject, name: string): number {
  if (typeof size === "number" && Number.isInteger(size) && size >= 0 && size <= maxFixedBytes) return size;
  throw failed(`the fixed "${name}" has no size from 0 to ${maxFixedBytes}`);
}

function fullName(name: string, namespace: string): string {
  return name.includes(".") || namespace === "" ? name : `${namespace}.${name}`;
}

function failed(message: string): EngineError {
  return new EngineError("AVRO_FAILED", message);
}

import type { AvroType } from "./avro-schema.ts";
import { EngineError } from "./errors.ts";
import { isJsonObject, type JsonValue } from "./json.ts";

const maxDepth = 500;

type Of<Kind extends AvroType["kind"]> = AvroType & { readonly kind: Kind };

/**
 * A value as Avro's bytes, taken from JSON as goavro takes it: a value of a union under the name of its type, null alone;
 * bytes and fixed from a text's UTF-8; a record's fields by name, what is missing from the schema's defaults, what the
 * schema does not name left out. Integers keep all of their digits, which the original does not. Decimals have no form in
 * JSON there, and none here.
 * @throws EngineError AVRO_FAILED that names the place (`order.items[2]`), not the value
 */
export function encodeAvro(type: AvroType, value: JsonValue): Buffer {
  return write(type, value, "", 0);
}

function write(type: AvroType, value: JsonValue, place: string, depth: number): Buffer {
  if (depth > maxDepth) throw failed(place, `is nested deeper than ${maxDepth}`);
  switch (type.kind) {
    case "record":
      return writeRecord(type, value, place, depth);
    case "union":
      return writeUnion(type, value, place, depth);
    case "array":
      return writeArray(type, value, place, depth);
    case "map":
      return writeMap(type, value, place, depth);
    case "enum":
      return writeSymbol(type, value, place);
    case "fixed":
      return writeFixed(type, value, place);
    default:
      return writePrimitive(type, value, place);
  }
}

function writeRecord({ name, fields }: Of<"record">, value: JsonValue, place: string, depth: number): Buffer {
  if (!isJsonObject(value)) throw mismatch(place, value, `an object: a record "${name}"`);
  const parts = fields.map(({ name: field, type, default: fallback }) => {
    const at = place === "" ? field : `${place}.${field}`;
    if (Object.hasOwn(value, field)) return write(type, value[field] ?? null, at, depth + 1);
    if (fallback !== undefined) return write(type, valueOfDefault(type, fallback), at, depth + 1);
    throw failed(at, "is missing, and the schema has no default for it");
  });
  return Buffer.concat(parts);
}

function writeUnion({ branches }: Of<"union">, value: JsonValue, place: string, depth: number): Buffer {
  const name = value === null ? "null" : onlyKey(value);
  const index = branches.findIndex((branch) => branch.name === name);
  const branch = branches[index];
  if (!branch || name === undefined) throw mismatch(place, value, unionForms(branches));
  const inner = isJsonObject(value) ? (value[name] ?? null) : null;
  return Buffer.concat([long(BigInt(index)), write(branch, inner, place, depth + 1)]);
}

function writeArray({ items }: Of<"array" | "map">, value: JsonValue, place: string, depth: number): Buffer {
  if (!Array.isArray(value)) throw mismatch(place, value, "an array");
  return block(value.map((item: JsonValue, index) => write(items, item, `${place}[${index}]`, depth + 1)));
}

function writeMap({ items }: Of<"array" | "map">, value: JsonValue, place: string, depth: number): Buffer {
  if (!isJsonObject(value)) throw mismatch(place, value, "an object: a map");
  return block(
    Object.entries(value).map(([key, item]) =>
      Buffer.concat([sized(key), write(items, item, place === "" ? key : `${place}.${key}`, depth + 1)]),
    ),
  );
}

/** One block of all of them, and the empty one that ends it. */
function block(items: readonly Buffer[]): Buffer {
  return items.length === 0 ? long(0n) : Buffer.concat([long(BigInt(items.length)), ...items, long(0n)]);
}

function writeSymbol({ name, symbols }: Of<"enum">, value: JsonValue, place: string): Buffer {
  const index = typeof value === "string" ? symbols.indexOf(value) : -1;
  if (index < 0) throw mismatch(place, value, `one of the symbols of the enum "${name}": ${symbols.join(", ")}`);
  return long(BigInt(index));
}

function writeFixed({ name, size }: Of<"fixed">, value: JsonValue, place: string): Buffer {
  if (typeof value !== "string") throw mismatch(place, value, `a string: the fixed "${name}"`);
  const bytes = Buffer.from(value, "utf8");
  if (bytes.length === size) return bytes;
  throw failed(place, `has ${bytes.length} bytes, and the fixed "${name}" has ${size}`);
}

function writePrimitive({ kind, name }: AvroType, value: JsonValue, place: string): Buffer {
  switch (kind) {
    case "null":
      if (value === null) return Buffer.alloc(0);
      throw mismatch(place, value, "null");
    case "boolean":
      if (typeof value === "boolean") return Buffer.from([value ? 1 : 0]);
      throw mismatch(place, value, "a boolean");
    case "int":
    case "long":
      return long(integerOf(value, kind, place, name));
    case "float":
    case "double":
      return numberOf(value, kind, place);
    case "bytes":
    case "string":
      if (typeof value === "string") return sized(value);
      throw mismatch(place, value, "a string");
    default:
      throw failed(place, `is of the type "${name}", which has no form in JSON`);
  }
}

function numberOf(value: JsonValue, kind: "float" | "double", place: string): Buffer {
  if (typeof value !== "number" && typeof value !== "bigint") throw mismatch(place, value, `a number: a ${kind}`);
  if (!Number.isFinite(Number(value))) throw failed(place, "is larger than any float of 64 bits");
  const bytes = Buffer.alloc(kind === "float" ? 4 : 8);
  if (kind === "float") bytes.writeFloatLE(Number(value));
  else bytes.writeDoubleLE(Number(value));
  return bytes;
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([long(BigInt(bytes.length)), bytes]);
}

/** Zigzag, seven bits a byte. */
function long(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

const bitsOf = { int: 32, long: 64 } as const;

function integerOf(value: JsonValue, kind: "int" | "long", place: string, name: string): bigint {
  if (typeof value !== "bigint" && !(typeof value === "number" && Number.isInteger(value))) {
    throw mismatch(place, value, `an integer: ${name}`);
  }
  const integer = BigInt(value);
  if (BigInt.asIntN(bitsOf[kind], integer) !== integer) throw failed(place, `is no integer of ${bitsOf[kind]} bits`);
  return integer;
}

/** Of a union the first type is meant; a default of "null" is null, as in the original. */
function valueOfDefault(type: AvroType, fallback: JsonValue): JsonValue {
  if (type.kind !== "union") return fallback;
  const [first] = type.branches;
  if (!first || first.kind === "null") return fallback === "null" ? null : fallback;
  return { [first.name]: fallback };
}

function onlyKey(value: JsonValue): string | undefined {
  if (!isJsonObject(value)) return undefined;
  const keys = Object.keys(value);
  return keys.length === 1 ? keys[0] : undefined;
}

function unionForms(branches: readonly AvroType[]): string {
  const forms = branches.map(({ kind, name }) => (kind === "null" ? "null" : `{${JSON.stringify(name)}: …}`));
  return forms.join(" or ");
}

function mismatch(place: string, value: JsonValue, expected: string): EngineError {
  return failed(place, `is ${kindOf(value)}, and must be ${expected}`);
}

function kindOf(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return typeof value === "bigint" ? "a number" : `a ${typeof value}`;
}

function failed(place: string, message: string): EngineError {
  return new EngineError("AVRO_FAILED", `${place === "" ? "the value" : place} ${message}`);
}

import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { JsonSchema, Problem } from "../base/schema.ts";

/**
 * A copy of `value` as Go decodes it: a field that is null counts as absent. Fields that the schema does not know are
 * kept and added to `problems` as warnings.
 */
export function readFields(value: JsonValue, schema: JsonSchema, path: string, problems: Problem[]): JsonValue {
  if (Array.isArray(value)) return value.map((item, index) => readItem(item, schema, `${path}[${index}]`, problems));
  if (!isJsonObject(value) || (!schema.properties && !mapSchema(schema))) return value;
  const fields = Object.entries(value).flatMap(([key, child]) => readField(key, child, schema, path, problems));
  return Object.fromEntries(fields);
}

function readField(
  key: string,
  child: JsonValue,
  schema: JsonSchema,
  path: string,
  problems: Problem[],
): [string, JsonValue][] {
  const known = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
  if (known) return child === null ? [] : [[key, readFields(child, known, `${path}.${key}`, problems)]];
  const entry = mapSchema(schema);
  if (entry) {
    // A map's entry without a value is an empty one; a field without a value is not there.
    const filled = child === null && entry.type === "object" ? {} : child;
    return [[key, readFields(filled, entry, `${path}.${key}`, problems)]];
  }
  if (!isOpen(schema)) problems.push(unknownField(key, Object.keys(schema.properties ?? {}), path));
  return [[key, child]];
}

function mapSchema(schema: JsonSchema): JsonSchema | undefined {
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

function readItem(item: JsonValue, schema: JsonSchema, path: string, problems: Problem[]): JsonValue {
  if (!schema.items) return item;
  return readFields(item === null && schema.items.type === "object" ? {} : item, schema.items, path, problems);
}

function isOpen(schema: JsonSchema): boolean {
  return schema["x-kubernetes-preserve-unknown-fields"] === true || schema.additionalProperties === true;
}

function unknownField(key: string, known: readonly string[], path: string): Problem {
  const likely = known.find((name) => name.toLowerCase() === key.toLowerCase());
  const hint = likely ? `; did you mean "${likely}"?` : "";
  return { severity: "warning", path: `${path}.${key}`, message: `unknown field, it has no effect${hint}` };
}

/** The value if it is an object, else an empty one: for rules that run beside the check of the types. */
export function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

export function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

/** Go's zero value for anything that is no text. */
export function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

export function errorAt(path: string, message: string, suggestion?: string): Problem {
  return { severity: "error", path, message, ...(suggestion === undefined ? {} : { suggestion }) };
}

export function warningAt(path: string, message: string, suggestion?: string): Problem {
  return { severity: "warning", path, message, ...(suggestion === undefined ? {} : { suggestion }) };
}

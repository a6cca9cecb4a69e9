import { changeFields, changeItems, isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { JsonSchema, Problem } from "../base/schema.ts";
import { type Level, suggestPlace } from "./field-places.ts";

/** Beyond so many problems unknown fields get no suggestions, so that the time stays linear. */
export const maxSuggestions = 100;

/**
 * `value` as Go decodes it, itself where nothing differs: a field that is null counts as absent. Fields that the schema does not know are
 * kept and added to `problems` as warnings.
 */
export function readFields(value: JsonValue, schema: JsonSchema, path: string, problems: Problem[]): JsonValue {
  return isPlain(value, shapeOf(schema)) ? value : readValue(value, { schema, path }, problems);
}

/** What `isPlain` asks of a schema. Made once for each, since names are found in a Map faster than in an object. */
interface Shape {
  readonly items: Shape | undefined;
  /** Absent where it knows no names, but all values. */
  readonly fields: ReadonlyMap<string, Shape> | undefined;
  /** Of fields that have no name. */
  readonly entry: Shape | undefined;
}

const shapes = new WeakMap<JsonSchema, Shape>();

/** Of what has nothing below it, as most fields. */
const scalar: Shape = { items: undefined, fields: undefined, entry: undefined };

function shapeOf(schema: JsonSchema): Shape {
  const known = shapes.get(schema);
  if (known) return known;
  const { items, properties } = schema;
  const entry = mapSchema(schema);
  if (!items && !properties && !entry) return scalar;
  const shape: Shape = {
    items: items && shapeOf(items),
    fields: properties && new Map(Object.entries(properties).map(([name, field]) => [name, shapeOf(field)])),
    entry: entry && shapeOf(entry),
  };
  shapes.set(schema, shape);
  return shape;
}

/** Whether nothing differs and every field is known. The usual case, for which no paths need to be made. */
function isPlain(value: JsonValue | undefined, { items, fields, entry }: Shape): boolean {
  if (typeof value !== "object") return typeof value !== "bigint";
  if (value === null) return false;
  if (Array.isArray(value)) return items === undefined || value.every((item) => isPlain(item, items));
  if (!isJsonObject(value) || (!fields && !entry)) return true;
  for (const key in value) {
    const known = fields?.get(key) ?? entry;
    if (!known || !isPlain(value[key], known)) return false;
  }
  return true;
}

function readValue(value: JsonValue, level: Level, problems: Problem[]): JsonValue {
  const { schema, path } = level;
  if (typeof value === "bigint") return readInteger(value, schema, path, problems);
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!items) return value;
    return changeItems(value, (item, index) =>
      readValue(filled(item, items), { ...level, schema: items, path: `${path}[${index}]` }, problems),
    );
  }
  if (!isJsonObject(value) || (!schema.properties && !mapSchema(schema))) return value;
  const here: Level = { ...level, value };
  return changeFields(value, (key, child) => readField(key, child, here, problems));
}

/** Undefined: it counts as absent. */
function readField(key: string, child: JsonValue, level: Level, problems: Problem[]): JsonValue | undefined {
  const { schema } = level;
  const known = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
  if (known && child === null) return undefined;
  if (typeof child !== "object" && typeof child !== "bigint" && known) return child;
  const path = `${level.path}.${key}`;
  if (known) return readValue(child, { schema: known, path, up: level }, problems);
  const entry = mapSchema(schema);
  if (entry) return readValue(filled(child, entry), { schema: entry, path, up: level }, problems);
  if (!isOpen(schema)) {
    const suggestion = problems.length < maxSuggestions ? suggestPlace(key, level) : undefined;
    problems.push(warningAt(path, "unknown field, it has no effect", suggestion));
  }
  return child;
}

/** Where a number is asked for, Go's 64 bits are enough for it, and a number of ours is for what we do with it. */
function readInteger(value: bigint, { type }: JsonSchema, path: string, problems: Problem[]): JsonValue {
  if (type !== "integer" && type !== "number") return value;
  if (type === "integer" && BigInt.asIntN(64, value) !== value) {
    problems.push(errorAt(path, `${value} does not fit an integer of 64 bits`));
  }
  return Number(value);
}

/** A null in a list or map is Go's zero value of the type; only a field without a value is not there. */
function filled(value: JsonValue, { type }: JsonSchema): JsonValue {
  return value === null && type !== undefined ? zeroValues[type] : value;
}

const zeroValues = { object: {}, array: [], string: "", integer: 0, number: 0, boolean: false } as const;

function mapSchema(schema: JsonSchema): JsonSchema | undefined {
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

function isOpen(schema: JsonSchema): boolean {
  return schema["x-kubernetes-preserve-unknown-fields"] === true || schema.additionalProperties === true;
}

/** The value if it is an object, else an empty one: for rules that run beside the check of the types. */
export function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : noFields;
}

export function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : noItems;
}

/** The objects of a list, an empty one for each item that is none. */
export function objectsOf(value: JsonValue | undefined): readonly JsonObject[] {
  const list = listOf(value);
  return list.every(isJsonObject) ? list : list.map(objectOf);
}

/** Shared, as rules ask for what is not there all the time. */
const noFields: JsonObject = Object.freeze({});
const noItems: readonly JsonValue[] = Object.freeze([]);

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

/** `problems.push(...more)`, of which V8 makes much code at each place, while there is nothing to add nearly always. */
export function addTo(problems: Problem[], more: readonly Problem[]): void {
  if (more.length === 0) return;
  for (const problem of more) problems.push(problem);
}

/** The problems of each item of the list at `path`. */
export function checkItems(
  list: JsonValue | undefined,
  path: string,
  check: (item: JsonObject, path: string) => readonly Problem[],
): Problem[] {
  const problems: Problem[] = [];
  listOf(list).forEach((item, index) => {
    addTo(problems, check(objectOf(item), `${path}[${index}]`));
  });
  return problems;
}

import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { compileRegex } from "../../base/regex.ts";
import type { FieldProblem } from "../status-error.ts";
import { isFormat } from "./formats.ts";
import type { Schema } from "./schema.ts";

/** What of a value the schema does not allow, in the words of a real server. At most `maxProblems`. */
export function checkValue(schema: Schema, value: JsonValue, path: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  checkNode(schema, value, path, problems);
  return problems;
}

const maxProblems = 50;

function checkNode(schema: Schema, value: JsonValue, path: string, problems: FieldProblem[]): void {
  if (problems.length >= maxProblems || (value === null && schema.nullable)) return;
  const wrongType = typeProblem(schema, value, path);
  if (wrongType !== undefined) {
    problems.push(wrongType);
    return;
  }
  problems.push(...limitProblems(schema.node, value, path));
  if (Array.isArray(value)) checkItems(schema, value, path, problems);
  else if (isJsonObject(value)) checkFields(schema, value, path, problems);
}

function checkFields(schema: Schema, value: JsonObject, path: string, problems: FieldProblem[]): void {
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  for (const name of schema.required) {
    if (Object.hasOwn(value, name)) continue;
    problems.push({ field: at(name), message: "Required value", reason: "FieldValueRequired" });
  }
  for (const [name, child] of Object.entries(value)) {
    if (path === "" && name === "metadata") continue;
    const below = schema.properties.get(name) ?? schema.additional;
    if (below !== undefined) checkNode(below, child, at(name), problems);
  }
}

function checkItems(schema: Schema, list: readonly JsonValue[], path: string, problems: FieldProblem[]): void {
  const { items } = schema;
  for (const [index, item] of list.entries()) {
    if (items !== undefined) checkNode(items, item, `${path}[${index}]`, problems);
  }
  const type = schema.node["x-kubernetes-list-type"];
  if (type === "set") duplicates(list, (item) => item, path, problems);
  if (type !== "map") return;
  const keys = schema.node["x-kubernetes-list-map-keys"];
  const names = Array.isArray(keys) ? keys.map(String) : [];
  const keyOf = (item: JsonValue): JsonValue =>
    Object.fromEntries(names.map((name) => [name, isJsonObject(item) ? (item[name] ?? null) : null]));
  duplicates(list, keyOf, path, problems);
}

function duplicates(
  list: readonly JsonValue[],
  keyOf: (item: JsonValue) => JsonValue,
  path: string,
  problems: FieldProblem[],
): void {
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    const key = JSON.stringify(keyOf(item));
    if (seen.has(key)) {
      problems.push({ field: `${path}[${index}]`, message: `Duplicate value: ${key}`, reason: "FieldValueDuplicate" });
    }
    seen.add(key);
  }
}

function typeProblem(schema: Schema, value: JsonValue, path: string): FieldProblem | undefined {
  const { type, intOrString } = schema;
  const found = typeOf(value);
  if (intOrString) {
    if (found === "integer" || found === "string") return undefined;
    return wrongType(path, "integer,string", found);
  }
  const fits = type === undefined || type === found || (type === "number" && found === "integer");
  return fits ? undefined : wrongType(path, type, found);
}

function wrongType(path: string, wanted: string, found: string): FieldProblem {
  const text = JSON.stringify(found);
  const message = `Invalid value: ${text}: ${inBody(path)} must be of type ${wanted}: ${text}`;
  return { field: path === "" ? "<nil>" : path, message, reason: "FieldValueTypeInvalid" };
}

function inBody(path: string): string {
  return `${path} in body`;
}

function typeOf(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "bigint" || Number.isInteger(value)) return "integer";
  return typeof value;
}

type Limit = (limit: JsonValue, value: JsonValue, node: JsonObject, path: string) => string | undefined;

const numberLimit =
  (
    isWithin: (value: number, limit: number, isExclusive: boolean) => boolean,
    words: string,
    exclusive: string,
  ): Limit =>
  (limit, value, node, path) => {
    if (typeof limit !== "number" || (typeof value !== "number" && typeof value !== "bigint")) return undefined;
    const isExclusive = node[exclusive] === true;
    if (isWithin(Number(value), limit, isExclusive)) return undefined;
    return `${inBody(path)} should be ${words} ${isExclusive ? "" : "or equal to "}${limit}`;
  };

const sizeLimit =
  (sizeOf: (value: JsonValue) => number | undefined, isMaximum: boolean, what: string): Limit =>
  (limit, value, _node, path) => {
    const size = sizeOf(value);
    if (typeof limit !== "number" || size === undefined || (isMaximum ? size <= limit : size >= limit))
      return undefined;
    return `${inBody(path)} should ${what.replace("%", String(limit))}`;
  };

const lengthOf = (value: JsonValue): number | undefined => (typeof value === "string" ? [...value].length : undefined);
const countOf = (value: JsonValue): number | undefined => (Array.isArray(value) ? value.length : undefined);
const fieldsOf = (value: JsonValue): number | undefined =>
  isJsonObject(value) ? Object.keys(value).length : undefined;

const limits: Readonly<Record<string, Limit>> = {
  minimum: numberLimit((n, limit, ex) => (ex ? n > limit : n >= limit), "greater than", "exclusiveMinimum"),
  maximum: numberLimit((n, limit, ex) => (ex ? n < limit : n <= limit), "less than", "exclusiveMaximum"),
  minLength: sizeLimit(lengthOf, false, "be at least % chars long"),
  maxLength: sizeLimit(lengthOf, true, "be at most % chars long"),
  minItems: sizeLimit(countOf, false, "have at least % items"),
  maxItems: sizeLimit(countOf, true, "have at most % items"),
  minProperties: sizeLimit(fieldsOf, false, "have at least % properties"),
  maxProperties: sizeLimit(fieldsOf, true, "have at most % properties"),
  multipleOf: (limit, value, _node, path) =>
    typeof limit === "number" && typeof value === "number" && value % limit !== 0
      ? `${inBody(path)} should be a multiple of ${limit}`
      : undefined,
  pattern: (limit, value, _node, path) =>
    typeof limit === "string" && typeof value === "string" && !compileRegex(limit).matches(value)
      ? `${inBody(path)} should match '${limit}'`
      : undefined,
  format: (limit, value, _node, path) =>
    typeof limit === "string" && typeof value === "string" && !isFormat(limit, value)
      ? `${inBody(path)} must be of type ${limit}: ${JSON.stringify(value)}`
      : undefined,
};

const combinations = ["enum", "allOf", "anyOf", "oneOf", "not"];
const limited = new WeakMap<JsonObject, boolean>();

/** Whether a node says more of values than their type. */
function isLimited(node: JsonObject): boolean {
  const known = limited.get(node);
  if (known !== undefined) return known;
  const is = Object.keys(node).some((name) => Object.hasOwn(limits, name) || combinations.includes(name));
  limited.set(node, is);
  return is;
}

function limitProblems(node: JsonObject, value: JsonValue, path: string): readonly FieldProblem[] {
  if (!isLimited(node)) return [];
  const problems = Object.keys(node).flatMap((name): FieldProblem[] => {
    const limit = Object.hasOwn(limits, name) ? limits[name] : undefined;
    const why = limit?.(node[name] ?? null, value, node, path);
    if (why === undefined) return [];
    return [{ field: path, message: `Invalid value: ${shown(value)}: ${why}`, reason: "FieldValueInvalid" }];
  });
  const { enum: allowed } = node;
  if (Array.isArray(allowed) && !allowed.some((one) => isDeepStrictEqual(one, value))) {
    const list = allowed.map((one) => JSON.stringify(one)).join(", ");
    const message = `Unsupported value: ${shown(value)}: supported values: ${list}`;
    problems.push({ field: path, message, reason: "FieldValueNotSupported" });
  }
  return [...problems, ...combined(node, value, path)];
}

/** `allOf`, `anyOf`, `oneOf` and `not`, which hold value checks only. */
function combined(node: JsonObject, value: JsonValue, path: string): readonly FieldProblem[] {
  const fits = (schema: JsonValue): boolean => isJsonObject(schema) && fitsPlain(schema, value);
  const problem = (why: string): FieldProblem => ({
    field: path === "" ? "<nil>" : path,
    message: `Invalid value: ${shown(value)}: ${inBody(path)} ${why}`,
    reason: "FieldValueInvalid",
  });
  const { allOf, anyOf, oneOf, not } = node;
  return [
    ...(Array.isArray(allOf) && !allOf.every(fits) ? [problem("must validate all the schemas (allOf)")] : []),
    ...(Array.isArray(anyOf) && !anyOf.some(fits) ? [problem("must validate at least one schema (anyOf)")] : []),
    ...(Array.isArray(oneOf) && oneOf.filter(fits).length !== 1
      ? [problem("must validate one and only one schema (oneOf)")]
      : []),
    ...(isJsonObject(not) && fits(not) ? [problem("must not validate the schema (not)")] : []),
  ];
}

/** A schema within a combination: read as it is, since it is small. */
function fitsPlain(node: JsonObject, value: JsonValue): boolean {
  const { type, required, properties, items } = node;
  const found = typeOf(value);
  if (typeof type === "string" && type !== found && !(type === "number" && found === "integer")) return false;
  if (limitProblems(node, value, "").length > 0) return false;
  if (Array.isArray(value)) return !isJsonObject(items) || value.every((item) => fitsPlain(items, item));
  if (!isJsonObject(value)) return true;
  if (Array.isArray(required) && required.some((name) => !Object.hasOwn(value, String(name)))) return false;
  if (!isJsonObject(properties)) return true;
  return Object.entries(properties).every(
    ([name, schema]) => !Object.hasOwn(value, name) || !isJsonObject(schema) || fitsPlain(schema, value[name] ?? null),
  );
}

function shown(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length > 256 ? `${text.slice(0, 256)}…` : text;
}

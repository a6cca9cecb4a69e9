import { isJsonObject, type JsonValue } from "../base/json.ts";
import { isIntOrString, type JsonSchema, type Problem } from "../base/schema.ts";

/**
 * Problems of a schema's check as they count at admission: a wrong type is an error, since Go cannot decode it; what else
 * the schema demands is a warning, since the originals demand only what their rules say. `ruled` are the problems of
 * those rules, which come first and whose paths need no second word.
 */
export function asAdmitted(
  problems: readonly Problem[],
  ruled: readonly Problem[],
  { value, schema, path }: { readonly value: JsonValue; readonly schema: JsonSchema; readonly path: string },
): Problem[] {
  if (problems.length === 0) return [...ruled];
  const mistyped = new Set(mistypedPaths(value, schema, path));
  const known = new Set(ruled.map((problem) => problem.path));
  const typed = new Map(problems.flatMap((problem) => (mistyped.has(problem.path) ? [[problem.path, problem]] : [])));
  const others = problems.filter((problem) => !mistyped.has(problem.path) && !known.has(problem.path));
  return [...ruled, ...typed.values(), ...others.map((problem): Problem => ({ ...problem, severity: "warning" }))];
}

function mistypedPaths(value: JsonValue, schema: JsonSchema, path: string): string[] {
  if (!hasType(value, schema)) return [path];
  if (Array.isArray(value)) {
    const { items } = schema;
    return items ? value.flatMap((item, index) => mistypedPaths(item, items, `${path}[${index}]`)) : [];
  }
  if (!isJsonObject(value)) return [];
  const { properties = {}, additionalProperties } = schema;
  return Object.entries(value).flatMap(([key, child]) => {
    const known = Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
    if (typeof known !== "object") return [];
    return mistypedPaths(child, known, /^\d+$/.test(key) ? `${path}[${key}]` : `${path}.${key}`);
  });
}

function hasType(value: JsonValue, schema: JsonSchema): boolean {
  const { type } = schema;
  switch (type) {
    case undefined:
      return schema["x-kubernetes-int-or-string"] !== true || isIntOrString(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return isJsonObject(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

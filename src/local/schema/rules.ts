import { type CelRule, compileCelRule } from "../../base/cel/cel.ts";
import { messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { memoize } from "../../base/memo.ts";
import type { FieldProblem } from "../status-error.ts";
import type { Schema } from "./schema.ts";

interface Rule {
  readonly text: string;
  readonly message: string;
  readonly isTransition: boolean;
  readonly fieldPath: string;
}

/** Undefined for a rule that cannot be compiled here: it is not evaluated, and its definition was warned about. */
const compiled = memoize((text: string): { readonly rule?: CelRule; readonly problem?: string } => {
  try {
    return { rule: compileCelRule(text) };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}, 1_000);

function rulesOf(node: JsonObject): readonly Rule[] {
  const list = node["x-kubernetes-validations"];
  if (!Array.isArray(list)) return [];
  return list.filter(isJsonObject).map((one) => {
    const text = String(one.rule ?? "");
    return {
      text,
      message: typeof one.message === "string" && one.message !== "" ? one.message : `failed rule: ${text}`,
      isTransition: /\boldSelf\b/.test(text),
      fieldPath: typeof one.fieldPath === "string" ? one.fieldPath : "",
    };
  });
}

const rulesIn = new WeakMap<Schema, boolean>();

/** Most schemas have no rules, and most parts of the others have none: their values need not be walked. */
function hasRules(schema: Schema): boolean {
  const known = rulesIn.get(schema);
  if (known !== undefined) return known;
  const { properties, items, additional, node } = schema;
  const below = [...properties.values(), ...(items ? [items] : []), ...(additional ? [additional] : [])];
  const has = Array.isArray(node["x-kubernetes-validations"]) || below.some(hasRules);
  rulesIn.set(schema, has);
  return has;
}

/**
 * What the CEL rules of a schema say. Rules over `oldSelf` are evaluated where there is an old value at the same fields;
 * items of lists have none.
 */
export function checkRules(
  schema: Schema,
  value: JsonValue,
  old: JsonValue | undefined,
  path = "",
): readonly FieldProblem[] {
  if (!hasRules(schema)) return [];
  const own = rulesOf(schema.node).flatMap((rule) => evaluate(rule, schema, value, old, path));
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return own;
    return [...own, ...value.flatMap((item, index) => checkRules(items, item, undefined, `${path}[${index}]`))];
  }
  if (!isJsonObject(value)) return own;
  const below = Object.entries(value).flatMap(([name, child]) => {
    const schemaBelow = schema.properties.get(name) ?? schema.additional;
    if (schemaBelow === undefined) return [];
    const before = isJsonObject(old) && Object.hasOwn(old, name) ? old[name] : undefined;
    return checkRules(schemaBelow, child, before, path === "" ? name : `${path}.${name}`);
  });
  return [...own, ...below];
}

function evaluate(
  rule: Rule,
  schema: Schema,
  value: JsonValue,
  old: JsonValue | undefined,
  path: string,
): readonly FieldProblem[] {
  if (rule.isTransition && old === undefined) return [];
  const { rule: program } = compiled(rule.text);
  if (program === undefined) return [];
  const why = failureOf(() => program(value, old), rule.message);
  if (why === undefined) return [];
  const field = `${path}${rule.fieldPath}` || "<nil>";
  const message = `Invalid value: ${JSON.stringify(schema.type ?? "object")}: ${why}`;
  return [{ field, message, reason: "FieldValueInvalid" }];
}

function failureOf(test: () => boolean, message: string): string | undefined {
  try {
    return test() ? undefined : message;
  } catch (error) {
    return `rule evaluation error: ${messageOf(error)}`;
  }
}

/** The rules of a schema that cannot be evaluated here, each with its place and why. */
export function unknownRules(schema: Schema, path = ""): readonly string[] {
  const own = rulesOf(schema.node).flatMap(({ text }) => {
    const { problem } = compiled(text);
    return problem === undefined ? [] : [`${path}: rule ${JSON.stringify(text)} is not evaluated here: ${problem}`];
  });
  const below = [...schema.properties].flatMap(([name, child]) =>
    unknownRules(child, path === "" ? name : `${path}.${name}`),
  );
  const items = schema.items === undefined ? [] : unknownRules(schema.items, `${path}[*]`);
  const values = schema.additional === undefined ? [] : unknownRules(schema.additional, `${path}.*`);
  return [...own, ...below, ...items, ...values];
}

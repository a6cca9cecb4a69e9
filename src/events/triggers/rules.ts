import { asAdmitted } from "../../api/constraints.ts";
import { addTo, errorAt, objectOf, warningAt } from "../../api/fields.ts";
import { changeFields, changeItems, isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { createSchema, type JsonSchema, type Problem, type Schema } from "../../base/schema.ts";

/**
 * What a kind demands beyond its schema, on whatever is there: errors where the original refuses a Sensor, in its words
 * (spec argo-events 6.7), warnings where it takes one that does not do what it says. `path` is where `spec` stands.
 */
export type TriggerRule = (spec: JsonObject, path: string) => readonly Problem[];

/**
 * The schema of a kind with its rules. `check` is for admission: types and the rules' errors refuse, everything else
 * that the schema demands is a warning. `parse` is for running it, and demands all of the schema.
 */
export function triggerSchema<Spec>(json: JsonSchema, ...rules: readonly TriggerRule[]): Schema<Spec> {
  const strict = createSchema<Spec>(json);
  return {
    json,
    check(value, path) {
      const spec = withoutEmpty(value, json);
      if (!isJsonObject(spec)) return strict.check(value, path);
      const ruled = applyRules(rules, spec, path);
      return asAdmitted(strict.check(spec, path), ruled, { value: spec, schema: json, path });
    },
    parse: (value, path) => strict.parse(withoutEmpty(value, json), path),
  };
}

/** As `triggerSchema`, for a kind of ours, which no original accepts: what the schema demands is an error. */
export function ownTriggerSchema<Spec>(json: JsonSchema, ...rules: readonly TriggerRule[]): Schema<Spec> {
  const strict = createSchema<Spec>(json);
  return {
    json,
    check(value, path) {
      const spec = withoutEmpty(value, json);
      const problems = strict.check(spec, path);
      if (isJsonObject(spec)) addTo(problems, applyRules(rules, spec, path));
      return problems;
    },
    parse: (value, path) => strict.parse(withoutEmpty(value, json), path),
  };
}

function applyRules(rules: readonly TriggerRule[], spec: JsonObject, path: string): Problem[] {
  const problems: Problem[] = [];
  for (const rule of rules) addTo(problems, rule(spec, path));
  return problems;
}

/** Go does not tell an empty text from a missing one, so that a default holds for both. */
function withoutEmpty(value: unknown, { properties, items }: JsonSchema): unknown {
  if (Array.isArray(value)) return items ? changeItems(value, (item) => withoutEmpty(item, items)) : value;
  if (!isJsonObject(value) || !properties) return value;
  return changeFields<unknown>(value, (key, child) => {
    const known = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (child === "" && known?.default !== undefined) return undefined;
    return known ? withoutEmpty(child, known) : child;
  });
}

/** Fields that must be there and not "", with the original's words when they are not. An empty list is there. */
export function requires(fields: Readonly<Record<string, string>>): TriggerRule {
  const entries = Object.entries(fields);
  return (spec, path) =>
    entries
      .filter(([field]) => spec[field] === undefined || spec[field] === "")
      .map(([field, message]) => errorAt(`${path}.${field}`, message));
}

/** Fields that the original misses only when an event is there. */
export function needs(...fields: readonly string[]): TriggerRule {
  return (spec, path) =>
    fields
      .filter((field) => !has(spec[field]))
      .map((field) => warningAt(`${path}.${field}`, "is missing: the trigger fails with each event"));
}

/** Several fields of which the first counts. */
export function prefers(...fields: readonly string[]): TriggerRule {
  return (spec, path) => {
    const [first, ...others] = fields.filter((field) => has(spec[field]));
    return others.map((field) => warningAt(`${path}.${field}`, `has no effect beside ${first}`));
  };
}

/** A field that is read nowhere. */
export function ignores(field: string, why: string): TriggerRule {
  return (spec, path) => (has(spec[field]) ? [warningAt(`${path}.${field}`, `has no effect: ${why}`)] : []);
}

/** `tls` (spec argo-events 1.4), which the original reads when it connects. */
export const tlsRule: TriggerRule = (spec, path) => {
  if (!isJsonObject(spec.tls) || spec.tls.insecureSkipVerify === true) return [];
  const { caCertSecret, clientCertSecret, clientKeySecret, enabled } = objectOf(spec.tls);
  const [hasCert, hasKey] = [has(clientCertSecret), has(clientKeySecret)];
  if (hasCert !== hasKey) {
    const missing = hasCert ? "clientKeySecret" : "clientCertSecret";
    return [warningAt(`${path}.tls.${missing}`, "is missing: clientCertSecret and clientKeySecret go together")];
  }
  if (has(caCertSecret) || hasCert || enabled === true) return [];
  const message = "configure either caCertSecret, or clientCertSecret and clientKeySecret, or both";
  return [warningAt(`${path}.tls`, message, "`enabled: true` takes the system's authorities")];
};

/** Whether a field is there as Go sees it: neither null, nor an empty text, nor an empty list. */
export function has(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === "") return false;
  return !Array.isArray(value) || value.length > 0;
}

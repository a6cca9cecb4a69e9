import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { createSchema, type Problem } from "../base/schema.ts";
import { asAdmitted } from "./constraints.ts";
import { type Parsed, readEnvelope, warningsOf } from "./envelope.ts";
import { errorAt, listOf, objectOf, readFields, textOf } from "./fields.ts";
import { checkFilters } from "./filter-rules.ts";
import type { Backoff, Dependency, Filters, Sensor, Trigger } from "./resources.ts";
import { sensorSchema, type TriggerKindSchema, triggerFields } from "./sensor-schema.ts";
import { checkSensorTraps } from "./sensor-traps.ts";
import { eventBusNameField } from "./shared-schemas.ts";
import { startAtOf } from "./start-at.ts";
import { checkLabelName } from "./trap-rules.ts";
import { checkTrigger, kindOfTemplate } from "./trigger-rules.ts";

type Kinds = Readonly<Record<string, TriggerKindSchema>>;

/** Without the kinds of trigger: each is checked by its own schema. */
const shapeSchema = sensorSchema({});
const shape = createSchema<JsonObject>(shapeSchema);

/**
 * A Sensor as the original accepts it; unknown fields are kept and warned about. `kinds` are the kinds of trigger that
 * there are, by the template's key; others are kept with a warning.
 * @throws TerminalError MANIFEST_INVALID with every problem at once
 */
export function parseSensor(value: unknown, kinds: Kinds): Parsed<Sensor> {
  const problems: Problem[] = [];
  const { metadata, spec: written } = readEnvelope(value, "Sensor", problems);
  const spec = objectOf(readFields(written, sensorSchema(kinds), "spec", problems));
  const ruled = [...checkDependencies(spec), ...checkTriggers(spec, kinds), ...checkSensorTraps(spec)];
  problems.push(...asAdmitted(shape.check(spec, "spec"), ruled, { value: spec, schema: shapeSchema, path: "spec" }));
  problems.push(...checkLabelName(metadata.name, "metadata.name", "sensor-name"));
  const warnings = warningsOf(problems);
  const startAt = startAtOf(textOf(spec.startAt));
  const resource: Sensor = {
    metadata,
    eventBusName: textOf(spec.eventBusName) || eventBusNameField.default,
    template: objectOf(spec.template),
    dependencies: listOf(spec.dependencies).map((dependency) => toDependency(objectOf(dependency))),
    triggers: listOf(spec.triggers).map((trigger) => toTrigger(objectOf(trigger))),
    ...(startAt === undefined ? {} : { startAt }),
  };
  return { resource, warnings };
}

function checkDependencies(spec: JsonObject): Problem[] {
  const dependencies = listOf(spec.dependencies);
  if (dependencies.length === 0) return [errorAt("spec.dependencies", "no event dependencies found")];
  return dependencies.flatMap((entry, index) => {
    const path = `spec.dependencies[${index}]`;
    const dependency = objectOf(entry);
    const problems: Problem[] = [];
    for (const [field, what] of dependencyNames) {
      if (textOf(dependency[field]) !== "") continue;
      problems.push(errorAt(`${path}.${field}`, `event dependency must define ${what}`));
    }
    problems.push(...checkFilters(dependency, path));
    return problems;
  });
}

const dependencyNames = [
  ["name", "a name"],
  ["eventSourceName", "the EventSourceName"],
  ["eventName", "the EventName"],
] as const;

function checkTriggers(spec: JsonObject, kinds: Kinds): Problem[] {
  const triggers = listOf(spec.triggers);
  if (triggers.length === 0) return [errorAt("spec.triggers", "no triggers found")];
  const names = new Set<string>();
  return triggers.flatMap((entry, index) => {
    const trigger = objectOf(entry);
    const path = `spec.triggers[${index}]`;
    const problems = checkTrigger(trigger, kinds, path);
    const name = textOf(objectOf(trigger.template).name);
    if (name !== "" && names.has(name)) {
      problems.push(errorAt(`${path}.template.name`, `duplicate trigger name: ${name}`));
    }
    names.add(name);
    return problems;
  });
}

/** The shape was checked before. */
function toDependency(raw: JsonObject): Dependency {
  return {
    ...raw,
    name: textOf(raw.name),
    eventSourceName: textOf(raw.eventSourceName),
    eventName: textOf(raw.eventName),
    ...(isJsonObject(raw.filters) ? { filters: raw.filters as Filters } : {}),
  };
}

function toTrigger(raw: JsonObject): Trigger {
  const template = objectOf(raw.template);
  const kind = kindOfTemplate(template);
  const { conditions } = template;
  return {
    template: {
      name: textOf(template.name),
      ...(typeof conditions === "string" && conditions !== "" ? { conditions } : {}),
      ...(kind ? { kind } : {}),
      raw: template,
    },
    parameters: listOf(raw.parameters).map(objectOf),
    ...objectField(raw, "policy"),
    ...(isJsonObject(raw.retryStrategy) ? { retryStrategy: raw.retryStrategy as Backoff } : {}),
    ...(isJsonObject(raw.rateLimit) ? { rateLimit: toRateLimit(raw.rateLimit) } : {}),
    atLeastOnce: raw.atLeastOnce === true,
    ...objectField(raw, "dlqTrigger"),
  };
}

function toRateLimit(raw: JsonObject): NonNullable<Trigger["rateLimit"]> {
  const unit =
    raw.unit === "Minute" || raw.unit === "Hour" ? raw.unit : triggerFields.rateLimit.properties.unit.default;
  return { unit, requestsPerUnit: Number(raw.requestsPerUnit ?? 0) };
}

function objectField<Name extends string>(raw: JsonObject, name: Name): { readonly [N in Name]?: JsonObject } {
  const value: JsonValue | undefined = raw[name];
  return (isJsonObject(value) ? { [name]: value } : {}) as { readonly [N in Name]?: JsonObject };
}

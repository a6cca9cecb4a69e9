import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { createSchema, type Problem } from "../base/schema.ts";
import { asAdmitted } from "./constraints.ts";
import { type Parsed, readEnvelope, warningsOf } from "./envelope.ts";
import { addTo, checkItems, errorAt, listOf, objectOf, objectsOf, readFields, textOf } from "./fields.ts";
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
  const ruled = checkDependencies(spec);
  addTo(ruled, checkTriggers(spec, kinds));
  addTo(ruled, checkSensorTraps(spec));
  addTo(problems, asAdmitted(shape.check(spec, "spec"), ruled, { value: spec, schema: shapeSchema, path: "spec" }));
  addTo(problems, checkLabelName(metadata.name, "metadata.name", "sensor-name"));
  const warnings = warningsOf(problems);
  const startAt = startAtOf(textOf(spec.startAt));
  const resource: Sensor = {
    metadata,
    eventBusName: textOf(spec.eventBusName) || eventBusNameField.default,
    template: objectOf(spec.template),
    dependencies: objectsOf(spec.dependencies).map(toDependency),
    triggers: objectsOf(spec.triggers).map((trigger) => toTrigger(trigger, kinds)),
    ...(startAt === undefined ? {} : { startAt }),
  };
  return { resource, warnings };
}

function checkDependencies(spec: JsonObject): Problem[] {
  const dependencies = listOf(spec.dependencies);
  if (dependencies.length === 0) return [errorAt("spec.dependencies", "no event dependencies found")];
  return checkItems(dependencies, "spec.dependencies", checkDependency);
}

function checkDependency(dependency: JsonObject, path: string): Problem[] {
  const problems: Problem[] = [];
  const demand = (field: string, what: string): void => {
    if (textOf(dependency[field]) !== "") return;
    problems.push(errorAt(`${path}.${field}`, `event dependency must define ${what}`));
  };
  demand("name", "a name");
  demand("eventSourceName", "the EventSourceName");
  demand("eventName", "the EventName");
  addTo(problems, checkFilters(dependency, path));
  return problems;
}

function checkTriggers(spec: JsonObject, kinds: Kinds): Problem[] {
  const triggers = listOf(spec.triggers);
  if (triggers.length === 0) return [errorAt("spec.triggers", "no triggers found")];
  const names = new Set<string>();
  return checkItems(triggers, "spec.triggers", (trigger, path) => {
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

function toTrigger(raw: JsonObject, kinds: Kinds): Trigger {
  const template = objectOf(raw.template);
  const kind = kindOfTemplate(template, kinds);
  const { conditions } = template;
  return {
    template: {
      name: textOf(template.name),
      ...(typeof conditions === "string" && conditions !== "" ? { conditions } : {}),
      ...(kind ? { kind } : {}),
      raw: template,
    },
    parameters: objectsOf(raw.parameters),
    ...objectField(raw, "policy"),
    ...(isJsonObject(raw.retryStrategy) ? { retryStrategy: raw.retryStrategy as Backoff } : {}),
    ...(isJsonObject(raw.rateLimit) ? { rateLimit: toRateLimit(raw.rateLimit) } : {}),
    atLeastOnce: raw.atLeastOnce === true,
    ...(isJsonObject(raw.dlqTrigger) ? { dlqTrigger: withoutDlq(toTrigger(raw.dlqTrigger, kinds)) } : {}),
  };
}

function withoutDlq({ dlqTrigger: _, ...trigger }: Trigger): Trigger {
  return trigger;
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

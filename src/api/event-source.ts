import { isJsonObject, type JsonObject } from "../base/json.ts";
import { createSchema, type JsonSchema, type Problem, type Schema } from "../base/schema.ts";
import { type Parsed, readEnvelope, warningsOf } from "./envelope.ts";
import { errorAt, objectOf, readFields, textOf, warningAt } from "./fields.ts";
import type { EventDefinition, EventSource } from "./resources.ts";
import { eventBusNameField, openObject, podTemplateSchema, replicasField } from "./shared-schemas.ts";
import { sourceKindFacts } from "./source-kinds.ts";

type Kinds = Readonly<Record<string, Schema<unknown>>>;

/** The EventSource's `spec`, with the schemas of the kinds of source that there are. */
export function eventSourceSchema(kinds: Kinds): JsonSchema {
  const ofKind = (name: string): JsonSchema => ({
    type: "object",
    description: `Events of kind ${name}, by event name.`,
    additionalProperties: kinds[name]?.json ?? openObject(`One ${name} event.`),
  });
  return {
    type: "object",
    description: "Takes events from elsewhere and puts them on the bus.",
    properties: {
      eventBusName: eventBusNameField,
      template: podTemplateSchema,
      service: openObject("The Service of the original; kept."),
      replicas: replicasField,
      ...Object.fromEntries(kindNames(kinds).map((name) => [name, ofKind(name)])),
    },
  };
}

/** Without the kinds of source: each event is checked by its own kind's schema. */
const shape = createSchema<JsonObject>(eventSourceSchema({}));

/**
 * An EventSource as the original accepts it; unknown fields are kept and warned about. `kinds` are the kinds of source
 * that there are, by the spec's key; events of others are kept as written, with a warning.
 * @throws TerminalError MANIFEST_INVALID with every problem at once
 */
export function parseEventSource(value: unknown, kinds: Kinds): Parsed<EventSource> {
  const problems: Problem[] = [];
  const { metadata, spec: written } = readEnvelope(value, "EventSource", problems);
  const spec = objectOf(readFields(written, eventSourceSchema(kinds), "spec", problems));
  problems.push(...shape.check(spec, "spec"));
  const events = readEvents(spec, kinds, problems);
  problems.push(...checkNames(events), ...checkModes(events));
  const warnings = warningsOf(problems);
  const resource: EventSource = {
    metadata,
    eventBusName: textOf(spec.eventBusName) || "default",
    template: objectOf(spec.template),
    events: events.map((event) => ({
      ...event,
      spec: kinds[event.kind]?.parse(event.spec, pathOf(event)) ?? event.spec,
    })),
  };
  return { resource, warnings };
}

function kindNames(kinds: Kinds): readonly string[] {
  return [...new Set([...Object.keys(sourceKindFacts), ...Object.keys(kinds)])];
}

function pathOf(event: EventDefinition): string {
  return `spec.${event.kind}.${event.name}`;
}

function readEvents(spec: JsonObject, kinds: Kinds, problems: Problem[]): EventDefinition[] {
  const events: EventDefinition[] = [];
  for (const kind of kindNames(kinds)) {
    const schema = kinds[kind];
    if (isJsonObject(spec[kind]) && !schema) problems.push(warningAt(`spec.${kind}`, "is not supported yet"));
    for (const [name, event] of Object.entries(objectOf(spec[kind]))) {
      const definition: EventDefinition = { kind, name, spec: event };
      events.push(definition);
      if (schema && isJsonObject(event)) problems.push(...schema.check(event, pathOf(definition)));
    }
  }
  return events;
}

function checkNames(events: readonly EventDefinition[]): Problem[] {
  const seen = new Set<string>();
  return events.flatMap((event) => {
    const isTwice = seen.has(event.name);
    seen.add(event.name);
    return isTwice ? [errorAt(pathOf(event), `more than one ${JSON.stringify(event.name)} found in the spec`)] : [];
  });
}

function checkModes(events: readonly EventDefinition[]): Problem[] {
  const modes = new Set(events.flatMap(({ kind }) => sourceKindFacts[kind]?.mode ?? []));
  if (modes.size < 2) return [];
  const message =
    "event sources with rolling update and recreate update strategy can not be put together; write two EventSources";
  return [errorAt("spec", message)];
}

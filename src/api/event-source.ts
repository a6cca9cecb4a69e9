import { isJsonObject, type JsonObject } from "../base/json.ts";
import { createSchema, type JsonSchema, type Problem } from "../base/schema.ts";
import { type Parsed, readEnvelope, warningsOf } from "./envelope.ts";
import {
  checkEventNames,
  checkExpression,
  checkModes,
  checkRoutes,
  checkService,
  pathOf,
} from "./event-source-rules.ts";
import { objectOf, readFields, textOf, warningAt } from "./fields.ts";
import type { EventDefinition, EventSource } from "./resources.ts";
import { serviceSchema, statusSchema } from "./service-schemas.ts";
import { eventBusNameField, openObject, podTemplateSchema, replicasField, textMap } from "./shared-schemas.ts";
import { type SourceKindSchema, sourceKindFacts } from "./source-kinds.ts";
import { checkPodTemplate } from "./trap-rules.ts";

type Kinds = Readonly<Record<string, SourceKindSchema>>;

/** One for each set of kinds: it is asked for with each EventSource, and what is read of a schema is kept with it. */
const made = new WeakMap<Kinds, JsonSchema>();

/** The EventSource's `spec`, with the schemas of the kinds of source that there are. */
export function eventSourceSchema(kinds: Kinds): JsonSchema {
  const known = made.get(kinds) ?? makeSchema(kinds);
  made.set(kinds, known);
  return known;
}

function makeSchema(kinds: Kinds): JsonSchema {
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
      service: serviceSchema,
      replicas: replicasField,
      ...Object.fromEntries(kindNames(kinds).map((name) => [name, ofKind(name)])),
    },
  };
}

/** The EventSource's `status` (spec argo-events 2.7). */
export const eventSourceStatusSchema: JsonSchema = statusSchema("SourcesProvided, Deployed and those of each event.", {
  webhooks: textMap("Ours: the URL of each HTTP event, by event name."),
});

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
  problems.push(...shape.check(spec, "spec").map((problem) => suggestEventName(problem, kinds)));
  const events = readEvents(spec, kinds, problems);
  problems.push(...checkEventNames(metadata.name, events), ...checkModes(events));
  problems.push(...checkRoutes(events), ...checkService(objectOf(spec.service), "spec.service"));
  problems.push(...checkPodTemplate(spec));
  const warnings = warningsOf(problems);
  const resource: EventSource = {
    metadata,
    eventBusName: textOf(spec.eventBusName) || eventBusNameField.default,
    template: objectOf(spec.template),
    ...(isJsonObject(spec.service) ? { service: spec.service } : {}),
    events: events.map((event) => ({
      ...event,
      spec: kinds[event.kind]?.parse(event.spec, pathOf(event)) ?? event.spec,
    })),
  };
  return { resource, warnings };
}

/** Fields that stand where the names of events do: `spec.webhook.endpoint`. */
function suggestEventName(problem: Problem, kinds: Kinds): Problem {
  const [, kind = "", field = ""] = /^spec\.(\w+)\.(\w+)$/.exec(problem.path) ?? [];
  const fields = Object.hasOwn(kinds, kind) ? kinds[kind]?.json.properties : undefined;
  if (!fields || !Object.hasOwn(fields, field) || !problem.message.endsWith("must be an object")) return problem;
  const suggestion = `every event has a name: write \`spec.${kind}.<name>.${field}\``;
  return { ...problem, suggestion };
}

function kindNames(kinds: Kinds): readonly string[] {
  return [...new Set([...Object.keys(sourceKindFacts), ...Object.keys(kinds)])];
}

function readEvents(spec: JsonObject, kinds: Kinds, problems: Problem[]): EventDefinition[] {
  const events: EventDefinition[] = [];
  for (const kind of kindNames(kinds)) {
    const schema = kinds[kind];
    if (isJsonObject(spec[kind]) && (!schema || schema.isPlanned))
      problems.push(warningAt(`spec.${kind}`, "is not supported yet"));
    for (const [name, event] of Object.entries(objectOf(spec[kind]))) {
      const definition: EventDefinition = { kind, name, spec: event };
      events.push(definition);
      if (!schema || !isJsonObject(event)) continue;
      problems.push(...schema.check(event, pathOf(definition)));
      problems.push(...checkExpression(definition));
    }
  }
  return events;
}

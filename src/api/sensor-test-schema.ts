import type { JsonSchema } from "../base/schema.ts";

/** The API group and version of kinds that the originals do not have. */
export const ownApiVersion = "tiphys.io/v1alpha1";

const anyValue = (description: string) => ({ description, "x-kubernetes-preserve-unknown-fields": true }) as const;

const givenSchema = {
  type: "object",
  description: "One event; in the order of `at`, then of the list.",
  properties: {
    at: { type: "string", description: "When it comes: a duration from `start` on.", default: "0s" },
    eventSource: { type: "string", minLength: 1, description: "The EventSource's name." },
    event: { type: "string", minLength: 1, description: "The event's name." },
    data: anyValue("The event's data, as the bus would hold it."),
    dataFile: {
      type: "string",
      minLength: 1,
      description: "Instead of `data`: a file in the test's folder, JSON or YAML by its name, anything else is text.",
    },
    cloudEvent: anyValue(
      "Instead of data and context: a structured CloudEvent, or a file in the test's folder that holds one. " +
        "Its source and subject name EventSource and event, where these are not given.",
    ),
    context: {
      type: "object",
      description: "Attributes of the event: id (default e1, e2, …), type, source, subject, time, extensions.",
      additionalProperties: { type: "string" },
    },
  },
} as const satisfies JsonSchema;

const firingSchema = {
  type: "object",
  description: "One firing of a trigger. What is not named is not compared.",
  required: ["trigger"],
  properties: {
    trigger: { type: "string", minLength: 1, description: "The trigger's name; of a dlqTrigger its own." },
    at: { type: "string", description: "When it fires: a duration from `start` on." },
    events: {
      type: "object",
      description: "Ids of the events, by dependency.",
      additionalProperties: { type: "string" },
    },
    template: anyValue("Part of the trigger's template, as parameters and payload have made it."),
    plan: anyValue("Part of what the trigger plans to do: the request, the object."),
    error: { type: "string", minLength: 1, description: "Why it cannot be done: part of the message, or /regex/." },
    attempts: { type: "integer", minimum: 1, description: "How often it is tried." },
    outcome: {
      type: "string",
      enum: ["succeeded", "dead"],
      description: "What comes of it; dead: it failed for good and is kept on `dead`.",
    },
  },
} as const satisfies JsonSchema;

const decisionSchema = {
  type: "object",
  description: "What one dependency makes of an event.",
  required: ["dependency", "verdict"],
  properties: {
    event: { type: "string", minLength: 1, description: "The event's id; default: any." },
    dependency: { type: "string", minLength: 1, description: "The dependency's name." },
    verdict: {
      type: "string",
      enum: ["passed", "rejected", "error"],
      description: "Whether its filters let the event pass.",
    },
    reason: { type: "string", minLength: 1, description: "Part of the reason, or /regex/." },
  },
} as const satisfies JsonSchema;

const caseSchema = {
  type: "object",
  description: "Events, and what the Sensor is to make of them. Each case begins with nothing joined.",
  required: ["name", "given"],
  properties: {
    name: { type: "string", minLength: 1, description: "A sentence that says what holds." },
    given: { type: "array", items: givenSchema, description: "The events." },
    until: {
      type: "string",
      description: "How long time goes on after `start`, for what is due later; default: an hour after the last event.",
    },
    fails: {
      type: "object",
      description: "How many attempts of a trigger fail, by its name; otherwise triggers succeed.",
      additionalProperties: { type: "integer", minimum: 0 },
    },
    expect: {
      type: "array",
      items: firingSchema,
      description: "Exactly these firings, in order, a dlqTrigger behind the trigger that was dead; []: none.",
    },
    decisions: { type: "array", items: decisionSchema, description: "Some of the verdicts." },
  },
} as const satisfies JsonSchema;

/** Fields of the object itself: it has no spec. */
export const sensorTestFields = {
  sensor: anyValue("The Sensor: a file, named from the test's folder, or a whole Sensor."),
  start: {
    type: "string",
    format: "date-time",
    default: "2026-01-01T00:00:00Z",
    description: "Where virtual time begins.",
  },
  cases: { type: "array", minItems: 1, items: caseSchema, description: "The cases, each by itself." },
} as const satisfies Readonly<Record<string, JsonSchema>>;

export const sensorTestSchema = {
  type: "object",
  description: "Cases of events, and what a Sensor is to make of them.",
  required: ["sensor", "cases"],
  properties: {
    apiVersion: { type: "string", description: ownApiVersion },
    kind: { type: "string", description: "SensorTest" },
    metadata: {
      type: "object",
      description: "A name, for people.",
      "x-kubernetes-preserve-unknown-fields": true,
    },
    ...sensorTestFields,
  },
} as const satisfies JsonSchema;

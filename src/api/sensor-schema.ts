import type { JsonSchema, Schema } from "../base/schema.ts";
import { statusSchema } from "./service-schemas.ts";
import {
  backoffSchema,
  eventBusNameField,
  listField,
  openObject,
  parameterSchema,
  podTemplateSchema,
  replicasField,
  textField,
  textMap,
} from "./shared-schemas.ts";

/** The template's keys that say what is done; of several the first in this order wins (spec argo-events 2.5). */
export const triggerKindNames = [
  "k8s",
  "argoWorkflow",
  "http",
  "awsLambda",
  "azureEventHubs",
  "azureServiceBus",
  "kafka",
  "pulsar",
  "nats",
  "slack",
  "openWhisk",
  "custom",
  "log",
  "email",
  // Ours.
  "gitOps",
  "emit",
  "amqp",
] as const;

/** A kind's schema; `isPlanned`: nothing runs it yet. */
export interface TriggerKindSchema extends Schema<unknown> {
  readonly isPlanned?: boolean;
}

type Kinds = Readonly<Record<string, TriggerKindSchema>>;

/** With the kinds of third parties behind ours. */
export function triggerNamesOf(kinds: Kinds): readonly string[] {
  return [...new Set([...triggerKindNames, ...Object.keys(kinds)])];
}

function operatorField(description: string) {
  return { type: "string", description, enum: ["", "and", "or"], default: "and" } as const satisfies JsonSchema;
}

const exprSchema = {
  type: "object",
  description: "One expression (govaluate).",
  properties: {
    expr: textField("The expression; true takes the event. A name with - or . is written [a-b]."),
    fields: listField("The names that the expression uses.", {
      type: "object",
      description: "One name.",
      properties: { name: textField("The name."), path: textField("A path into the data (GJSON).") },
    }),
  },
} as const satisfies JsonSchema;

export const dataSchema = {
  type: "object",
  description: "One comparison.",
  properties: {
    path: textField("A path into the data (GJSON); it must be there."),
    type: { type: "string", description: "What the value is read as.", enum: ["bool", "number", "string"] },
    value: listField(
      "Any of them is enough. For strings: regular expressions (RE2), which are found anywhere in the text.",
      { type: "string" },
    ),
    comparator: {
      type: "string",
      description: "How the value is compared; strings know = and != only, bools = only.",
      enum: ["", "=", "!=", ">", ">=", "<", "<="],
      default: "=",
    },
    template: textField("A Go template over the value, as .Input, before it is compared."),
  },
} as const satisfies JsonSchema;

export const filtersSchema = {
  type: "object",
  description: "Which events are taken. Every kind that is given must pass, unless filtersLogicalOperator is or.",
  properties: {
    exprs: listField("Expressions over fields of the data.", exprSchema),
    exprLogicalOperator: operatorField("How the expressions are joined."),
    data: listField("Comparisons with fields of the data.", dataSchema),
    dataLogicalOperator: operatorField("How the comparisons are joined."),
    context: {
      type: "object",
      description: "Exact values of the event's context; empty ones are not compared.",
      properties: {
        type: textField("The event's type: webhook, calendar …"),
        source: textField("The EventSource."),
        subject: textField("The event's name."),
        datacontenttype: textField("The media type of the data."),
        id: textField("Has no effect."),
        specversion: textField("Has no effect."),
        time: textField("Has no effect; see filters.time."),
      },
    },
    time: {
      type: "object",
      description: "The hours of the day in which events are taken.",
      properties: {
        start: textField("HH:MM:SS, included."),
        stop: textField("HH:MM:SS, excluded; before start: over midnight."),
        timezone: { ...textField("IANA name."), default: "UTC" },
      },
    },
    script: textField("A Lua script that returns true to take the event."),
    cel: textField("Ours: a CEL expression over the event; true takes it."),
  },
} as const satisfies JsonSchema;

export const dependencySchema = {
  type: "object",
  description: "Events that this Sensor listens to.",
  properties: {
    name: textField("The name that conditions and parameters use."),
    eventSourceName: textField("The EventSource."),
    eventName: textField("The event of that EventSource."),
    filters: filtersSchema,
    filtersLogicalOperator: operatorField("How the kinds of filter are joined."),
    transform: {
      type: "object",
      description: "Changes the event's data before filters see it.",
      properties: { jq: textField("A jq program; comes before script."), script: textField("A Lua script.") },
    },
    correlate: textField(
      "Ours: a path into the data (GJSON), or a Go template over it as .Input; only events with the same value there are joined. Each dependency of a join has its own.",
    ),
    within: textField(
      "Ours: how long an event waits for those that it is joined with, from when the bus stored it, as a Go duration. Then it is let go, with a record.",
    ),
  },
} as const satisfies JsonSchema;

const resetSchema = {
  type: "object",
  description: "One rule.",
  properties: {
    byTime: {
      type: "object",
      description: "At times of a schedule.",
      properties: {
        cron: textField("Five fields: minute, hour, day of month, month, day of week."),
        timezone: { ...textField("IANA name."), default: "UTC" },
      },
    },
  },
} as const satisfies JsonSchema;

const groupKeyText = "A path into the data (GJSON), or a Go template over it as .Input; not where events are joined.";

/** Ours, on a template beside what it does. */
const pacingFields = {
  debounce: {
    type: "object",
    description: "Ours: of events in quick succession only the last fires, once none came for a while.",
    properties: {
      key: textField(`${groupKeyText} Each value has its own quiet time. Default: the key of the join.`),
      quiet: textField("How long nothing may come before it fires, as a Go duration."),
    },
  },
  batch: {
    type: "object",
    description:
      "Ours: several events fire once. Parameters see the newest of each dependency, and all of them, oldest first, as the list under dependencyName: events.",
    properties: {
      key: textField(`${groupKeyText} Each value is gathered on its own. Default: the key of the join.`),
      size: { type: "integer", description: "At how many events it fires; at most 1000.", default: 1000 },
      wait: textField("How long after the first event it fires anyway, as a Go duration."),
    },
  },
  ordering: {
    type: "object",
    description:
      "Ours: what belongs together is done one after the other, in the order of the events; a retry holds up only its key.",
    properties: { key: textField(`${groupKeyText} Default: the key of the join, debounce or batch, or one for all.`) },
  },
} as const satisfies Readonly<Record<string, JsonSchema>>;

const templateFields = {
  name: textField("The trigger's name, unique in the Sensor."),
  conditions: textField("Names of dependencies with &&, || and parentheses. Default: all of them."),
  conditionsReset: listField("When events that wait for others are let go, each with a record.", resetSchema),
} as const;

function templateSchema(kinds: Kinds): JsonSchema {
  const ofKind = (name: string): JsonSchema => kinds[name]?.json ?? openObject(`The ${name} trigger.`);
  return {
    type: "object",
    description: "What is done.",
    properties: {
      ...templateFields,
      ...Object.fromEntries(triggerNamesOf(kinds).map((name) => [name, ofKind(name)])),
      ...pacingFields,
    },
  };
}

const policySchema = {
  type: "object",
  description: "What counts as success.",
  properties: {
    k8s: {
      type: "object",
      description: "Of k8s and argoWorkflow: labels that the object must get.",
      properties: {
        labels: textMap("All of them."),
        backoff: { ...backoffSchema, description: "How often the object is looked at, and at what distance." },
        errorOnBackoffTimeout: {
          type: "boolean",
          description: "Whether running out of time is a failure.",
          default: false,
        },
      },
    },
    status: {
      type: "object",
      description: "Of http, awsLambda and openWhisk: status codes that the answer may have.",
      properties: { allow: listField("The codes.", { type: "integer" }) },
    },
  },
} as const satisfies JsonSchema;

/** Of a trigger, beside its template and dlqTrigger. */
export const triggerFields = {
  parameters: listField("Change the template itself, for example http.url.", parameterSchema),
  policy: policySchema,
  retryStrategy: {
    ...backoffSchema,
    description: "How often a failure is tried again; Argo Events reads it only with atLeastOnce.",
  },
  rateLimit: {
    type: "object",
    description: "How often it may run; firings wait for their turn.",
    properties: {
      unit: { type: "string", description: "The unit of time.", enum: ["Second", "Minute", "Hour"], default: "Second" },
      requestsPerUnit: { type: "integer", description: "How many in one unit; at least 1." },
    },
  },
  atLeastOnce: { type: "boolean", description: "Whether failures are tried again.", default: false },
} as const satisfies Readonly<Record<string, JsonSchema>>;

/** `dlqDepth`: how many levels of dlqTrigger are described; deeper ones are open. */
function triggerSchema(kinds: Kinds, dlqDepth: number): JsonSchema {
  const dlq = "Runs when this trigger has failed for good; needs atLeastOnce on both.";
  return {
    type: "object",
    description: "Something that is done when its conditions are met.",
    properties: {
      template: templateSchema(kinds),
      ...triggerFields,
      dlqTrigger: dlqDepth > 0 ? { ...triggerSchema(kinds, dlqDepth - 1), description: dlq } : openObject(dlq),
    },
  };
}

/** Of a Sensor, beside its dependencies and triggers. */
const sensorFields = {
  template: podTemplateSchema,
  eventBusName: eventBusNameField,
  replicas: replicasField,
  revisionHistoryLimit: { type: "integer", description: "Kept for the original; without effect." },
  loggingFields: textMap("Kept for the original; without effect there too."),
  errorOnFailedRound: {
    type: "boolean",
    description: "Kept for the original; without effect there too.",
    default: false,
  },
  shared: { type: "boolean", description: "Ours: whether replicas share the work.", default: false },
  startAt: textField("Ours: where a new Sensor begins to read: earliest, latest, or an RFC 3339 time."),
} as const satisfies Readonly<Record<string, JsonSchema>>;

/** Made once for each set of kinds: it is large, and every Sensor is read by it. */
const made = new WeakMap<Kinds, JsonSchema>();

/** The Sensor's `spec`, with the schemas of the kinds of trigger that there are. */
export function sensorSchema(kinds: Kinds): JsonSchema {
  const known = made.get(kinds) ?? makeSchema(kinds);
  made.set(kinds, known);
  return known;
}

function makeSchema(kinds: Kinds): JsonSchema {
  return {
    type: "object",
    description: "Listens to events and does something about them.",
    properties: {
      dependencies: listField("Events that it listens to.", dependencySchema),
      triggers: listField("What is done.", triggerSchema(kinds, 1)),
      ...sensorFields,
    },
  };
}

/** The Sensor's `status` (spec argo-events 2.7). */
export const sensorStatusSchema = statusSchema("DependenciesProvided, TriggersProvided and Deployed.", {
  triggers: listField("Ours: how the triggers fare; written seldom, not for each event.", {
    type: "object",
    description: "One trigger that has run.",
    properties: {
      name: textField("The trigger's name."),
      lastSuccessTime: {
        type: "string",
        format: "date-time",
        description: "When it last succeeded; up to 5 minutes old.",
      },
      lastFailureTime: { type: "string", format: "date-time", description: "When an attempt of it last failed." },
      lastError: textField("Why."),
    },
  }),
});

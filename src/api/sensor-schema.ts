import type { JsonSchema, Schema } from "../base/schema.ts";
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
] as const;

const operatorField = textField("How the entries are joined: and (the default) or or.");

const filtersSchema: JsonSchema = {
  type: "object",
  description: "Which events are taken. Every kind that is given must pass, unless filtersLogicalOperator is or.",
  properties: {
    exprs: listField("Expressions over fields of the data.", {
      type: "object",
      description: "One expression.",
      properties: {
        expr: textField("The expression; true takes the event."),
        fields: listField("The names that the expression uses.", {
          type: "object",
          description: "One name.",
          properties: { name: textField("The name."), path: textField("A path into the data.") },
        }),
      },
    }),
    exprLogicalOperator: operatorField,
    data: listField("Comparisons with fields of the data.", {
      type: "object",
      description: "One comparison.",
      properties: {
        path: textField("A path into the data (GJSON)."),
        type: textField("bool, number or string."),
        value: listField("Any of them is enough. For strings: regular expressions, not anchored.", { type: "string" }),
        comparator: textField("=, !=, >, >=, < or <=. Default =."),
        template: textField("A Go template over the value, before it is compared."),
      },
    }),
    dataLogicalOperator: operatorField,
    context: textMap("Exact values of the event's context: type, subject, source, datacontenttype."),
    time: {
      type: "object",
      description: "The hours of the day in which events are taken.",
      properties: {
        start: textField("HH:MM:SS, included."),
        stop: textField("HH:MM:SS, excluded; before start: over midnight."),
        timezone: textField("IANA name; default UTC."),
      },
    },
    script: textField("A Lua script that returns true to take the event."),
  },
};

const dependencySchema: JsonSchema = {
  type: "object",
  description: "Events that this Sensor listens to.",
  properties: {
    name: textField("The name that conditions and parameters use."),
    eventSourceName: textField("The EventSource."),
    eventName: textField("The event of that EventSource."),
    filters: filtersSchema,
    filtersLogicalOperator: operatorField,
    transform: {
      type: "object",
      description: "Changes the event's data before filters see it.",
      properties: { jq: textField("A jq program."), script: textField("A Lua script.") },
    },
  },
};

type Kinds = Readonly<Record<string, Schema<unknown>>>;

function templateSchema(kinds: Kinds): JsonSchema {
  const ofKind = (name: string): JsonSchema => kinds[name]?.json ?? openObject(`The ${name} trigger.`);
  return {
    type: "object",
    description: "What is done.",
    properties: {
      name: textField("The trigger's name, unique in the Sensor."),
      conditions: textField("Names of dependencies with &&, || and parentheses. Default: all of them."),
      conditionsReset: listField("When events that wait for others are forgotten.", {
        type: "object",
        description: "One rule.",
        properties: {
          byTime: {
            type: "object",
            description: "At times of a schedule.",
            properties: { cron: textField("Five fields."), timezone: textField("IANA name; default UTC.") },
          },
        },
      }),
      ...Object.fromEntries(triggerKindNames.map((name) => [name, ofKind(name)])),
    },
  };
}

/** `dlqDepth`: how many levels of dlqTrigger are described; deeper ones are open. */
function triggerSchema(kinds: Kinds, dlqDepth: number): JsonSchema {
  return {
    type: "object",
    description: "Something that is done when its conditions are met.",
    properties: {
      template: templateSchema(kinds),
      parameters: listField("Change the template itself.", parameterSchema),
      policy: {
        type: "object",
        description: "What counts as success.",
        properties: {
          k8s: {
            type: "object",
            description: "Labels that the object must get.",
            properties: {
              labels: textMap("All of them."),
              backoff: backoffSchema,
              errorOnBackoffTimeout: { type: "boolean", description: "Whether running out of time is a failure." },
            },
          },
          status: {
            type: "object",
            description: "Status codes that the answer may have.",
            properties: { allow: listField("The codes.", { type: "integer" }) },
          },
        },
      },
      retryStrategy: backoffSchema,
      rateLimit: {
        type: "object",
        description: "How often it may run.",
        properties: {
          unit: textField("Second (the default), Minute or Hour."),
          requestsPerUnit: { type: "integer", description: "How many in one unit." },
        },
      },
      atLeastOnce: { type: "boolean", description: "Whether failures are tried again.", default: false },
      dlqTrigger: dlqDepth > 0 ? triggerSchema(kinds, dlqDepth - 1) : openObject("Runs when this trigger failed."),
    },
  };
}

/** The Sensor's `spec`, with the schemas of the kinds of trigger that there are. */
export function sensorSchema(kinds: Kinds): JsonSchema {
  return {
    type: "object",
    description: "Listens to events and does something about them.",
    properties: {
      dependencies: listField("Events that it listens to.", dependencySchema),
      triggers: listField("What is done.", triggerSchema(kinds, 1)),
      template: podTemplateSchema,
      eventBusName: eventBusNameField,
      replicas: replicasField,
      revisionHistoryLimit: { type: "integer", description: "Kept for the original; without effect." },
      loggingFields: textMap("Kept for the original; without effect there too."),
      errorOnFailedRound: { type: "boolean", description: "Kept for the original; without effect there too." },
    },
  };
}

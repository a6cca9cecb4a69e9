import { warningAt } from "../../api/fields.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { has, ignores, needs, prefers, type TriggerRule, tlsRule, triggerSchema } from "./rules.ts";
import { parametersSchema, payloadSchema, secretKeySchema, tlsSchema } from "./schemas.ts";

/** spec argo-events 6.5.10 */
export const azureServiceBusSchema = {
  type: "object",
  description: "Sends a message to Azure Service Bus.",
  properties: {
    connectionString: { ...secretKeySchema, description: "The connection string." },
    queueName: { type: "string", description: "The queue; comes before `topicName`." },
    topicName: { type: "string", description: "The topic." },
    subscriptionName: { type: "string", description: "Has no effect: messages are sent to topics." },
    tls: tlsSchema,
    payload: payloadSchema,
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

const targetRule: TriggerRule = ({ queueName, topicName }, path) =>
  has(queueName) || has(topicName)
    ? []
    : [warningAt(`${path}.queueName`, "is missing, as is topicName: the trigger fails with each event")];

export const azureServiceBusTrigger = triggerSchema(
  azureServiceBusSchema,
  needs("connectionString", "payload"),
  targetRule,
  prefers("queueName", "topicName"),
  ignores("subscriptionName", "messages are sent to topics"),
  tlsRule,
);

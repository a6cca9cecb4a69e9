import { errorAt } from "../../api/fields.ts";
import { flagField, textField } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { has, lateTlsRule } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an Azure Service Bus queue or topic.",
  properties: {
    connectionString: secretKeyField("Holds the connection string; wins over `fullyQualifiedNamespace`."),
    fullyQualifiedNamespace: textField("Host of the namespace, with the Azure identity of the process."),
    queueName: textField("The queue. This, or topic and subscription."),
    topicName: textField("The topic; goes with `subscriptionName`."),
    subscriptionName: textField("The topic's subscription; goes with `topicName`."),
    tls: tlsField("TLS towards the server."),
    jsonBody: jsonBodyField,
    deferDelete: flagField("A message is removed once its event is kept, instead of when it is received."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

const namespaceRule: SourceRule = (event, path) =>
  has(event, "connectionString") || has(event, "fullyQualifiedNamespace")
    ? []
    : [errorAt(path, "connectionString or fullyQualifiedNamespace must be specified")];

const queueRule: SourceRule = (event, path) => {
  const [queue, topic, subscription] = ["queueName", "topicName", "subscriptionName"].map((field) => has(event, field));
  if (queue && (topic || subscription)) {
    return [errorAt(path, "queueName and topicName/subscriptionName cannot be specified at the same time")];
  }
  if (queue || (topic && subscription)) return [];
  return [errorAt(path, "queueName or topicName/subscriptionName must be specified")];
};

export const azureServiceBusSchema = sourceSchema(json, namespaceRule, queueRule, lateTlsRule);

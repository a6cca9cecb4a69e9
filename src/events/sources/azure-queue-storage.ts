import { errorAt } from "../../api/fields.ts";
import { flagField, requiredText, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { has } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an Azure Storage queue.",
  required: ["queueName"],
  properties: {
    storageAccountName: textField("The storage account, with the Azure identity of the process."),
    connectionString: secretKeyField("Holds the connection string; wins over `storageAccountName`."),
    queueName: requiredText("The queue."),
    jsonBody: jsonBodyField,
    dlq: flagField("A message that cannot be read stays in the queue, so that it goes to the dead-letter queue."),
    decodeMessage: flagField("The message is base64 and decoded first."),
    waitTimeInSeconds: {
      type: "integer",
      format: "int32",
      default: 3,
      description: "How long is waited after the queue was found empty.",
    },
    ...commonFields,
  },
} as const satisfies JsonSchema;

const accountRule: SourceRule = (event, path) =>
  has(event, "storageAccountName") || has(event, "connectionString")
    ? []
    : [errorAt(path, "must specify connectionString or storageAccountName")];

export const azureQueueStorageSchema = sourceSchema(json, accountRule);

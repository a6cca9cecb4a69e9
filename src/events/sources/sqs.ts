import { flagField, requiredText, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { awsKeysRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an AWS SQS queue.",
  required: ["region", "queue"],
  properties: {
    region: requiredText("The AWS region."),
    queue: requiredText("The queue's name."),
    accessKey: secretKeyField("AWS access key; without the keys, the identity of the process."),
    secretKey: secretKeyField("AWS secret key."),
    sessionToken: secretKeyField("AWS session token of temporary keys."),
    roleARN: textField("Role that is taken on; the keys have no effect then."),
    waitTimeSeconds: {
      type: "integer",
      format: "int64",
      default: 3,
      description: "How long a request waits for messages; 0 is 3.",
    },
    jsonBody: jsonBodyField,
    queueAccountId: textField("The account that the queue belongs to."),
    dlq: flagField("A message that cannot be read stays in the queue, so that it goes to the dead-letter queue."),
    endpoint: { ...textField("Another server than that of AWS."), format: "uri" },
    ...commonFields,
  },
} as const satisfies JsonSchema;

export const sqsSchema = sourceSchema(json, awsKeysRule);

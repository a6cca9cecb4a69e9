import { warningAt } from "../../api/fields.ts";
import { flagField, requiredText, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { has } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

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

const keysRule: SourceRule = (event, path) => {
  const keys = ["accessKey", "secretKey"].filter((field) => event[field] !== undefined);
  if (has(event, "roleARN")) return keys.map((key) => warningAt(`${path}.${key}`, "has no effect beside roleARN"));
  if (keys.length !== 1) return [];
  const missing = keys[0] === "accessKey" ? "secretKey" : "accessKey";
  return [warningAt(`${path}.${missing}`, "is missing: the keys only work together")];
};

export const sqsSchema = sourceSchema(json, keysRule);

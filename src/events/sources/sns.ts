import { warningAt } from "../../api/fields.ts";
import { flagField, requiredText, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields } from "./schemas.ts";
import { awsKeysRule, wantsHook } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Messages of an AWS SNS topic, which calls us.",
  required: ["webhook", "topicArn", "region"],
  properties: {
    webhook: webhookContextSchema,
    topicArn: requiredText("ARN of the topic."),
    accessKey: secretKeyField("AWS access key; without the keys, the identity of the process."),
    secretKey: secretKeyField("AWS secret key."),
    region: requiredText("The AWS region."),
    roleARN: textField("Role that is taken on; the keys have no effect then."),
    validateSignature: flagField("Requests are checked to be of AWS."),
    endpoint: { ...textField("Another server than that of AWS."), format: "uri" },
    ...commonFields,
  },
} as const satisfies JsonSchema;

const signatureRule: SourceRule = (event, path) =>
  event.validateSignature === true
    ? [warningAt(`${path}.validateSignature`, "Argo Events refuses every message then: its check never succeeds")]
    : [];

const urlRule: SourceRule = (event, path) =>
  event.webhook === undefined || wantsHook(event)
    ? []
    : [warningAt(`${path}.webhook.url`, "is missing: the topic cannot be subscribed to without it")];

export const snsSchema = sourceSchema(json, webhookContextRule, signatureRule, urlRule, awsKeysRule);

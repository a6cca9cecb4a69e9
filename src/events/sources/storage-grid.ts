import { requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { keyFilterSchema, metadataSchema } from "./schemas.ts";
import { ignoredFilterRule, lateTlsRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Changes of objects in a NetApp StorageGRID bucket.",
  required: ["webhook", "events", "topicArn", "bucket", "authToken", "apiURL"],
  properties: {
    webhook: webhookContextSchema,
    events: textList("Such as ObjectCreated:Put."),
    filter: keyFilterSchema,
    topicArn: requiredText("ARN of the endpoint."),
    bucket: requiredText("The bucket."),
    region: { ...textField("Has no effect."), default: "us-east-1" },
    authToken: secretKeyField("Token for the API."),
    apiURL: { ...requiredText("URL of the API."), format: "uri" },
    tls: tlsField("TLS towards the API."),
    metadata: metadataSchema,
  },
} as const satisfies JsonSchema;

export const storageGridSchema = sourceSchema(json, webhookContextRule, ignoredFilterRule, lateTlsRule);

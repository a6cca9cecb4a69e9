import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields } from "./schemas.ts";
import { sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Events, interactions and slash commands of a Slack app.",
  required: ["signingSecret", "token", "webhook"],
  properties: {
    signingSecret: secretKeyField("The secret that requests are signed with."),
    token: secretKeyField("The token in requests of the Events API."),
    webhook: webhookContextSchema,
    ...commonFields,
  },
} as const satisfies JsonSchema;

export const slackSchema = sourceSchema(json, webhookContextRule);

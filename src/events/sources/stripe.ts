import { errorAt, warningAt } from "../../api/fields.ts";
import { flagField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { ignoredExpression, metadataSchema } from "./schemas.ts";
import { ignoredFilterRule, wantsHook } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Events of Stripe. Requests are not checked to be of Stripe: give webhook.authSecret.",
  required: ["webhook"],
  properties: {
    webhook: webhookContextSchema,
    createWebhook: flagField("Registers a new endpoint at Stripe, at each start."),
    apiKey: secretKeyField("Key for the API; needed for `createWebhook`."),
    eventFilter: textList("Types of events that count, such as charge.failed; all when not given."),
    filter: {
      type: "object",
      description: "Has no effect: use `eventFilter`.",
      properties: { expression: ignoredExpression },
    },
    metadata: metadataSchema,
  },
} as const satisfies JsonSchema;

const createRule: SourceRule = (event, path) => {
  if (event.createWebhook !== true) return [];
  const problems =
    event.apiKey === undefined ? [errorAt(`${path}.apiKey`, "api key K8s secret selector not provided")] : [];
  if (wantsHook(event) || event.webhook === undefined) return problems;
  return [...problems, warningAt(`${path}.webhook.url`, "is missing: no endpoint can be registered without it")];
};

export const stripeSchema = sourceSchema(json, webhookContextRule, createRule, ignoredFilterRule);

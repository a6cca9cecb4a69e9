import { flagField, requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { checkBasicAuth } from "../../api/value-rules.ts";
import { basicAuthField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { commonFields } from "./schemas.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Hooks of Gerrit's webhooks plugin. Requests are not signed: give webhook.authSecret.",
  required: ["webhook", "projects", "events", "gerritBaseURL", "auth"],
  properties: {
    webhook: webhookContextSchema,
    hookName: textField("Name of the hook in Gerrit; by itself NAMESPACE-EVENTSOURCE-EVENT."),
    events: textList("Events of the hook, such as patchset-created."),
    auth: basicAuthField("User name and password for the API."),
    gerritBaseURL: { ...requiredText("Base URL of the API."), format: "uri" },
    deleteHookOnFinish: flagField("The hook is removed when the source ends."),
    projects: { type: "array", description: "The projects that get a hook.", minItems: 1, items: { type: "string" } },
    sslVerify: flagField("Gerrit checks our certificate."),
    maxTries: { type: "integer", format: "int64", description: "How often Gerrit tries to deliver an event." },
    ...commonFields,
  },
} as const satisfies JsonSchema;

const authRule: SourceRule = (event, path) => checkBasicAuth(event.auth, `${path}.auth`, "warning");

export type GerritSpec = SpecOf<typeof json>;

export const gerritSchema = sourceSchema<GerritSpec>(json, webhookContextRule, authRule);

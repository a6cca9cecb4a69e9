import { errorAt, listOf, objectOf } from "../../api/fields.ts";
import { flagField, listField, textField, textList } from "../../api/shared-schemas.ts";
import { checkBasicAuth } from "../../api/value-rules.ts";
import { basicAuthField, secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { commonFields } from "./schemas.ts";
import { has, replacedRule, wantsHook } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Hooks of Bitbucket Cloud. Give webhook.verify or webhook.authSecret: nothing else checks who calls.",
  required: ["webhook", "auth"], // without auth the original's validation ends the process
  properties: {
    webhook: webhookContextSchema,
    auth: {
      type: "object",
      description: "How hooks are registered.",
      properties: {
        basic: basicAuthField("User name and app password."),
        oauthToken: secretKeyField("An OAuth token."),
      },
    },
    events: textList("Events of the hook, such as repo:push."),
    repositories: listField("The repositories that get a hook.", {
      type: "object",
      properties: {
        owner: textField("The workspace that owns the repository."),
        repositorySlug: textField("The repository's name in its URL."),
      },
    }),
    owner: textField("Deprecated: use `repositories`."),
    projectKey: textField("Deprecated, has no effect."),
    repositorySlug: textField("Deprecated: use `repositories`."),
    deleteHookOnFinish: flagField("The hook is removed when the source ends."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

const repositoriesRule: SourceRule = (event, path) =>
  listOf(event.repositories).length > 0 || (has(event, "owner") && has(event, "repositorySlug"))
    ? []
    : [errorAt(`${path}.repositories`, "at least one repository configuration is required")];

const eventsRule: SourceRule = (event, path) => {
  const { basic, oauthToken } = objectOf(event.auth);
  const user = objectOf(basic);
  const canRegister = oauthToken !== undefined || (has(user, "username") && has(user, "password"));
  if (!canRegister || !wantsHook(event) || listOf(event.events).length > 0) return [];
  return [errorAt(`${path}.events`, "events must be defined to create a bitbucket webhook")];
};

const authRule: SourceRule = (event, path) =>
  checkBasicAuth(objectOf(event.auth).basic, `${path}.auth.basic`, "warning");

export type BitbucketSpec = SpecOf<typeof json>;

export const bitbucketSchema = sourceSchema<BitbucketSpec>(
  json,
  webhookContextRule,
  repositoriesRule,
  eventsRule,
  authRule,
  replacedRule(["owner", "repositorySlug"], "repositories"),
);

import { listOf, warningAt } from "../../api/fields.ts";
import { flagField, requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { commonFields } from "./schemas.ts";
import { replacedRule, unreadSecretRule, wantsHook } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Hooks of GitLab.",
  required: ["webhook", "events", "gitlabBaseURL", "accessToken"],
  properties: {
    webhook: webhookContextSchema,
    projectID: textField("Deprecated: use `projects`."),
    projects: textList("Ids or paths of the projects that get a hook."),
    groups: textList("Ids or names of the groups that get a hook (GitLab Premium)."),
    events: textList("Events of the hook: PushEvents, TagPushEvents, MergeRequestsEvents, IssuesEvents, …"),
    accessToken: secretKeyField("Token for the API; with it and `webhook.url` hooks are registered."),
    enableSSLVerification: flagField("GitLab checks our certificate."),
    gitlabBaseURL: { ...requiredText("Base URL of the API."), format: "uri" },
    deleteHookOnFinish: flagField("The hook is removed when the source ends."),
    secretToken: secretKeyField("The token that GitLab sends with each request."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

/** The listener of the original ends at a name that is no field of its client's hook options. */
const eventsRule: SourceRule = (event, path) =>
  listOf(event.events).flatMap((name, index) =>
    typeof name !== "string" || /^[A-Z][A-Za-z]*Events$/.test(name)
      ? []
      : [warningAt(`${path}.events[${index}]`, `"${name}" must be the name of an option, such as PushEvents`)],
  );

export type GitlabSpec = SpecOf<typeof json>;

export const gitlabSchema = sourceSchema<GitlabSpec>(
  json,
  webhookContextRule,
  eventsRule,
  unreadSecretRule("secretToken", (event) => event.accessToken !== undefined && wantsHook(event)),
  replacedRule(["projectID"], "projects"),
);

import { errorAt, listOf } from "../../api/fields.ts";
import { flagField, listField, requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import type { JsonObject } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { commonFields } from "./schemas.ts";
import { checkDuration, has, lateTlsRule, replacedRule, unreadSecretRule, wantsHook } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Hooks of Bitbucket Server and Data Center.",
  required: ["webhook", "bitbucketserverBaseURL"],
  properties: {
    webhook: webhookContextSchema,
    projects: textList("Projects; each of their repositories gets a hook."),
    repositories: listField("The repositories that get a hook.", {
      type: "object",
      properties: {
        projectKey: textField("The repository's project."),
        repositorySlug: textField("The repository's name in its URL."),
      },
    }),
    projectKey: textField("Deprecated: use `repositories`."),
    repositorySlug: textField("Deprecated: use `repositories`."),
    events: textList("Events of the hook, such as repo:refs_changed."),
    skipBranchRefsChangedOnOpenPR: flagField("Leaves out changes of branches that have an open pull request."),
    oneEventPerChange: flagField("Each change of repo:refs_changed becomes an event of its own."),
    accessToken: secretKeyField("Token for the API; with it hooks are registered."),
    webhookSecret: secretKeyField("The secret that requests are signed with."),
    bitbucketserverBaseURL: { ...requiredText("Base URL of the API."), format: "uri" },
    deleteHookOnFinish: flagField("The hook is removed when the source ends."),
    tls: tlsField("TLS towards the API."),
    checkInterval: { ...textField("How often hooks are looked after, as a duration."), default: "1m" },
    ...commonFields,
  },
} as const satisfies JsonSchema;

function hasRepositories(event: JsonObject): boolean {
  return (
    listOf(event.projects).length > 0 ||
    listOf(event.repositories).length > 0 ||
    (has(event, "projectKey") && has(event, "repositorySlug"))
  );
}

function managesHooks(event: JsonObject): boolean {
  return event.accessToken !== undefined && wantsHook(event) && hasRepositories(event);
}

const repositoriesRule: SourceRule = (event, path) =>
  hasRepositories(event) ? [] : [errorAt(path, "at least one project or repository configuration is required")];

const eventsRule: SourceRule = (event, path) =>
  managesHooks(event) && listOf(event.events).length === 0
    ? [errorAt(`${path}.events`, "events must be defined to create a bitbucket server webhook")]
    : [];

const intervalRule: SourceRule = (event, path) => checkDuration(event.checkInterval, `${path}.checkInterval`, "error");

export type BitbucketserverSpec = SpecOf<typeof json>;

export const bitbucketserverSchema = sourceSchema<BitbucketserverSpec>(
  json,
  webhookContextRule,
  repositoriesRule,
  eventsRule,
  intervalRule,
  lateTlsRule,
  unreadSecretRule("webhookSecret", managesHooks),
  replacedRule(["projectKey", "repositorySlug"], "repositories"),
);

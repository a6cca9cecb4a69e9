import { errorAt, listOf, objectOf, textOf, warningAt } from "../../api/fields.ts";
import { flagField, listField, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonObject } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { commonFields } from "./schemas.ts";
import { has, replacedRule, wantsHook } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Hooks of GitHub.",
  required: ["webhook"],
  properties: {
    webhook: webhookContextSchema,
    repositories: listField("The repositories that get a hook. This or `organizations`.", {
      type: "object",
      properties: {
        owner: textField("User or organization."),
        names: textList("Names of the owner's repositories."),
      },
    }),
    organizations: textList("The organizations that get a hook. This or `repositories`."),
    owner: textField("Deprecated: use `repositories`."),
    repository: textField("Deprecated: use `repositories`."),
    id: { type: "integer", format: "int64", description: "Deprecated, has no effect." },
    events: textList("Events of the hook, such as push; * is all."),
    apiToken: secretKeyField("Token for the API; with it and `webhook.url` hooks are registered."),
    githubApp: {
      type: "object",
      description: "A GitHub App, instead of `apiToken`.",
      properties: {
        privateKey: secretKeyField("The app's private key."),
        appID: { type: "integer", format: "int64", description: "Id of the app." },
        installationID: { type: "integer", format: "int64", description: "Id of its installation." },
      },
    },
    webhookSecret: secretKeyField("The secret that requests are signed with; without it they are not checked."),
    insecure: flagField("GitHub does not check our certificate."),
    active: flagField("The hook sends events; without it the hook is registered, but silent."),
    contentType: { type: "string", enum: ["", "json", "form"], description: "How GitHub sends the body." },
    githubBaseURL: { ...textField("Base URL of GitHub Enterprise; goes with `githubUploadURL`."), format: "uri" },
    githubUploadURL: { ...textField("Upload URL of GitHub Enterprise; goes with `githubBaseURL`."), format: "uri" },
    deleteHookOnFinish: flagField("The hook is removed when the source ends."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

function hasRepositories(event: JsonObject): boolean {
  return listOf(event.repositories).length > 0 || (has(event, "owner") && has(event, "repository"));
}

function managesHooks(event: JsonObject): boolean {
  const hasToken = event.apiToken !== undefined || objectOf(event.githubApp).privateKey !== undefined;
  return hasToken && wantsHook(event);
}

const ownersRule: SourceRule = (event, path) => {
  const [repositories, organizations] = [hasRepositories(event), event.organizations !== undefined];
  if (!repositories && !organizations) return [errorAt(path, "either repositories or organizations is required")];
  if (repositories && organizations) {
    return [errorAt(path, "only one of repositories and organizations is allowed")];
  }
  return [];
};

const eventsRule: SourceRule = (event, path) =>
  managesHooks(event) && listOf(event.events).length === 0
    ? [errorAt(`${path}.events`, "events must be defined to create a github webhook")]
    : [];

/** Both or neither, so that nothing goes to the public GitHub by accident. */
const enterpriseRule: SourceRule = (event, path) => {
  if (has(event, "githubBaseURL") === has(event, "githubUploadURL")) return [];
  const [missing, given] = has(event, "githubBaseURL")
    ? ["githubUploadURL", "githubBaseURL"]
    : ["githubBaseURL", "githubUploadURL"];
  return [errorAt(`${path}.${missing}`, `${missing} is required when ${given} is set`)];
};

const activeRule: SourceRule = (event, path) => {
  const problems = [];
  if (managesHooks(event) && event.active !== true) {
    problems.push(warningAt(`${path}.active`, "is not true: GitHub registers the hook, but sends nothing"));
  }
  const app = objectOf(event.githubApp);
  if (event.githubApp !== undefined && app.privateKey === undefined) {
    problems.push(warningAt(`${path}.githubApp.privateKey`, "is missing: the app is not used"));
  }
  return problems;
};

const idRule: SourceRule = (event, path) => [
  ...(event.id === undefined || event.id === 0 ? [] : [warningAt(`${path}.id`, "has no effect")]),
  ...(textOf(event.owner) !== "" && textOf(event.repository) === ""
    ? [warningAt(`${path}.owner`, "has no effect without repository")]
    : []),
];

export type GithubSpec = SpecOf<typeof json>;

export const githubSchema = sourceSchema<GithubSpec>(
  json,
  webhookContextRule,
  ownersRule,
  eventsRule,
  enterpriseRule,
  activeRule,
  idRule,
  replacedRule(["owner", "repository"], "repositories"),
);

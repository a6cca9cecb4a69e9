import { objectOf, textOf, warningAt } from "../../api/fields.ts";
import { requiredText, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields } from "./schemas.ts";
import { checkDuration, checkWatchPath, has, watchPathFields } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Changes of files in a directory of an SFTP server.",
  required: ["eventType", "watchPathConfig"],
  properties: {
    eventType: requiredText("CREATE or REMOVE."),
    watchPathConfig: {
      type: "object",
      description: "Which files are watched.",
      required: ["directory"],
      properties: watchPathFields,
    },
    username: secretKeyField("The user's name."),
    password: secretKeyField("The user's password; the server's key is not checked with it."),
    sshKeySecret: secretKeyField("A private key, together with the server's key as in authorized_keys."),
    address: secretKeyField("host:port of the server."),
    pollIntervalDuration: { ...textField("How often the directory is read, as a duration."), default: "10s" },
    ...commonFields,
  },
} as const satisfies JsonSchema;

const watchRule: SourceRule = (event, path) =>
  event.watchPathConfig === undefined ? [] : checkWatchPath(objectOf(event.watchPathConfig), `${path}.watchPathConfig`);

const typeRule: SourceRule = (event, path) => {
  const type = textOf(event.eventType);
  if (type === "" || type === "CREATE" || type === "REMOVE") return [];
  return [warningAt(`${path}.eventType`, `"${type}" never comes: it must be CREATE or REMOVE`)];
};

const intervalRule: SourceRule = (event, path) =>
  checkDuration(event.pollIntervalDuration, `${path}.pollIntervalDuration`, "warning");

const accessRule: SourceRule = (event, path) => {
  const problems = has(event, "address") ? [] : [warningAt(`${path}.address`, "is missing: there is no server to ask")];
  if (has(event, "password") || has(event, "sshKeySecret")) return problems;
  return [...problems, warningAt(path, "has neither password nor sshKeySecret: nobody can log in")];
};

export const sftpSchema = sourceSchema(json, watchRule, typeRule, intervalRule, accessRule);

import { errorAt, textOf } from "../../api/fields.ts";
import { requiredText, textField } from "../../api/shared-schemas.ts";
import { configMapKeyField, secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields } from "./schemas.ts";
import { checkDuration, checkWatchPath, fileOperations, has, operationsOf, watchPathFields } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Changes of files in a directory of HDFS and in those below it.",
  required: ["directory", "type", "addresses"],
  properties: {
    ...watchPathFields,
    type: requiredText(`One of ${fileOperations.join(", ")}, or several joined by |.`),
    checkInterval: { ...textField("How often the directory is read, as a duration."), default: "1m" },
    addresses: {
      type: "array",
      description: "host:port of the name nodes.",
      minItems: 1,
      items: { type: "string" },
    },
    hdfsUser: textField("The user; has no effect beside Kerberos."),
    krbCCacheSecret: secretKeyField("Kerberos credential cache."),
    krbKeytabSecret: secretKeyField("Kerberos keytab."),
    krbUsername: textField("User of the keytab."),
    krbRealm: textField("Realm of the keytab."),
    krbConfigConfigMap: configMapKeyField("Kerberos configuration."),
    krbServicePrincipalName: textField("Kerberos principal of the service."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

const typeRule: SourceRule = (event, path) => {
  const type = textOf(event.type);
  const known: readonly string[] = fileOperations;
  if (type === "" || operationsOf(type).some((part) => known.includes(part))) return [];
  return [errorAt(`${path}.type`, `type is invalid: "${type}" must be one of ${known.join(", ")}`)];
};

const intervalRule: SourceRule = (event, path) => checkDuration(event.checkInterval, `${path}.checkInterval`, "error");

const userRule: SourceRule = (event, path) => {
  const [cache, keytab] = [has(event, "krbCCacheSecret"), has(event, "krbKeytabSecret")];
  if (!cache && !keytab) {
    if (has(event, "hdfsUser")) return [];
    return [errorAt(path, "either hdfsUser, krbCCacheSecret or krbKeytabSecret is required")];
  }
  const needed = ["krbServicePrincipalName", "krbConfigConfigMap", ...(keytab ? ["krbUsername", "krbRealm"] : [])];
  const by = keytab ? "krbKeytabSecret" : "krbCCacheSecret";
  return needed
    .filter((field) => !has(event, field))
    .map((field) => errorAt(`${path}.${field}`, `is required with ${by}`));
};

export const hdfsSchema = sourceSchema(json, typeRule, intervalRule, checkWatchPath, userRule);

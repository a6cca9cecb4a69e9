import { errorAt } from "../../api/fields.ts";
import { requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { has, tlsRule } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of Redis channels (what is sent while nobody listens is gone).",
  required: ["hostAddress", "channels"],
  properties: {
    hostAddress: requiredText("host:port of the server."),
    password: secretKeyField("The password; needs `namespace`."),
    username: textField("The user's name, as it stands."),
    namespace: textField("Needed with `password`; its Secret is that of this namespace all the same."),
    db: { type: "integer", format: "int32", default: 0, description: "Number of the database." },
    channels: textList("The channels; patterns are not known."),
    tls: tlsField("TLS towards the server."),
    jsonBody: jsonBodyField,
    ...commonFields,
  },
} as const satisfies JsonSchema;

const passwordRule: SourceRule = (event, path) =>
  event.password === undefined || has(event, "namespace")
    ? []
    : [errorAt(`${path}.namespace`, "namespace must be defined in order to retrieve the password from the secret")];

export const redisSchema = sourceSchema(json, passwordRule, tlsRule);

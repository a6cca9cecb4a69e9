import { warningAt } from "../../api/fields.ts";
import { flagField, requiredText, textList, textMap } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import { isJsonObject } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, connectionBackoffField, jsonBodyField } from "./schemas.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of Apache Pulsar topics.",
  required: ["topics", "type", "url"],
  properties: {
    topics: textList("The topics."),
    type: {
      type: "string",
      enum: ["exclusive", "shared"],
      description: "Of the subscription, which has the event's name. It must be given, whatever Argo Events' docs say.",
    },
    url: { ...requiredText("pulsar://host:port of the service."), format: "uri" },
    tlsTrustCertsSecret: secretKeyField("Certificates of the authorities that the server is checked against."),
    tlsAllowInsecureConnection: flagField("Takes any certificate of the server."),
    tlsValidateHostname: flagField("Checks the server's name too."),
    tls: tlsField("Our certificate: clientCertSecret and clientKeySecret."),
    authTokenSecret: secretKeyField("A token."),
    authAthenzParams: textMap("Parameters of Athenz."),
    authAthenzSecret: secretKeyField("Private key of Athenz."),
    connectionBackoff: connectionBackoffField,
    jsonBody: jsonBodyField,
    ...commonFields,
  },
} as const satisfies JsonSchema;

const athenzRule: SourceRule = (event, path) =>
  isJsonObject(event.authAthenzParams) && event.authAthenzSecret === undefined
    ? [warningAt(`${path}.authAthenzSecret`, "is missing: authAthenzParams need it")]
    : [];

const authRule: SourceRule = (event, path) => {
  const given = ["tls", "authAthenzParams", "authTokenSecret"].filter((field) => event[field] !== undefined);
  const [first] = given;
  if (given.length < 2 || !first) return [];
  return given.slice(1).map((field) => warningAt(`${path}.${field}`, `has no effect beside ${first}`));
};

export const pulsarSchema = sourceSchema(json, athenzRule, authRule);

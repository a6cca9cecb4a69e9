import { warningAt } from "../../api/fields.ts";
import { flagField, requiredText } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Events that a gRPC server of your own sends (generic.Eventing).",
  required: ["url", "config"],
  properties: {
    url: requiredText("host:port of the server."),
    config: requiredText("Handed to the server as it stands."),
    insecure: flagField("Without TLS."),
    jsonBody: jsonBodyField,
    authSecret: secretKeyField("Token that is sent to the server."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

const insecureRule: SourceRule = (event, path) =>
  event.insecure === true
    ? []
    : [warningAt(`${path}.insecure`, "Argo Events cannot connect unless it is true: it has no TLS for this kind")];

export const genericSchema = sourceSchema(json, insecureRule);

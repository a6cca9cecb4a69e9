import { requiredText } from "../../api/shared-schemas.ts";
import { checkBasicAuth } from "../../api/value-rules.ts";
import { basicAuthField, tlsField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, connectionBackoffField, jsonBodyField } from "./schemas.ts";
import { tlsRule } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an MQTT topic (QoS 0: what is sent while nobody listens is gone).",
  required: ["url", "topic", "clientId"],
  properties: {
    url: { ...requiredText("tcp://host:port of the broker."), format: "uri" },
    topic: requiredText("The topic; + and # stand for others."),
    clientId: requiredText("Our id; two clients of one id throw each other out."),
    connectionBackoff: connectionBackoffField,
    jsonBody: jsonBodyField,
    tls: tlsField("TLS towards the broker."),
    auth: basicAuthField("User name and password."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

/** The original does not look at `auth` where there is `tls`. */
const authRule: SourceRule = (event, path) =>
  checkBasicAuth(event.auth, `${path}.auth`, event.tls === undefined ? "error" : "warning");

export const mqttSchema = sourceSchema(json, tlsRule, authRule);

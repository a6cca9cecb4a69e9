import { requiredText } from "../../api/shared-schemas.ts";
import { tlsField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, connectionBackoffField, jsonBodyField } from "./schemas.ts";
import { tlsRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an NSQ topic.",
  required: ["hostAddress", "topic", "channel"],
  properties: {
    hostAddress: requiredText("host:port of nsqlookupd's HTTP."),
    topic: requiredText("The topic."),
    channel: requiredText("The channel; those who read one channel share its messages."),
    connectionBackoff: connectionBackoffField,
    jsonBody: jsonBodyField,
    tls: tlsField("TLS towards the server."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

export const nsqSchema = sourceSchema(json, tlsRule);

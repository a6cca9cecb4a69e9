import { requiredText } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, connectionBackoffField, jsonBodyField } from "./schemas.ts";
import { tlsRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an Emitter channel.",
  required: ["broker", "channelKey", "channelName"],
  properties: {
    broker: { ...requiredText("URI of the broker."), format: "uri" },
    channelKey: requiredText("The channel's key."),
    channelName: requiredText("The channel."),
    username: secretKeyField("The user's name."),
    password: secretKeyField("The user's password."),
    connectionBackoff: connectionBackoffField,
    jsonBody: jsonBodyField,
    tls: tlsField("TLS towards the broker."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

export const emitterSchema = sourceSchema(json, tlsRule);

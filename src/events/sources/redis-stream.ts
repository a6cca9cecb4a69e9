import { requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields } from "./schemas.ts";
import { tlsRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Entries of Redis streams.",
  required: ["hostAddress", "streams"],
  properties: {
    hostAddress: requiredText("host:port of the server."),
    password: secretKeyField("The password."),
    username: textField("The user's name, as it stands."),
    db: { type: "integer", format: "int32", default: 0, description: "Number of the database." },
    streams: textList("The streams; they must be there."),
    maxMsgCountPerRead: {
      type: "integer",
      format: "int32",
      default: 10,
      description: "How many entries of each stream are read at once.",
    },
    consumerGroup: { ...textField("The group that keeps the position."), default: "argo-events-cg" },
    tls: tlsField("TLS towards the server."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

export const redisStreamSchema = sourceSchema(json, tlsRule);

import { warningAt } from "../../api/fields.ts";
import { flagField, requiredText } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { filterSchema } from "./schemas.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an Alibaba Cloud MNS queue.",
  required: ["queue", "endpoint"],
  properties: {
    accessKey: secretKeyField("The access key."),
    secretKey: secretKeyField("The secret key."),
    queue: requiredText("The queue."),
    endpoint: { ...requiredText("URL of the service."), format: "uri" },
    jsonBody: flagField("Has no effect: the body is always a text."),
    filter: filterSchema,
  },
} as const satisfies JsonSchema;

const jsonBodyRule: SourceRule = (event, path) =>
  event.jsonBody === true ? [warningAt(`${path}.jsonBody`, "has no effect: the body is always a text")] : [];

export const mnsSchema = sourceSchema(json, jsonBodyRule);

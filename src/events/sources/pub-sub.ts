import { errorAt } from "../../api/fields.ts";
import { flagField, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { has } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of Google Cloud Pub/Sub.",
  properties: {
    projectID: textField("The subscription's project; on Google Cloud its own when not given."),
    topicProjectID: textField("The topic's project; `projectID` when not given."),
    topic: textField("The topic; with it a missing subscription is created."),
    subscriptionID: textField("The subscription; made of the event's name and spec when not given."),
    credentialSecret: secretKeyField("Credentials as JSON; without them, those of the process."),
    deleteSubscriptionOnFinish: flagField("The subscription is removed when the source ends."),
    jsonBody: jsonBodyField,
    ...commonFields,
  },
} as const satisfies JsonSchema;

const topicRule: SourceRule = (event, path) => {
  if (has(event, "topic")) return [];
  if (has(event, "topicProjectID")) {
    return [errorAt(`${path}.topicProjectID`, "you can't specify topicProjectID if you don't specify topic")];
  }
  return has(event, "subscriptionID") ? [] : [errorAt(path, "must specify topic or subscriptionID")];
};

export const pubSubSchema = sourceSchema(json, topicRule);

import { errorAt } from "../../api/fields.ts";
import { requiredText } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { commonFields } from "./schemas.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Events of an Azure Event Hub, from now on.",
  required: ["fqdn", "hubName"],
  properties: {
    fqdn: requiredText("Host of the Event Hubs namespace."),
    hubName: requiredText("The event hub."),
    sharedAccessKeyName: secretKeyField("Name of the key; without key and name, the Azure identity of the process."),
    sharedAccessKey: secretKeyField("The key; goes with its name."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

const keyRule: SourceRule = ({ sharedAccessKey, sharedAccessKeyName }, path) =>
  (sharedAccessKey === undefined) === (sharedAccessKeyName === undefined)
    ? []
    : [errorAt(path, "sharedAccessKey and sharedAccessKeyName must be given together, or neither")];

export const azureEventsHubSchema = sourceSchema(json, keyRule);

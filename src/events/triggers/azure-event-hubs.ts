import type { JsonSchema } from "../../base/schema.ts";
import { needs, triggerSchema } from "./rules.ts";
import { parametersSchema, payloadSchema, secretKeySchema } from "./schemas.ts";

/** spec argo-events 6.5.10 */
export const azureEventHubsSchema = {
  type: "object",
  description: "Sends a message to Azure Event Hubs.",
  properties: {
    fqdn: { type: "string", description: "Host of the namespace: `name.servicebus.windows.net`." },
    hubName: { type: "string", description: "The event hub." },
    sharedAccessKeyName: { ...secretKeySchema, description: "Name of the shared access key." },
    sharedAccessKey: { ...secretKeySchema, description: "The shared access key." },
    payload: payloadSchema,
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

export const azureEventHubsTrigger = triggerSchema(
  azureEventHubsSchema,
  needs("fqdn", "hubName", "sharedAccessKeyName", "sharedAccessKey", "payload"),
);

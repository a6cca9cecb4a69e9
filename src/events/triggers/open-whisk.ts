import { errorAt, textOf } from "../../api/fields.ts";
import { isJsonObject } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { parametersSchema, payloadSchema, secretKeySchema } from "./schemas.ts";

/** spec argo-events 6.5.11 */
export const openWhiskSchema = {
  type: "object",
  description: "Invokes an action of Apache OpenWhisk and waits for it.",
  required: ["host", "actionName", "payload"],
  properties: {
    host: { type: "string", minLength: 1, description: "URL of the OpenWhisk server." },
    actionName: { type: "string", minLength: 1, description: "The action or function." },
    namespace: { type: "string", description: "Namespace of the action.", default: "_" },
    version: { type: "string", description: "Version of the server's API.", default: "v1" },
    authToken: { ...secretKeySchema, description: "The token for the server." },
    payload: payloadSchema,
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

const tokenRule: TriggerRule = ({ authToken }, path) => {
  if (!isJsonObject(authToken) || (textOf(authToken.name) !== "" && textOf(authToken.key) !== "")) return [];
  return [errorAt(`${path}.authToken`, "auth token key and name must be specified")];
};

export const openWhiskTrigger = triggerSchema(
  openWhiskSchema,
  requires({
    actionName: "action name is not specified",
    host: "host URL is not specified",
    payload: "payload parameters are not specified",
  }),
  tokenRule,
);

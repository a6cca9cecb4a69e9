import { errorAt } from "../../api/fields.ts";
import { isJsonObject } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { payloadSchema, resourceParametersSchema, secretKeySchema } from "./schemas.ts";

/** spec argo-events 6.5.12 */
export const customSchema = {
  type: "object",
  description: "Asks a gRPC server of one's own (service `triggers.Trigger`).",
  required: ["serverURL", "spec"],
  properties: {
    serverURL: { type: "string", minLength: 1, description: "Host and port of the server." },
    secure: { type: "boolean", description: "Whether the connection is TLS; needs `certSecret`.", default: false },
    certSecret: { ...secretKeySchema, description: "Certificate that the server is checked against." },
    serverNameOverride: { type: "string", description: "The name that the server's certificate must have." },
    spec: {
      type: "object",
      description: "What the server is told about the resource; its keys are the server's own.",
      additionalProperties: { type: "string" },
    },
    parameters: { ...resourceParametersSchema, description: "Change the resource that the server gives." },
    payload: payloadSchema,
  },
} as const satisfies JsonSchema;

const certRule: TriggerRule = ({ secure, certSecret }, path) => {
  if (secure !== true || isJsonObject(certSecret)) return [];
  return [errorAt(`${path}.certSecret`, "certSecret can't be nil when the trigger server connection is secure")];
};

export const customTrigger = triggerSchema(
  customSchema,
  requires({
    serverURL: "custom trigger gRPC server url is not defined",
    spec: "trigger body can't be empty",
  }),
  certRule,
);

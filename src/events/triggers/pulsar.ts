import { backoffSchema } from "../../api/shared-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { needs, tlsRule, triggerSchema } from "./rules.ts";
import { parametersSchema, payloadSchema, secretKeySchema, tlsSchema } from "./schemas.ts";

/** spec argo-events 6.5.7 */
export const pulsarSchema = {
  type: "object",
  description: "Sends a message to a topic of Apache Pulsar and waits for the broker.",
  properties: {
    url: { type: "string", description: "The service: `pulsar://host:6650`." },
    topic: { type: "string", description: "The topic." },
    payload: payloadSchema,
    parameters: parametersSchema,
    authTokenSecret: { ...secretKeySchema, description: "A token." },
    authAthenzParams: {
      type: "object",
      description: "Parameters of Athenz.",
      additionalProperties: { type: "string" },
    },
    authAthenzSecret: { ...secretKeySchema, description: "Private key of Athenz." },
    tls: { ...tlsSchema, description: "Our certificate and key; both are needed." },
    tlsTrustCertsSecret: { ...secretKeySchema, description: "Authorities that the broker is checked against." },
    tlsAllowInsecureConnection: { type: "boolean", description: "Takes any broker for the right one.", default: false },
    tlsValidateHostname: {
      type: "boolean",
      description: "Whether the broker's certificate must have its host name.",
      default: false,
    },
    connectionBackoff: {
      ...backoffSchema,
      description: "How often the connection is tried, and how long is waited in between.",
    },
  },
} as const satisfies JsonSchema;

export const pulsarTrigger = triggerSchema(pulsarSchema, needs("url", "topic", "payload"), tlsRule);

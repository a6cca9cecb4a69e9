import { objectOf, warningAt } from "../../api/fields.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { ignores, requires, type TriggerRule, tlsRule, triggerSchema } from "./rules.ts";
import {
  basicAuthSchema,
  headersSchema,
  parametersSchema,
  payloadSchema,
  saslSchema,
  secureHeadersSchema,
  tlsSchema,
} from "./schemas.ts";

/** spec argo-events 6.5.5 */
export const kafkaSchema = {
  type: "object",
  description: "Sends a message to a topic of Kafka.",
  required: ["url", "topic", "payload"],
  properties: {
    url: { type: "string", minLength: 1, description: "Brokers as host:port, separated by commas." },
    topic: { type: "string", minLength: 1, description: "The topic." },
    partition: { type: "integer", description: "Has no effect: `partitioningKey` says where a message goes." },
    partitioningKey: { type: "string", description: "The message's key; without one any partition is taken." },
    payload: payloadSchema,
    parameters: parametersSchema,
    headers: { ...headersSchema, description: "Headers of the message." },
    secureHeaders: secureHeadersSchema,
    requiredAcks: {
      type: "integer",
      description: "Who confirms a message: -1 all replicas, 1 the leader. 0 counts as -1.",
      enum: [-1, 0, 1],
      default: -1,
    },
    compress: { type: "boolean", description: "Whether messages are compressed (snappy).", default: false },
    flushFrequency: {
      type: "integer",
      description: "How long messages are gathered: documented as milliseconds, used as nanoseconds.",
      default: 500,
    },
    version: { type: "string", description: "Version of the brokers.", default: "1.0.0" },
    sasl: saslSchema,
    tls: { ...tlsSchema, description: "TLS to the brokers; Argo Events does not verify them." },
    schemaRegistry: {
      type: "object",
      description: "Where the Avro schema of the message is; the payload is encoded with it.",
      required: ["url"],
      properties: {
        url: { type: "string", minLength: 1, format: "uri", description: "URL of the registry." },
        schemaId: { type: "integer", description: "Id of the schema." },
        auth: { ...basicAuthSchema, description: "Credentials for the registry." },
      },
    },
  },
} as const satisfies JsonSchema;

const versionRule: TriggerRule = ({ version }, path) =>
  typeof version !== "string" || /^\d+(?:\.\d+){2,3}$/.test(version)
    ? []
    : [warningAt(`${path}.version`, `${JSON.stringify(version)} is no version of Kafka: each event fails`)];

/** OAuth has no password, but the original asks for one. */
const saslRule: TriggerRule = ({ sasl }, path) =>
  objectOf(sasl).mechanism === "GSSAPI"
    ? [warningAt(`${path}.sasl.mechanism`, '"GSSAPI" is accepted, but cannot be configured')]
    : [];

export const kafkaTrigger = triggerSchema(
  kafkaSchema,
  requires({
    url: "broker url must not be empty",
    topic: "topic must not be empty",
    payload: "payload must not be empty",
  }),
  ignores("partition", "partitioningKey says where a message goes"),
  versionRule,
  saslRule,
  tlsRule,
);

import type { JsonSchema } from "../../base/schema.ts";

/** Parts of specs that several kinds have (spec argo-events 1.3 to 1.5, 6.3). */

const parameterSchema = {
  type: "object",
  description: "One value from the events.",
  required: ["src"],
  properties: {
    src: {
      type: "object",
      description:
        "Where the value comes from; with neither key nor template it is `value`, or the whole event. " +
        "Of context and data, data is read.",
      required: ["dependencyName"],
      properties: {
        dependencyName: { type: "string", minLength: 1, description: "The dependency whose event is read." },
        contextKey: { type: "string", description: "A path into the event's context (GJSON): `id`, `type`, `time` …" },
        contextTemplate: { type: "string", description: "A Go template over the event's context, as `.Input`." },
        dataKey: { type: "string", description: "A path into the event's data (GJSON): `body.name`." },
        dataTemplate: { type: "string", description: "A Go template over the event's data, as `.Input`." },
        value: { type: "string", description: "What is taken when nothing else gives a value." },
        useRawData: {
          type: "boolean",
          description: "Numbers, booleans and objects keep their type; otherwise they become text.",
          default: false,
        },
      },
    },
    dest: { type: "string", description: "Where the value goes, as a path (SJSON): `a.b.0`, `list.-1` appends." },
    operation: {
      type: "string",
      description: "Whether what is there is replaced, or the text is put behind or before it.",
      enum: ["", "append", "overwrite", "prepend"],
      default: "overwrite",
    },
  },
} as const satisfies JsonSchema;

/** `parameters[]`: see `TriggerParameter`. */
export const parametersSchema = {
  type: "array",
  description: "Change fields of this block from the events, before it runs.",
  items: parameterSchema,
} as const satisfies JsonSchema;

/** Of kinds whose own parameters change not the block, but the object that it names. */
export const resourceParametersSchema = {
  type: "array",
  description: "Change fields of the object from the events.",
  items: parameterSchema,
} as const satisfies JsonSchema;

export const payloadSchema = {
  type: "array",
  description: "Makes the message from the events: each entry sets one field of a JSON object.",
  items: parameterSchema,
} as const satisfies JsonSchema;

export const secretKeySchema = {
  type: "object",
  description: "A key of a Secret in the Sensor's namespace.",
  required: ["name", "key"],
  properties: {
    name: { type: "string", minLength: 1, description: "Name of the Secret." },
    key: { type: "string", minLength: 1, description: "Key in the Secret." },
    optional: { type: "boolean", description: "Has no effect: the Secret must be there.", default: false },
  },
} as const satisfies JsonSchema;

export const configMapKeySchema = {
  type: "object",
  description: "A key of a ConfigMap in the Sensor's namespace.",
  required: ["name", "key"],
  properties: {
    name: { type: "string", minLength: 1, description: "Name of the ConfigMap." },
    key: { type: "string", minLength: 1, description: "Key in the ConfigMap." },
    optional: { type: "boolean", description: "Has no effect: the ConfigMap must be there.", default: false },
  },
} as const satisfies JsonSchema;

export const tlsSchema = {
  type: "object",
  description: "How the server is verified, and what we show it.",
  properties: {
    caCertSecret: { ...secretKeySchema, description: "Authority that the server is checked against." },
    clientCertSecret: { ...secretKeySchema, description: "Our certificate; goes with `clientKeySecret`." },
    clientKeySecret: { ...secretKeySchema, description: "Key of our certificate; goes with `clientCertSecret`." },
    insecureSkipVerify: {
      type: "boolean",
      description: "Takes any server for the right one, and sends no certificate of ours.",
      default: false,
    },
    enabled: { type: "boolean", description: "TLS with the system's authorities, without a Secret.", default: false },
  },
} as const satisfies JsonSchema;

export const basicAuthSchema = {
  type: "object",
  description: "User name and password.",
  required: ["username", "password"],
  properties: {
    username: { ...secretKeySchema, description: "The user's name." },
    password: { ...secretKeySchema, description: "The user's password." },
  },
} as const satisfies JsonSchema;

export const saslSchema = {
  type: "object",
  description: "How we authenticate to the brokers (SASL).",
  required: ["userSecret", "passwordSecret"],
  properties: {
    mechanism: {
      type: "string",
      description: "The mechanism.",
      enum: ["PLAIN", "OAUTHBEARER", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"],
      default: "PLAIN",
    },
    userSecret: { ...secretKeySchema, description: "The user's name." },
    passwordSecret: { ...secretKeySchema, description: "The user's password." },
  },
} as const satisfies JsonSchema;

export const headersSchema = {
  type: "object",
  description: "Headers, by name.",
  additionalProperties: { type: "string" },
} as const satisfies JsonSchema;

export const secureHeadersSchema = {
  type: "array",
  description: "Headers whose values are in Secrets or ConfigMaps.",
  items: {
    type: "object",
    description: "One header.",
    required: ["name", "valueFrom"],
    properties: {
      name: { type: "string", minLength: 1, description: "The header's name." },
      valueFrom: {
        type: "object",
        description: "Where its value is; one of the two.",
        minProperties: 1,
        properties: { secretKeyRef: secretKeySchema, configMapKeyRef: configMapKeySchema },
      },
    },
  },
} as const satisfies JsonSchema;

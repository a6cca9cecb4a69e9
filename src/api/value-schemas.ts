import type { JsonSchema } from "../base/schema.ts";
import { flagField, integerField, textField } from "./shared-schemas.ts";

/** Values that specs of sources, triggers and buses share (spec argo-events 1). */

function selector(description: string, holder: string) {
  return {
    type: "object",
    description,
    properties: {
      name: { type: "string", description: `Name of the ${holder}, in the namespace of this object.`, default: "" },
      key: { type: "string", description: `Key in the ${holder}.`, default: "" },
      optional: flagField(`Has no effect: the ${holder} must be there.`),
    },
  } as const satisfies JsonSchema;
}

/** A key of a Secret. Without a name or key it is accepted, as by the original, and `checkSelectors` warns. */
export function secretKeyField(description: string) {
  return selector(description, "Secret");
}

export function configMapKeyField(description: string) {
  return selector(description, "ConfigMap");
}

export function tlsField(description: string) {
  return {
    type: "object",
    description,
    properties: {
      caCertSecret: secretKeyField("Certificate of the authority that the server is checked against."),
      clientCertSecret: secretKeyField("Our certificate; goes with `clientKeySecret`."),
      clientKeySecret: secretKeyField("Key of our certificate; goes with `clientCertSecret`."),
      insecureSkipVerify: flagField("Takes any server for the right one, and sends no certificate of ours."),
      enabled: flagField("TLS with the authorities of the system, when no Secret is given."),
    },
  } as const satisfies JsonSchema;
}

export function basicAuthField(description: string) {
  return {
    type: "object",
    description,
    properties: { username: secretKeyField("The user's name."), password: secretKeyField("The user's password.") },
  } as const satisfies JsonSchema;
}

export const saslMechanisms = ["PLAIN", "OAUTHBEARER", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"] as const;

export function saslField(description: string) {
  return {
    type: "object",
    description,
    properties: {
      mechanism: { ...textField(`One of ${saslMechanisms.join(", ")}.`), default: "PLAIN" },
      userSecret: secretKeyField("The user's name."),
      passwordSecret: secretKeyField("The user's password."),
    },
  } as const satisfies JsonSchema;
}

export const schemaRegistryField = {
  type: "object",
  description: "Where the Avro schemas of the messages are.",
  properties: {
    url: { ...textField("URL of the registry."), format: "uri" },
    schemaId: integerField("Id of the schema."),
    auth: basicAuthField("Credentials for the registry."),
  },
} as const satisfies JsonSchema;

export const natsAuthField = {
  type: "object",
  description: "Credentials; the first counts of basic, token, nkey and credential.",
  properties: {
    basic: basicAuthField("User name and password."),
    token: secretKeyField("A token."),
    nkey: secretKeyField("The seed of an nkey."),
    credential: secretKeyField("A .creds file."),
  },
} as const satisfies JsonSchema;

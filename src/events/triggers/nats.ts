import { objectOf, warningAt } from "../../api/fields.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { has, requires, type TriggerRule, tlsRule, triggerSchema } from "./rules.ts";
import { basicAuthSchema, parametersSchema, payloadSchema, secretKeySchema, tlsSchema } from "./schemas.ts";

/** spec argo-events 6.5.6, 1.5 */
export const natsSchema = {
  type: "object",
  description: "Publishes a message on a subject of NATS.",
  required: ["url", "subject", "payload"],
  properties: {
    url: { type: "string", minLength: 1, description: "The NATS server: `nats://host:4222`." },
    subject: { type: "string", minLength: 1, description: "The subject; events change it as `nats.subject`." },
    payload: payloadSchema,
    parameters: parametersSchema,
    tls: tlsSchema,
    auth: {
      type: "object",
      description: "Credentials; the first counts of basic, token, nkey and credential.",
      properties: {
        basic: basicAuthSchema,
        token: { ...secretKeySchema, description: "A token." },
        nkey: { ...secretKeySchema, description: "The seed of an nkey." },
        credential: { ...secretKeySchema, description: "A .creds file." },
      },
    },
  },
} as const satisfies JsonSchema;

const subjectRule: TriggerRule = ({ subject }, path) =>
  typeof subject === "string" && /[\s*>]|^\.|\.$|\.\./.test(subject)
    ? [warningAt(`${path}.subject`, `${JSON.stringify(subject)} is no subject that one can publish on`)]
    : [];

const authRule: TriggerRule = ({ auth }, path) => {
  const [first, ...others] = ["basic", "token", "nkey", "credential"].filter((name) => has(objectOf(auth)[name]));
  return others.map((name) => warningAt(`${path}.auth.${name}`, `has no effect beside ${first}`));
};

export const natsTrigger = triggerSchema(
  natsSchema,
  requires({
    url: "nats server url can't be empty",
    subject: "nats subject can't be empty",
    payload: "payload can't be nil",
  }),
  subjectRule,
  authRule,
  tlsRule,
);

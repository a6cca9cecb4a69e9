import { errorAt, listOf, warningAt } from "../../api/fields.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { needs, requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { parametersSchema, secretKeySchema } from "./schemas.ts";

/** spec argo-events 6.5.9 */
export const emailSchema = {
  type: "object",
  description: "Sends a plain text mail to each recipient.",
  required: ["host"],
  properties: {
    host: { type: "string", minLength: 1, description: "The SMTP server." },
    port: { type: "integer", description: "Its port, 0 to 65535.", minimum: 0, maximum: 65_535, default: 0 },
    username: { type: "string", description: "User at the SMTP server." },
    smtpPassword: { ...secretKeySchema, description: "Password at the SMTP server." },
    from: { type: "string", description: "The sender's address." },
    to: { type: "array", description: "Addresses of the recipients.", items: { type: "string" } },
    subject: { type: "string", description: "The subject." },
    body: { type: "string", description: "The text." },
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

const portRule: TriggerRule = ({ port = 0 }, path) =>
  typeof port !== "number" || (port >= 0 && port <= 65_535)
    ? []
    : [errorAt(`${path}.port`, `port: ${port}, port should be between 0-65535`)];

/** The original's pattern takes no top domain of more than four letters. */
const address = /^[\w.-]+@(?:[\w-]+\.)+[\w-]{2,4}$/;

const addressRule: TriggerRule = ({ to }, path) =>
  listOf(to).flatMap((recipient, index) =>
    typeof recipient !== "string" || address.test(recipient)
      ? []
      : [warningAt(`${path}.to[${index}]`, `${JSON.stringify(recipient)} is no address that Argo Events sends to`)],
  );

export const emailTrigger = triggerSchema(
  emailSchema,
  requires({ host: "host can't be empty" }),
  portRule,
  needs("to", "subject", "body"),
  addressRule,
);

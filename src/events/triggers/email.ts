import { errorAt, listOf, warningAt } from "../../api/fields.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { commonJs } from "../../base/lazy.ts";
import { loadOptional } from "../../base/optional.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import type { SecretKeySelector } from "../sources/source.ts";
import { effectHash } from "./object-effect.ts";
import { withOwnParameters } from "./own-parameters.ts";
import { createRecent } from "./recent.ts";
import { needs, requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { parametersSchema, secretKeySchema } from "./schemas.ts";
import { secretHash } from "./secret-hash.ts";
import type { TriggerContext, TriggerKind } from "./trigger.ts";

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

type EmailSpec = SpecOf<typeof emailSchema>;

export interface EmailPlan {
  readonly to: readonly string[];
  readonly from: string;
  readonly subject: string;
  readonly body: string;
  readonly messageId: string;
  readonly host: string;
  /** 0: the usual one. */
  readonly port: number;
  readonly username?: string;
  readonly password?: { readonly from: SecretKeySelector; readonly sha256: string };
}

const timeoutMs = 30_000;

const portRule: TriggerRule = ({ port = 0 }, path) =>
  typeof port !== "number" || (port >= 0 && port <= 65_535)
    ? []
    : [errorAt(`${path}.port`, `port: ${port}, port should be between 0-65535`)];

/** The original's pattern takes no top domain of more than four letters, and no `+`. */
const address = /^[\w.-]+@(?:[\w-]+\.)+[\w-]{2,4}$/;
/** What we send to: anything that cannot end a header or an address. */
const sendable = /^[^\s@<>,;:"()[\]\\]{1,64}@[^\s@<>,;:"()[\]\\]{1,255}$/;

const addressRule: TriggerRule = ({ to }, path) =>
  listOf(to).flatMap((recipient, index) =>
    typeof recipient !== "string" || address.test(recipient)
      ? []
      : [warningAt(`${path}.to[${index}]`, `${JSON.stringify(recipient)} is no address that Argo Events sends to`)],
  );

const schema = triggerSchema<EmailSpec>(
  emailSchema,
  requires({ host: "host can't be empty" }),
  portRule,
  needs("to", "subject", "body"),
  addressRule,
);

/** Firings whose mails are remembered: a retry sends only those that failed. */
const maxRemembered = 10_000;

/** One mail for each recipient. A repeat of a firing has the same `Message-ID`, by which servers and readers know it. */
export function createEmailTrigger(): TriggerKind<EmailSpec, EmailPlan> {
  const delivered = createRecent<ReadonlySet<string>>(maxRemembered);
  return {
    schema,
    async plan(written, firing, { parameters, secret }) {
      const spec = withOwnParameters(written, schema, "email", parameters);
      const password = spec.smtpPassword;
      return {
        ...mailOf(spec),
        messageId: `<${effectHash(firing)}@tiphys>`,
        host: spec.host,
        port: spec.port,
        ...(spec.username && { username: spec.username }),
        ...(password && { password: { from: password, sha256: secretHash(await secret.read(password)) } }),
      };
    },
    async apply(plan, firing, context) {
      const done = new Set(delivered.find(firing.key));
      const left = plan.to.filter((recipient) => !done.has(recipient));
      if (left.length === 0) return { message: `had already sent to ${plan.to.length} recipients` };
      const transport = await openTransport(plan, context);
      const failures: string[] = [];
      try {
        for (const recipient of left) {
          try {
            await transport.sendMail(messageTo(recipient, plan));
            done.add(recipient);
          } catch (error) {
            failures.push(`${recipient}: ${messageOf(error)}`);
          }
        }
      } finally {
        transport.close();
      }
      delivered.set(firing.key, done);
      if (failures.length > 0) throw new EngineError("TRIGGER_FAILED", `email: ${failures.join("; ")}`);
      return { message: `sent to ${left.length} of ${plan.to.length} recipients` };
    },
  };
}

function mailOf({
  to = [],
  subject = "",
  body = "",
  from = "",
}: EmailSpec): Pick<EmailPlan, "to" | "subject" | "body" | "from"> {
  if (to.length === 0) throw invalid("to: to can't be empty");
  if (subject === "") throw invalid("subject: subject can't be empty");
  if (body === "") throw invalid("body: body can't be empty");
  for (const [index, recipient] of to.entries()) {
    if (!sendable.test(recipient))
      throw invalid(`to[${index}]: ${JSON.stringify(recipient.slice(0, 80))} is no address`);
  }
  return { to: [...new Set(to)], subject, body, from };
}

function invalid(message: string): TerminalError {
  return new TerminalError("MANIFEST_INVALID", `email.${message}`);
}

async function openTransport({ host, port, username, password }: EmailPlan, { secret }: TriggerContext) {
  const nodemailer = commonJs(await loadOptional("nodemailer@^10", () => import("nodemailer")));
  const pass = password && (await secret.read(password.from));
  return nodemailer.createTransport({
    host,
    port: port || 587,
    secure: port === 465,
    ...(username && { auth: { user: username, pass: pass ?? "" } }),
    pool: true, // one connection for all recipients
    maxConnections: 1,
    disableFileAccess: true,
    disableUrlAccess: true,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
}

function messageTo(to: string, { from, subject, body, messageId }: EmailPlan) {
  // Addresses as objects: texts would be parsed, and one could name several.
  return { from, to: { name: "", address: to }, subject, text: body, messageId };
}

import { errorAt, objectOf, textOf, warningAt } from "../../api/fields.ts";
import { requiredText, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonObject } from "../../base/json.ts";
import type { JsonSchema, Problem } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { metadataSchema } from "./schemas.ts";
import type { SourceRule } from "./source-schema.ts";
import { checkVerify, verifySchema } from "./verify-spec.ts";

export const webhookFields = {
  endpoint: requiredText("Exact path, such as /push."),
  method: textField("GET or POST, in capitals."),
  port: {
    "x-kubernetes-int-or-string": true,
    minLength: 1,
    description: 'Also served on this port: on loopback, in a cluster by its Service. A text, such as "12000".',
  },
  url: { ...textField("Public base URL; hooks are registered with it."), format: "uri" },
  serverCertSecret: secretKeyField("TLS certificate of the own port."),
  serverKeySecret: secretKeyField("TLS key of the own port."),
  metadata: metadataSchema,
  authSecret: secretKeyField("Holds the token that requests must bear."),
  verify: verifySchema,
  maxPayloadSize: {
    type: "integer",
    format: "int64",
    default: 1_048_576,
    description: "Bytes that a request's body may have.",
  },
} as const satisfies Readonly<Record<string, JsonSchema>>;

/** `webhook` of the kinds that receive hooks of a service. */
export const webhookContextSchema = {
  type: "object",
  description: "Where the hook is received.",
  required: ["endpoint", "port"],
  properties: webhookFields,
} as const satisfies JsonSchema;

/** The fields that all HTTP sources share (spec argo-events 3.5). */
export type WebhookContext = SpecOf<typeof webhookContextSchema>;

/** For kinds with a `webhook`. */
export const webhookContextRule: SourceRule = (event, path) =>
  event.webhook === undefined ? [] : checkWebhook(objectOf(event.webhook), `${path}.webhook`);

export function checkWebhook(webhook: JsonObject, path: string): Problem[] {
  const problems = checkPort(webhook, path);
  const [cert, key] = [webhook.serverCertSecret, webhook.serverKeySecret].map((secret) => secret !== undefined);
  if (cert !== key) {
    const missing = cert ? "serverKeySecret" : "serverCertSecret";
    problems.push(warningAt(`${path}.${missing}`, "is missing: certificate and key only work together"));
  }
  if (typeof webhook.maxPayloadSize === "number" && webhook.maxPayloadSize < 0) {
    problems.push(warningAt(`${path}.maxPayloadSize`, `${webhook.maxPayloadSize} refuses every request with a body`));
  }
  problems.push(...checkVerify(webhook.verify, `${path}.verify`));
  const url = textOf(webhook.url);
  if (url !== "" && !URL.canParse(url)) problems.push(warningAt(`${path}.url`, `"${url}" must be a URL`));
  return problems;
}

function checkPort({ port }: JsonObject, path: string): Problem[] {
  if (typeof port === "number") {
    return [warningAt(`${path}.port`, `${port} must be a text for Argo Events, "${port}"; Tiphys takes both`)];
  }
  const text = textOf(port);
  if (text === "") return [];
  if (!/^[-+]?\d+$/.test(text)) return [errorAt(`${path}.port`, `failed to parse server port "${text}"`)];
  const number = Number(text);
  if (number > 0 && number < 65_536) return [];
  return [warningAt(`${path}.port`, `"${text}" must be between 1 and 65535`)];
}

import { textOf, warningAt } from "../../api/fields.ts";
import { flagField, requiredText, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { createAwsCall } from "./aws.ts";
import { eventId, withMetadata } from "./draft.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { hookUrl, keepHooks } from "./hook-keeper.ts";
import { maskedHeaders, readJson, refuse } from "./hook-request.ts";
import { commonFields } from "./schemas.ts";
import { type Certificates, createCertificates, isSigned } from "./sns-signature.ts";
import type { IngressRequest, SourceContext, SourceKind } from "./source.ts";
import { awsKeysRule, wantsHook } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Messages of an AWS SNS topic, which calls us.",
  required: ["webhook", "topicArn", "region"],
  properties: {
    webhook: webhookContextSchema,
    topicArn: requiredText("ARN of the topic."),
    accessKey: secretKeyField("AWS access key; without the keys, the identity of the process."),
    secretKey: secretKeyField("AWS secret key."),
    region: requiredText("The AWS region."),
    roleARN: textField("Role that is taken on; the keys have no effect then."),
    validateSignature: flagField("Requests are checked to be of AWS."),
    endpoint: { ...textField("Another server than that of AWS."), format: "uri" },
    ...commonFields,
  },
} as const satisfies JsonSchema;

const signatureRule: SourceRule = (event, path) =>
  event.validateSignature === true
    ? [warningAt(`${path}.validateSignature`, "Argo Events refuses every message then: its check never succeeds")]
    : [];

const urlRule: SourceRule = (event, path) =>
  event.webhook === undefined || wantsHook(event)
    ? []
    : [warningAt(`${path}.webhook.url`, "is missing: the topic cannot be subscribed to without it")];

type SnsSpec = SpecOf<typeof json>;

export const snsSource: SourceKind<SnsSpec> = {
  eventType: "sns",
  singleton: false,
  http: true,
  schema: sourceSchema<SnsSpec>(json, webhookContextRule, signatureRule, urlRule, awsKeysRule),
  async run(spec, context, signal) {
    const certificates = createCertificates(context);
    const topic = topicOf(spec, context);
    const take = (request: IngressRequest): Promise<HookResult> =>
      takeMessage(request, { spec, context, topic, certificates, signal });
    await Promise.all([
      serveHook(spec.webhook, context, take, signal),
      topic && subscribe(topic, spec, context, signal),
    ]);
  },
};

/** Undefined where the spec has nothing to subscribe with: somebody else does, and we confirm at the address that comes. */
type Topic =
  | ((action: string, parameters: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<unknown>)
  | undefined;

function topicOf(spec: SnsSpec, context: SourceContext): Topic {
  if (!spec.accessKey && !spec.roleARN && hookUrl(spec.webhook) === undefined) return undefined;
  const call = createAwsCall("sns", spec, context);
  return async (action, parameters, signal) => {
    const body = new URLSearchParams({ Action: action, Version: "2010-03-31", TopicArn: spec.topicArn, ...parameters });
    return call({ "content-type": "application/x-www-form-urlencoded" }, body.toString(), signal);
  };
}

/**
 * Asks again at each start: a subscription that is there already stays as it is. It is not ended with the source, since
 * what comes until the next start would be lost; the service tries to deliver that for a while.
 */
async function subscribe(
  topic: NonNullable<Topic>,
  spec: SnsSpec,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const url = hookUrl(spec.webhook);
  if (url === undefined) return;
  const hooks = {
    reconcile: async (stop: AbortSignal) => {
      await topic("Subscribe", { Protocol: new URL(url).protocol.slice(0, -1), Endpoint: url }, stop);
    },
    remove: undefined,
  };
  await keepHooks(hooks, context, signal);
}

interface Taking {
  readonly spec: SnsSpec;
  readonly context: SourceContext;
  readonly topic: Topic;
  readonly certificates: Certificates;
  readonly signal: AbortSignal;
}

async function takeMessage(request: IngressRequest, taking: Taking): Promise<HookResult> {
  const { spec, context, certificates } = taking;
  const body = readJson(request.body.toString("utf8"));
  if (!isJsonObject(body)) return refuse(400, "failed to parse request body: it must be a JSON object");
  if (textOf(body.TopicArn) !== spec.topicArn) return refuse(400, "the message is of another topic");
  if (spec.validateSignature && !(await isSigned(body, certificates, taking.signal))) {
    return refuse(400, "message signature is invalid");
  }
  const nothing = { drafts: [], answer: { status: 200, text: "" } };
  if (body.Type === "SubscriptionConfirmation") {
    await confirm(body, taking);
    return nothing;
  }
  if (body.Type !== "Notification") return nothing;
  const data = withMetadata({ header: maskedHeaders(request.headers), body }, spec);
  const id = textOf(body.MessageId);
  return { drafts: [{ data, ...(id && { id: eventId(context, id) }) }] };
}

async function confirm(body: JsonObject, { topic, context, signal }: Taking): Promise<void> {
  if (topic === undefined) {
    context.log.warn("a subscription waits for confirmation: set accessKey and secretKey, or confirm it yourself");
    return;
  }
  await topic("ConfirmSubscription", { Token: textOf(body.Token) }, signal);
  context.log.info("subscription confirmed");
}

import { errorAt, warningAt } from "../../api/fields.ts";
import { flagField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { eventId, withMetadata } from "./draft.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { callApi, type Hooks, hookUrl, keepHooks } from "./hook-keeper.ts";
import { headerOf, readJson, refuse } from "./hook-request.ts";
import { ignoredExpression, metadataSchema } from "./schemas.ts";
import { isHmac } from "./signature.ts";
import type { IngressRequest, SourceContext, SourceKind } from "./source.ts";
import { ignoredFilterRule, wantsHook } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Events of Stripe.",
  required: ["webhook"],
  properties: {
    webhook: webhookContextSchema,
    createWebhook: flagField("Registers an endpoint at Stripe, if none has this URL."),
    apiKey: secretKeyField("Key for the API; needed for `createWebhook`."),
    webhookSecret: secretKeyField(
      "Of ours: requests must be signed with it, in Stripe-Signature. Argo Events does not check them.",
    ),
    eventFilter: textList("Types of events that count, such as charge.failed; all when not given."),
    filter: {
      type: "object",
      description: "Has no effect: use `eventFilter`.",
      properties: { expression: ignoredExpression },
    },
    metadata: metadataSchema,
  },
} as const satisfies JsonSchema;

const createRule: SourceRule = (event, path) => {
  if (event.createWebhook !== true) return [];
  const problems =
    event.apiKey === undefined ? [errorAt(`${path}.apiKey`, "api key K8s secret selector not provided")] : [];
  if (wantsHook(event) || event.webhook === undefined) return problems;
  return [...problems, warningAt(`${path}.webhook.url`, "is missing: no endpoint can be registered without it")];
};

type StripeSpec = SpecOf<typeof json>;

export const stripeSource: SourceKind<StripeSpec> = {
  eventType: "stripe",
  singleton: false,
  http: true,
  schema: sourceSchema<StripeSpec>(json, webhookContextRule, createRule, ignoredFilterRule),
  async run(spec, context, signal) {
    const hooks = stripeHooks(spec, context);
    await Promise.all([
      serveHook(spec.webhook, context, (request) => take(spec, request, context), signal),
      hooks && keepHooks(hooks, context, signal),
    ]);
  },
};

async function take(spec: StripeSpec, request: IngressRequest, context: SourceContext): Promise<HookResult> {
  const problem = await signatureProblem(spec, request, context);
  if (problem !== undefined) return refuse(400, problem);
  const event = readJson(request.body.toString("utf8"));
  if (!isJsonObject(event)) return refuse(400, "failed to parse the event");
  const { eventFilter = [] } = spec;
  if (eventFilter.length > 0 && !eventFilter.includes(String(event.type))) return refuse(400, "invalid event");
  const id = typeof event.id === "string" ? { id: eventId(context, event.id) } : {};
  return { drafts: [{ data: withMetadata({ event: eventOf(event) }, spec), ...id }] };
}

const toleranceMs = 5 * 60_000;

/** `t=<seconds>,v1=<hex>,…` over `<seconds>.<body>`; several v1 while a secret is rotated. */
async function signatureProblem(
  { webhookSecret }: StripeSpec,
  request: IngressRequest,
  { secret, clock, log }: SourceContext,
): Promise<string | undefined> {
  if (!webhookSecret) return undefined;
  const parts = headerOf(request, "Stripe-Signature").split(",");
  const time = parts.find((part) => part.startsWith("t="))?.slice(2) ?? "";
  const given = parts.filter((part) => part.startsWith("v1=")).map((part) => Buffer.from(part.slice(3), "hex"));
  if (!/^\d+$/.test(time) || given.length === 0) return "missing signature";
  if (Math.abs(clock.now() - Number(time) * 1_000) > toleranceMs) return "the signature is too old";
  try {
    const key = await secret.read(webhookSecret);
    const payload = Buffer.concat([Buffer.from(`${time}.`), request.body]);
    return given.some((one) => isHmac(one, "sha256", key, payload)) ? undefined : "signature check failed";
  } catch (error) {
    log.error("request refused: its signature cannot be checked", { error });
    return "the signature cannot be checked";
  }
}

/** The fields that the original's client knows, in its order, as Go writes them when they are missing. */
function eventOf(event: JsonObject): JsonObject {
  const { previous_attributes, object } = isJsonObject(event.data) ? event.data : {};
  return {
    account: event.account ?? "",
    created: event.created ?? 0,
    data: { previous_attributes: previous_attributes ?? null, object: object ?? null },
    id: event.id ?? "",
    livemode: event.livemode ?? false,
    pending_webhooks: event.pending_webhooks ?? 0,
    request: event.request ?? null,
    type: event.type ?? "",
  };
}

const api = "https://api.stripe.com/v1/webhook_endpoints";

function stripeHooks(spec: StripeSpec, context: SourceContext): Hooks | undefined {
  const url = hookUrl(spec.webhook);
  const { apiKey, createWebhook, eventFilter = [] } = spec;
  if (!createWebhook || !apiKey || url === undefined) return undefined;
  return {
    async reconcile(signal) {
      const headers = {
        authorization: `Bearer ${await context.secret.read(apiKey)}`,
        "content-type": "application/x-www-form-urlencoded",
      };
      const list = parseJson(
        (await callApi({ method: "GET", url: `${api}?limit=100`, headers }, context, signal)).text,
      );
      const endpoints = isJsonObject(list) && Array.isArray(list.data) ? list.data : [];
      if (endpoints.some((endpoint) => isJsonObject(endpoint) && endpoint.url === url)) return;
      const form = new URLSearchParams({ url });
      for (const type of eventFilter.length > 0 ? eventFilter : ["*"]) form.append("enabled_events[]", type);
      await callApi({ method: "POST", url: api, headers, body: form.toString() }, context, signal);
      context.log.info("endpoint registered at Stripe");
    },
  };
}

import { errorAt, warningAt } from "../../api/fields.ts";
import { flagField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { eventId, withMetadata } from "./draft.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { callApi, type Hooks, hookUrl, isSameSet, keepHooks } from "./hook-keeper.ts";
import { headerOf, readJson, refuse } from "./hook-request.ts";
import { filterSchema, metadataSchema } from "./schemas.ts";
import { isHmac } from "./signature.ts";
import type { IngressRequest, SourceContext, SourceKind } from "./source.ts";
import { ownFilterRule, wantsHook } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Events of Stripe.",
  required: ["webhook"],
  properties: {
    webhook: webhookContextSchema,
    createWebhook: flagField("Registers an endpoint at Stripe, or brings the one that has this URL to `eventFilter`."),
    apiKey: secretKeyField("Key for the API; needed for `createWebhook`."),
    webhookSecret: secretKeyField(
      "Of ours: requests must be signed with it, in Stripe-Signature. Argo Events does not check them.",
    ),
    eventFilter: textList("Types of events that count, such as charge.failed; all when not given."),
    filter: filterSchema,
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
  schema: sourceSchema<StripeSpec>(json, webhookContextRule, createRule, ownFilterRule),
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
const maxPages = 100;

type Call = (method: "GET" | "POST", url: string, form?: URLSearchParams) => Promise<JsonObject>;

function stripeHooks(spec: StripeSpec, context: SourceContext): Hooks | undefined {
  const url = hookUrl(spec.webhook);
  const { apiKey, createWebhook, eventFilter = [] } = spec;
  if (!createWebhook || !apiKey || url === undefined) return undefined;
  const types = eventFilter.length > 0 ? eventFilter : ["*"];
  return {
    async reconcile(signal) {
      const headers = {
        authorization: `Bearer ${await context.secret.read(apiKey)}`,
        "content-type": "application/x-www-form-urlencoded",
      };
      const call: Call = async (method, to, form) => {
        const body = form && { body: form.toString() };
        const answer = parseJson((await callApi({ method, url: to, headers, ...body }, context, signal)).text);
        return isJsonObject(answer) ? answer : {};
      };
      const found = await findEndpoint(url, call);
      if (found === undefined) {
        await call("POST", api, formOf(types, { url }));
        context.log.info("endpoint registered at Stripe");
      } else if (!isAsWanted(found, types)) {
        await call("POST", `${api}/${encodeURIComponent(String(found.id))}`, formOf(types, { disabled: "false" }));
        context.log.info("endpoint at Stripe brought to the spec");
      }
    },
  };
}

async function findEndpoint(url: string, call: Call): Promise<JsonObject | undefined> {
  let query = "limit=100";
  for (let page = 0; page < maxPages; page++) {
    const { data, has_more: hasMore } = await call("GET", `${api}?${query}`);
    const endpoints = Array.isArray(data) ? data.filter(isJsonObject) : [];
    const found = endpoints.find((endpoint) => endpoint.url === url);
    const { id } = endpoints.at(-1) ?? {};
    if (found || hasMore !== true || typeof id !== "string") return found;
    query = `limit=100&starting_after=${encodeURIComponent(id)}`;
  }
  return undefined;
}

/** Stripe turns an endpoint off that fails for days. */
function isAsWanted({ status = "enabled", enabled_events: known }: JsonObject, types: readonly string[]): boolean {
  return status === "enabled" && isSameSet(Array.isArray(known) ? known.map(String) : [], types);
}

function formOf(types: readonly string[], fields: Readonly<Record<string, string>>): URLSearchParams {
  const form = new URLSearchParams(fields);
  for (const type of types) form.append("enabled_events[]", type);
  return form;
}

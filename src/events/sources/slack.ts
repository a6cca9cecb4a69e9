import { secretKeyField } from "../../api/value-schemas.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { eventId } from "./draft.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { headerOf, isSameText, mediaTypeOf, readJson, refuse } from "./hook-request.ts";
import { commonFields } from "./schemas.ts";
import { isHmac } from "./signature.ts";
import type { IngressRequest, SourceContext, SourceKind } from "./source.ts";
import { sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Events, interactions and slash commands of a Slack app.",
  required: ["signingSecret", "token", "webhook"],
  properties: {
    signingSecret: secretKeyField("The secret that requests are signed with."),
    token: secretKeyField("The token in requests of the Events API."),
    webhook: webhookContextSchema,
    ...commonFields,
  },
} as const satisfies JsonSchema;

type SlackSpec = SpecOf<typeof json>;

export const slackSource: SourceKind<SlackSpec> = {
  eventType: "slack",
  singleton: false,
  http: true,
  schema: sourceSchema<SlackSpec>(json, webhookContextRule),
  run: (spec, context, signal) => serveHook(spec.webhook, context, (request) => take(spec, request, context), signal),
};

const skewMs = 5 * 60_000;

async function take(spec: SlackSpec, request: IngressRequest, context: SourceContext): Promise<HookResult> {
  const problem = await signatureProblem(spec, request, context);
  if (problem !== undefined) return refuse(401, problem);
  const text = request.body.toString("utf8");
  if (mediaTypeOf(request) === "application/x-www-form-urlencoded") return takeForm(new URLSearchParams(text));
  const body = readJson(text);
  if (!isJsonObject(body)) return refuse(500, "failed to parse the event: it must be a JSON object");
  return takeEvent(spec, body, context);
}

/** Slack signs `v0:<time>:<body>`; the time may be off by five minutes. */
async function signatureProblem(
  { signingSecret }: SlackSpec,
  request: IngressRequest,
  { secret, clock, log }: SourceContext,
): Promise<string | undefined> {
  const time = headerOf(request, "X-Slack-Request-Timestamp");
  const match = /^v0=([0-9a-f]{64})$/.exec(headerOf(request, "X-Slack-Signature"));
  if (!match?.[1] || !/^\d+$/.test(time)) return "missing headers";
  if (Math.abs(clock.now() - Number(time) * 1_000) > skewMs) return "timestamp is too old";
  try {
    const key = await secret.read(signingSecret);
    const payload = Buffer.concat([Buffer.from(`v0:${time}:`), request.body]);
    return isHmac(Buffer.from(match[1], "hex"), "sha256", key, payload) ? undefined : "wrong signature";
  } catch (error) {
    log.error("request refused: its signature cannot be checked", { error });
    return "the signature cannot be checked";
  }
}

/** An interaction is its own JSON; a slash command is its fields, by Slack's names. */
function takeForm(form: URLSearchParams): HookResult {
  const payload = form.get("payload");
  if (payload !== null) {
    const data = readJson(payload);
    return isJsonObject(data) ? { drafts: [{ data }] } : refuse(500, "failed to parse the interaction");
  }
  if (!form.has("command")) return refuse(500, "could not determine slack type from form parameters");
  return { drafts: [{ data: commandOf(form) }] };
}

function commandOf(form: URLSearchParams): JsonObject {
  const text = (name: string): string => form.get(name) ?? "";
  const optional = (name: string): JsonObject => (text(name) === "" ? {} : { [name]: text(name) });
  return {
    token: text("token"),
    team_id: text("team_id"),
    team_domain: text("team_domain"),
    ...optional("enterprise_id"),
    ...optional("enterprise_name"),
    is_enterprise_install: text("is_enterprise_install") === "true",
    channel_id: text("channel_id"),
    channel_name: text("channel_name"),
    user_id: text("user_id"),
    user_name: text("user_name"),
    command: text("command"),
    text: text("text"),
    response_url: text("response_url"),
    trigger_id: text("trigger_id"),
    api_app_id: text("api_app_id"),
  };
}

/** The Events API. The challenge is answered by itself: the original adds `success` to it. */
async function takeEvent(spec: SlackSpec, body: JsonObject, context: SourceContext): Promise<HookResult> {
  const wanted = await context.secret.read(spec.token).catch(() => undefined);
  if (wanted === undefined || !isSameText(String(body.token ?? ""), wanted)) {
    return refuse(500, "invalid verification token");
  }
  if (body.type === "url_verification") {
    return { drafts: [], answer: { status: 200, text: String(body.challenge ?? "") } };
  }
  if (body.type !== "event_callback") return { drafts: [] };
  const { event } = body;
  if (!isJsonObject(event)) return refuse(500, "failed to parse the event: it has none inside");
  const id = typeof body.event_id === "string" ? { id: eventId(context, body.event_id) } : {};
  return { drafts: [{ data: { type: event.type ?? "", Data: event }, ...id }] };
}

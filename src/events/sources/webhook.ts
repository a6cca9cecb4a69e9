import { textOf, warningAt } from "../../api/fields.ts";
import { flagField } from "../../api/shared-schemas.ts";
import { messageOf } from "../../base/errors.ts";
import { type JsonValue, parseSentJson } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { eventId, withMetadata } from "./draft.ts";
import { parseGoQuery } from "./go-query.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { headerOf, maskedHeaders, mediaTypeOf, refuse } from "./hook-request.ts";
import { filterSchema } from "./schemas.ts";
import type { IngressRequest, IngressResponse, SourceContext, SourceKind } from "./source.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { checkWebhook, webhookFields } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "HTTP requests.",
  required: ["endpoint", "port"],
  properties: {
    ...webhookFields,
    rawBody: flagField(
      "The body becomes base64, whatever it is. Argo Events does not know it: a body must be JSON there.",
    ),
    filter: filterSchema,
  },
} as const satisfies JsonSchema;

const withBody: readonly string[] = ["POST", "PUT", "PATCH", "DELETE"];

const methodRule: SourceRule = (event, path) => {
  const method = textOf(event.method);
  if (method === "GET" || method === "POST") return [];
  if (withBody.includes(method)) {
    return [warningAt(`${path}.method`, `Argo Events refuses every ${method}, it knows GET and POST only`)];
  }
  const message = method === "" ? "is missing" : `${JSON.stringify(method)} must be GET, ${withBody.join(", ")}`;
  return [warningAt(`${path}.method`, `${message}: every request is refused`)];
};

const rawRule: SourceRule = (event, path) =>
  event.rawBody === true && event.method === "GET" ? [warningAt(`${path}.rawBody`, "has no effect with GET")] : [];

type WebhookSpec = SpecOf<typeof json>;

export const webhookSource: SourceKind<WebhookSpec> = {
  eventType: "webhook",
  singleton: false,
  http: true,
  schema: sourceSchema<WebhookSpec>(json, checkWebhook, methodRule, rawRule),
  run: (spec, context, signal) => serveHook(spec, context, (request) => take(spec, request, context), signal),
};

function take(spec: WebhookSpec, request: IngressRequest, context: SourceContext): HookResult {
  const body = bodyOf(spec, request);
  if ("refused" in body) return body;
  const data = withMetadata({ header: maskedHeaders(request.headers), body: body.value }, spec);
  const id = spec.verify?.standardWebhooks ? headerOf(request, "Webhook-Id") : "";
  return { drafts: [{ data, ...(id && { id: eventId(context, id) }) }] };
}

type Body = { readonly value: JsonValue } | { readonly refused: IngressResponse };

function bodyOf(spec: WebhookSpec, request: IngressRequest): Body {
  const { method, url, body } = request;
  if (method !== spec.method) return refuse(400, "http method does not match");
  if (method === "GET") return { value: parseGoQuery(queryOf(url)).values };
  if (!withBody.includes(method)) return refuse(400, `unsupoorted method: ${method}`); // the original's spelling
  if (spec.rawBody) return { value: body.toString("base64") };
  if (method === "DELETE" && body.length === 0) return { value: null };
  if (mediaTypeOf(request) === "application/x-www-form-urlencoded") {
    const { values, problem } = parseGoQuery(body.toString("utf8"));
    return problem === undefined ? { value: values } : refuse(500, problem);
  }
  return parseJsonBody(body);
}

function queryOf(url: string): string {
  const at = url.indexOf("?");
  return at < 0 ? "" : url.slice(at + 1);
}

/** Any JSON value. The text of a refusal is Go's where it can be told. */
function parseJsonBody(body: Buffer): Body {
  const text = body.toString("utf8");
  try {
    return { value: parseSentJson(text) };
  } catch (error) {
    return refuse(400, `json: error calling MarshalJSON for type *json.RawMessage: ${jsonProblem(text, error)}`);
  }
}

function jsonProblem(text: string, error: unknown): string {
  if (messageOf(error).includes("too deeply")) return "exceeded max depth";
  const first = /[^ \t\r\n]/.exec(text)?.[0];
  if (first === undefined) return "unexpected end of JSON input";
  if (!/[{["\-0-9tfn]/.test(first)) return `invalid character '${first}' looking for beginning of value`;
  return "invalid JSON";
}

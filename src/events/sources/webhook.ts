import { createHash, timingSafeEqual } from "node:crypto";
import { textOf, warningAt } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import { type JsonValue, parseJson } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { parseGoQuery } from "./go-query.ts";
import { filterSchema } from "./schemas.ts";
import type {
  IngressRequest,
  IngressResponse,
  SecretKeySelector,
  SecretReader,
  SourceContext,
  SourceKind,
} from "./source.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";
import { checkWebhook, type WebhookContext, webhookFields } from "./webhook-context.ts";

const defaultMaxBytes = 1_048_576;

const json = {
  type: "object",
  description: "HTTP requests.",
  required: ["endpoint", "port"],
  properties: { ...webhookFields, filter: filterSchema },
} as const satisfies JsonSchema;

const methodRule: SourceRule = (event, path) => {
  const method = textOf(event.method);
  if (method === "GET" || method === "POST") return [];
  const message = method === "" ? "is missing" : `${JSON.stringify(method)} must be GET or POST`;
  return [warningAt(`${path}.method`, `${message}: every request is refused`)];
};

const tlsRule: SourceRule = (event, path) =>
  event.serverCertSecret === undefined
    ? []
    : [warningAt(`${path}.serverCertSecret`, "is not supported yet: the own port is served without TLS")];

export const webhookSource: SourceKind<WebhookContext> = {
  eventType: "webhook",
  singleton: false,
  http: true,
  schema: sourceSchema<WebhookContext>(json, checkWebhook, methodRule, tlsRule),
  run(spec, context, signal) {
    if (spec.serverCertSecret || spec.serverKeySecret) {
      context.log.warn("the own port is served without TLS: serverCertSecret has no effect yet");
    }
    const { authSecret } = spec;
    const port = portOf(spec.port);
    const served = context.http.serve(
      {
        ...(port !== undefined && { port }),
        endpoint: spec.endpoint,
        maxBodyBytes: spec.maxPayloadSize || defaultMaxBytes,
        ...(authSecret && { authorize: ({ headers }) => checkToken(headers, authSecret, context.secret) }),
        handle: (request) => handle(spec, request, context),
      },
      signal,
    );
    context.ready();
    return served;
  },
};

function portOf(port: string | number): number | undefined {
  const number = typeof port === "number" ? port : /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN;
  return Number.isInteger(number) && number > 0 && number < 65_536 ? number : undefined;
}

const bearer = "Bearer ";

/** Undefined when the request bears the token. The answers are the original's (spec argo-events 3.5). */
export async function checkToken(
  headers: IngressRequest["headers"],
  selector: SecretKeySelector,
  secret: SecretReader,
): Promise<IngressResponse | undefined> {
  const given = headers.Authorization?.[0] ?? "";
  if (!given.startsWith(bearer)) return { status: 401, text: "Invalid Authorization Header" };
  let wanted: string;
  try {
    wanted = await secret.read(selector);
  } catch {
    return { status: 500, text: "Error loading auth token" };
  }
  if (!isSame(given.slice(bearer.length), wanted)) return { status: 401, text: "Invalid Auth token" };
  return undefined;
}

/** In the same time whatever differs; also for different lengths. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

async function handle(spec: WebhookContext, request: IngressRequest, context: SourceContext): Promise<IngressResponse> {
  const body = bodyOf(spec, request);
  if ("refused" in body) {
    context.countFailed();
    return body.refused;
  }
  const data = {
    header: maskedHeaders(request.headers),
    body: body.value,
    ...(spec.metadata && Object.keys(spec.metadata).length > 0 && { metadata: spec.metadata }),
  };
  return emitAndAnswer(context, data);
}

/** Emits, then answers as the original: 200 `success` or 500; 503 while the bus is away, so that senders try again. */
export async function emitAndAnswer(context: SourceContext, data: JsonValue): Promise<IngressResponse> {
  try {
    await context.emit({ data });
    return { status: 200, text: "success" };
  } catch (error) {
    const isAway = error instanceof EngineError && error.code === "BUS_UNAVAILABLE";
    context.log.warn("event not recorded", { error });
    if (isAway) return { status: 503, text: "failed to record event", headers: { "retry-after": "5" } };
    return { status: 500, text: "failed to record event" };
  }
}

const authorizationMask = ["*** Masked Auth Secret ***"];

function maskedHeaders(headers: IngressRequest["headers"]): IngressRequest["headers"] {
  return headers.Authorization?.[0] ? { ...headers, Authorization: authorizationMask } : headers;
}

type Body = { readonly value: JsonValue } | { readonly refused: IngressResponse };

function bodyOf(spec: WebhookContext, { method, url, headers, body }: IngressRequest): Body {
  if (method !== spec.method) return refused(400, "http method does not match");
  if (method === "GET") return { value: parseGoQuery(queryOf(url)).values };
  if (method !== "POST") return refused(400, `unsupoorted method: ${method}`); // the original's spelling
  if (headers["Content-Type"]?.[0] === "application/x-www-form-urlencoded") {
    const { values, problem } = parseGoQuery(body.toString("utf8"));
    return problem === undefined ? { value: values } : refused(500, problem);
  }
  return parseJsonBody(body);
}

function queryOf(url: string): string {
  const at = url.indexOf("?");
  return at < 0 ? "" : url.slice(at + 1);
}

function refused(status: number, text: string): Body {
  return { refused: { status, text } };
}

/** Any JSON value. The text of a refusal is Go's where it can be told. */
export function parseJsonBody(body: Buffer): Body {
  const text = body.toString("utf8");
  try {
    return { value: parseJson(text) as JsonValue };
  } catch {
    return refused(400, `json: error calling MarshalJSON for type *json.RawMessage: ${jsonProblem(text)}`);
  }
}

function jsonProblem(text: string): string {
  const first = /[^ \t\r\n]/.exec(text)?.[0];
  if (first === undefined) return "unexpected end of JSON input";
  if (!/[{["\-0-9tfn]/.test(first)) return `invalid character '${first}' looking for beginning of value`;
  return "invalid JSON";
}

import { createHash } from "node:crypto";
import { errorAt, listOf, warningAt } from "../../api/fields.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import { nearest } from "../../base/nearest.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import type { SecretKeySelector } from "../sources/source.ts";
import { traceHeaders } from "./hops.ts";
import {
  createOutgoingAgent,
  keepsCredentials,
  loginOf,
  type OutgoingAgent,
  toHttpError,
  withAgent,
} from "./outgoing.ts";
import { has, requires, type TriggerRule, tlsRule, triggerSchema } from "./rules.ts";
import {
  basicAuthSchema,
  headersSchema,
  parametersSchema,
  payloadSchema,
  secureHeadersSchema,
  tlsSchema,
} from "./schemas.ts";
import { secretHash } from "./secret-hash.ts";
import { readTls, type TlsSpec } from "./tls.ts";
import type { Firing, TriggerContext, TriggerKind } from "./trigger.ts";

interface SecureHeader {
  readonly name: string;
  readonly valueFrom: { readonly secretKeyRef?: SecretKeySelector; readonly configMapKeyRef?: SecretKeySelector };
}

/** A value that a plan must not show: where it comes from, and a hash by which a change is seen. */
interface SecretHeader {
  readonly name: string;
  readonly from: SecureHeader["valueFrom"] | NonNullable<HttpSpec["basicAuth"]>;
  readonly sha256: string;
}

export interface HttpPlan {
  readonly method: HttpSpec["method"];
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly secretHeaders: readonly SecretHeader[];
  /** The first 256 characters of the body. */
  readonly bodyPreview: string;
  readonly body: string;
  readonly timeoutMs: number;
  readonly tls?: TlsSpec;
}

const methods = ["GET", "DELETE", "PATCH", "POST", "PUT"] as const;

/** spec argo-events 6.5.3 */
export const httpSchema = {
  type: "object",
  description: "An HTTP request. Answers of 2xx are successes, unless `policy.status.allow` says which are.",
  required: ["url"],
  properties: {
    url: { type: "string", minLength: 1, format: "uri", description: "Where the request goes: http or https." },
    method: { type: "string", enum: methods, default: "POST", description: "The method." },
    payload: {
      ...payloadSchema,
      description:
        "Makes the body from the events: each entry sets one field of a JSON object, or without `dest` all of it. " +
        "No entry: no body.",
    },
    parameters: parametersSchema,
    timeout: { type: "integer", minimum: 0, default: 60, description: "Seconds; 0 counts as 60." },
    headers: { ...headersSchema, description: "Headers, by name. No Content-Type is set on its own." },
    dynamicHeaders: {
      ...parametersSchema,
      description: "Headers whose values come from the events; `dest` is the header's name. Come before `headers`.",
    },
    secureHeaders: secureHeadersSchema,
    basicAuth: basicAuthSchema,
    tls: tlsSchema,
    host: { type: "string", description: "Sent as `Host` instead of the URL's." },
  },
} as const satisfies JsonSchema;

export type HttpSpec = SpecOf<typeof httpSchema>;

const methodRule: TriggerRule = ({ method }, path) => {
  const known: readonly string[] = methods;
  if (typeof method !== "string" || method === "" || known.includes(method)) return [];
  const likely = nearest(method, known);
  const message = `${JSON.stringify(method.slice(0, 80))}: only GET, DELETE, PATCH, POST and PUT methods are supported`;
  return [errorAt(`${path}.method`, message, likely === undefined ? undefined : `did you mean \`${likely}\`?`)];
};

/** What cannot be sent with any event, unless parameters change it. */
const addressRule: TriggerRule = ({ url }, path) => {
  if (typeof url !== "string" || url === "") return [];
  const protocol = URL.parse(url)?.protocol;
  if (protocol === "http:" || protocol === "https:") return [];
  return [warningAt(`${path}.url`, `${JSON.stringify(url.slice(0, 80))} must be an http(s) URL`)];
};

const headerNamesRule: TriggerRule = ({ dynamicHeaders }, path) =>
  listOf(dynamicHeaders).flatMap((entry, index) =>
    isJsonObject(entry) && !has(entry.dest)
      ? [warningAt(`${path}.dynamicHeaders[${index}].dest`, "is missing: it must name the header")]
      : [],
  );

const schema = triggerSchema<HttpSpec>(
  httpSchema,
  requires({ url: "server URL is not specified" }),
  methodRule,
  addressRule,
  headerNamesRule,
  tlsRule,
);

/**
 * Sends one request for each firing, with the firing's key as `Idempotency-Key`. A status of 2xx is a success unless
 * `policy.status.allow` says otherwise. Connections are kept between firings, apart for engines that may reach loopback or
 * have other proxies. With `tls` no proxy counts, as in the original (spec argo-events 6.5.3).
 */
export function createHttpTrigger(): TriggerKind<HttpSpec, HttpPlan> {
  const agents = new Map<string, Promise<OutgoingAgent>>();
  const sharedAgent = (context: TriggerContext): Promise<OutgoingAgent> => {
    const key = `${context.allowLoopback} ${context.proxies?.key}`;
    const known = agents.get(key);
    if (known !== undefined) return known;
    const agent = createOutgoingAgent(context);
    agents.set(key, agent);
    return agent;
  };
  return {
    schema,
    plan: (spec, firing, context) => planRequest(spec, firing, context),
    async apply(plan, firing, context, signal) {
      const tls = plan.tls && (await readTls(plan.tls, context));
      if (!tls) return sendRequest(plan, firing, context, await sharedAgent(context), signal);
      const { clients, allowLoopback } = context;
      return withAgent({ clients, allowLoopback }, tls, (agent) => sendRequest(plan, firing, context, agent, signal));
    },
  };
}

async function planRequest(written: HttpSpec, firing: Firing, context: TriggerContext): Promise<HttpPlan> {
  const { parameters } = context;
  const resolved = written.parameters?.length
    ? schema.parse(parameters.apply(toJson(written), written.parameters, "http.parameters"), "http")
    : written;
  const url = checkUrl(resolved.url);
  const headers: Record<string, string> = { ...resolved.headers };
  if (resolved.host) headers.Host = resolved.host;
  for (const [index, parameter] of (resolved.dynamicHeaders ?? []).entries()) {
    const path = `http.dynamicHeaders[${index}]`;
    const value = parameters.text(parameter, path);
    if (!parameter.dest) throw new TerminalError("PARAMETER_ERROR", `${path}.dest: must name the header`);
    if (value !== undefined) headers[parameter.dest] = value;
  }
  const secretHeaders = await secretHeadersOf(resolved, context);
  const names = [...Object.keys(headers), ...secretHeaders.map(({ name }) => name)];
  const body = resolved.payload?.length ? parameters.payload(resolved.payload, "http.payload") : "";
  return {
    method: resolved.method,
    url,
    headers: { ...addedHeaders(firing, names), ...headers },
    secretHeaders,
    bodyPreview: body.slice(0, 256),
    body,
    timeoutMs: (resolved.timeout || 60) * 1_000,
    ...(resolved.tls && { tls: resolved.tls }),
  };
}

/** What every request has unless the trigger says otherwise: a key to tell repeats by, and the trace of the events. */
function addedHeaders(firing: Firing, given: readonly string[]): Record<string, string> {
  return {
    ...(isNamed("Idempotency-Key", given) ? {} : { "Idempotency-Key": headerKey(firing) }),
    ...traceHeaders(firing, given),
  };
}

/** Names of headers are the same in any case: ours would stand beside the user's. */
function isNamed(name: string, names: readonly string[]): boolean {
  return names.some((one) => one.toLowerCase() === name.toLowerCase());
}

/** The key itself where a header can carry it, else its hash: ids of events may hold any character. */
function headerKey({ key }: Firing): string {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  return `sha256:${createHash("sha256").update(key).digest("hex")}`;
}

function toJson(spec: HttpSpec): JsonValue {
  return parseJson(JSON.stringify(spec)) as JsonObject;
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === "http:" || url.protocol === "https:")) return text;
  const shown = JSON.stringify(text.replace(/\/\/[^/@]*@/, "//").slice(0, 80));
  throw new TerminalError("MANIFEST_INVALID", `http.url: ${shown} must be an http(s) URL`);
}

async function secretHeadersOf(spec: HttpSpec, context: TriggerContext): Promise<SecretHeader[]> {
  const wanted = [
    ...(spec.basicAuth ? [{ name: "Authorization", from: spec.basicAuth }] : []),
    ...(spec.secureHeaders ?? []).map(({ name, valueFrom }) => ({ name, from: valueFrom })),
  ];
  return Promise.all(
    wanted.map(async ({ name, from }) => {
      return { name, from, sha256: secretHash(await readSecretValue(from, context)) };
    }),
  );
}

async function readSecretValue(from: SecretHeader["from"], { secret }: TriggerContext): Promise<string> {
  if ("username" in from) {
    const [user, password] = await Promise.all([secret.read(from.username), secret.read(from.password)]);
    return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  }
  if (from.secretKeyRef) return secret.read(from.secretKeyRef);
  if (from.configMapKeyRef) return secret.readConfigMap(from.configMapKeyRef);
  throw new TerminalError(
    "MANIFEST_INVALID",
    "http.secureHeaders[].valueFrom: must name a secretKeyRef or a configMapKeyRef",
  );
}

async function sendRequest(
  plan: HttpPlan,
  firing: Firing,
  context: TriggerContext,
  agent: OutgoingAgent,
  signal: AbortSignal,
): Promise<{ readonly message: string }> {
  const headers: Record<string, string> = { ...plan.headers };
  for (const { name, from } of plan.secretHeaders) headers[name] = await readSecretValue(from, context);
  const secrets = plan.secretHeaders.map(({ name }) => name.toLowerCase());
  const what = `${plan.method} ${withoutQuery(plan.url)}`;
  let status: number;
  const request = { method: plan.method, url: plan.url, headers, body: plan.body, secrets };
  try {
    status = await withDeadline(plan.timeoutMs, signal, (deadline) => follow(request, agent, deadline));
  } catch (error) {
    throw toHttpError(error, what);
  }
  const problem = refusalOf(status, firing.policy?.status?.allow);
  if (problem !== undefined) throw new EngineError("HTTP_FAILED", `${what}: ${problem}`);
  return { message: `${what} answered ${status}` };
}

/** As `AbortSignal.any` with `AbortSignal.timeout`, which cost a third of a request. */
async function withDeadline<Result>(
  timeoutMs: number,
  signal: AbortSignal,
  work: (deadline: AbortSignal) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const deadline = new AbortController();
  const onAbort = (): void => deadline.abort(signal.reason);
  const late = setTimeout(
    () => deadline.abort(new DOMException("no answer before the timeout", "TimeoutError")),
    timeoutMs,
  );
  signal.addEventListener("abort", onAbort);
  try {
    return await work(deadline.signal);
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", onAbort);
  }
}

/** The original takes every answer for a success where no policy says which are (spec argo-events 8.3 F10). */
function refusalOf(status: number, allow: readonly number[] | undefined): string | undefined {
  if (allow === undefined) {
    const isSuccess = status >= 200 && status < 300;
    return isSuccess ? undefined : `answered ${status}; where that is a success, policy.status.allow has to name it`;
  }
  if (allow.includes(status)) return undefined;
  return `policy application resulted in failure. http response status ${status} is not allowed`;
}

/** Queries hold tokens often enough. */
function withoutQuery(text: string): string {
  const url = new URL(text);
  return url.origin + url.pathname;
}

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Names of headers, in lower case, that no other host may see. */
  readonly secrets: readonly string[];
}

const maxRedirects = 10;

/** The status of the last response; bodies are read away so that connections can be used again. */
async function follow(first: Request, agent: OutgoingAgent, signal: AbortSignal): Promise<number> {
  let request = first;
  for (let redirects = 0; ; redirects++) {
    const url = new URL(request.url);
    const { origin, pathname, search } = url;
    const names = Object.keys(request.headers);
    const options = {
      origin,
      path: pathname + search,
      method: request.method as "GET",
      headers: {
        ...(isNamed("User-Agent", names) ? {} : { "User-Agent": "tiphys" }),
        ...(isNamed("Authorization", names) ? {} : loginOf(url)),
        ...request.headers,
      },
      ...(request.body !== "" && { body: request.body }),
      headersTimeout: 0, // the signal bounds all of it
      bodyTimeout: 0,
    };
    const { status, headers } = await agent.ask(options, signal);
    const { location } = headers;
    const next = typeof location === "string" ? redirected(request, status, location) : undefined;
    if (!next) return status;
    if (redirects >= maxRedirects) throw new EngineError("HTTP_FAILED", `stopped after ${maxRedirects} redirects`);
    request = next;
  }
}

/** As Go's client: 307 and 308 repeat the request, 301 to 303 become a GET; credentials stay with their host. */
function redirected(request: Request, status: number, location: string): Request | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || !URL.canParse(location, request.url)) return undefined;
  const target = new URL(location, request.url);
  if (target.protocol !== "http:" && target.protocol !== "https:") return undefined;
  const keepsBody = status === 307 || status === 308;
  const dropped = new Set([
    "host",
    ...(keepsCredentials(new URL(request.url), target) ? [] : ["authorization", "cookie", ...request.secrets]),
    ...(keepsBody ? [] : ["content-type", "content-length"]),
  ]);
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => !dropped.has(name.toLowerCase())),
  );
  return {
    method: keepsBody || request.method === "HEAD" ? request.method : "GET",
    url: target.href,
    headers,
    body: keepsBody ? request.body : "",
    secrets: request.secrets,
  };
}

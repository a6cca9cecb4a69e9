import { createSign } from "node:crypto";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import type { GithubSpec } from "./github-spec.ts";
import { callApi, type Hooks, hookUrl, isSameSet, itemsOf } from "./hook-keeper.ts";
import type { OutgoingResponse, SourceContext } from "./source.ts";

const pageSize = 100;
const maxPages = 20;

/** The hooks of one event at GitHub; undefined where the spec asks for none: no `url`, or no credentials. */
export function githubHooks(spec: GithubSpec, context: SourceContext): Hooks | undefined {
  const url = hookUrl(spec.webhook);
  if (url === undefined || !(spec.apiToken || spec.githubApp?.privateKey)) return undefined;
  const call = createCaller(spec, context);
  const places = placesOf(spec);
  /** GitHub does not show a hook's secret: what was sent last is remembered, so that a rotation is sent. */
  const sent = new Map<string, string>();

  async function reconcileAt(place: string, signal: AbortSignal): Promise<void> {
    const wanted = await wantedHook(spec, url ?? "", context);
    const digest = JSON.stringify(wanted);
    const found = await findHook(place, url ?? "", call, signal);
    if (found === undefined) {
      await call("POST", `${place}/hooks`, { name: "web", ...wanted }, signal);
      context.log.info("hook registered", { place });
    } else if (sent.get(place) !== digest || differs(found, wanted)) {
      await call("PATCH", `${place}/hooks/${String(found.id)}`, wanted, signal);
    }
    sent.set(place, digest);
  }

  async function remove(signal: AbortSignal): Promise<void> {
    for (const place of places) {
      const found = await findHook(place, url ?? "", call, signal);
      if (found) await call("DELETE", `${place}/hooks/${String(found.id)}`, undefined, signal);
    }
  }

  return {
    async reconcile(signal) {
      for (const place of places) await reconcileAt(place, signal);
    },
    remove: spec.deleteHookOnFinish ? remove : undefined,
  };
}

function placesOf(spec: GithubSpec): string[] {
  const part = encodeURIComponent;
  const organizations = (spec.organizations ?? []).map((name) => `orgs/${part(name)}`);
  const repositories = (spec.repositories ?? []).flatMap(({ owner = "", names = [] }) =>
    names.map((name) => `repos/${part(owner)}/${part(name)}`),
  );
  const single = spec.owner && spec.repository ? [`repos/${part(spec.owner)}/${part(spec.repository)}`] : [];
  return [...organizations, ...(repositories.length > 0 ? repositories : single)];
}

interface WantedHook extends JsonObject {
  readonly config: JsonObject;
  readonly events: readonly string[];
  readonly active: boolean;
}

async function wantedHook(spec: GithubSpec, url: string, { secret }: SourceContext): Promise<WantedHook> {
  return {
    active: spec.active,
    events: spec.events ?? [],
    config: {
      url,
      ...(spec.contentType && { content_type: spec.contentType }),
      insecure_ssl: spec.insecure ? "1" : "0",
      ...(spec.webhookSecret && { secret: await secret.read(spec.webhookSecret) }),
    },
  };
}

function differs(found: JsonObject, wanted: WantedHook): boolean {
  const events = Array.isArray(found.events) ? found.events.map(String) : [];
  const config = isJsonObject(found.config) ? found.config : {};
  const isAll = events.includes("*") && wanted.events.includes("*");
  return (
    (!isAll && !isSameSet(events, wanted.events)) ||
    found.active !== wanted.active ||
    String(config.insecure_ssl ?? "0") !== wanted.config.insecure_ssl ||
    (wanted.config.content_type !== undefined && config.content_type !== wanted.config.content_type)
  );
}

type Call = (
  method: string,
  path: string,
  body: JsonObject | undefined,
  signal: AbortSignal,
) => Promise<OutgoingResponse>;

/** All pages are read: the original reads the first only, and registers again what is on the second. */
async function findHook(place: string, url: string, call: Call, signal: AbortSignal): Promise<JsonObject | undefined> {
  for (let page = 1; page <= maxPages; page++) {
    const response = await call("GET", `${place}/hooks?per_page=${pageSize}&page=${page}`, undefined, signal);
    const hooks = itemsOf(response, "hooks");
    const found = hooks.find(({ config }) => isJsonObject(config) && config.url === url);
    if (found || hooks.length < pageSize) return found;
  }
  return undefined;
}

function createCaller(spec: GithubSpec, context: SourceContext): Call {
  const base = baseUrlOf(spec.githubBaseURL);
  const readToken = createTokenReader(spec, base, context);
  return async (method, path, body, signal) =>
    callApi(
      {
        method,
        url: base + path,
        headers: apiHeaders(await readToken(signal)),
        ...(body && { body: JSON.stringify(body) }),
      },
      context,
      signal,
    );
}

function apiHeaders(token: string): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    accept: "application/vnd.github+json",
    "content-type": "application/json",
    "user-agent": "tiphys",
    "x-github-api-version": "2022-11-28",
  };
}

/** GitHub Enterprise serves its API under `/api/v3/`, unless its host says that it is an API. */
function baseUrlOf(text: string | undefined): string {
  if (!text) return "https://api.github.com/";
  const base = text.endsWith("/") ? text : `${text}/`;
  const { host } = new URL(base);
  const isApi = base.endsWith("/api/v3/") || host.startsWith("api.") || host.includes(".api.");
  return isApi ? base : `${base}api/v3/`;
}

function createTokenReader(spec: GithubSpec, base: string, context: SourceContext) {
  const { clock, secret } = context;
  let known: { readonly token: string; readonly expiresAt: number } | undefined;
  return async (signal: AbortSignal): Promise<string> => {
    const { apiToken, githubApp } = spec;
    if (!githubApp?.privateKey) return apiToken ? secret.read(apiToken) : "";
    if (known && known.expiresAt - 60_000 > clock.now()) return known.token;
    const jwt = appToken(await secret.read(githubApp.privateKey), githubApp.appID ?? 0, clock.now());
    const url = `${base}app/installations/${githubApp.installationID ?? 0}/access_tokens`;
    const response = await callApi({ method: "POST", url, headers: apiHeaders(jwt) }, context, signal);
    const answer = parseJson(response.text) as JsonObject;
    known = { token: String(answer.token), expiresAt: Date.parse(String(answer.expires_at)) };
    return known.token;
  };
}

/** The signed statement by which a GitHub App asks for a token: RS256, ten minutes at most, a minute of skew. */
function appToken(privateKey: string, appId: number, nowMs: number): string {
  const now = Math.floor(nowMs / 1_000);
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const content = `${encode({ alg: "RS256", typ: "JWT" })}.${encode({ iat: now - 60, exp: now + 540, iss: String(appId) })}`;
  try {
    return `${content}.${createSign("RSA-SHA256").update(content).sign(privateKey, "base64url")}`;
  } catch (error) {
    throw new EngineError("SOURCE_FAILED", "githubApp.privateKey: the Secret must hold an RSA key in PEM", error);
  }
}

import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import { type BitbucketSpec, bitbucketSchema } from "./bitbucket-spec.ts";
import { readBasicAuth } from "./client-tls.ts";
import { eventId, withMetadata } from "./draft.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { callApi, type Hooks, hookUrl, isSameSet, keepHooks } from "./hook-keeper.ts";
import { headerOf, maskedHeaders, readJson, refuse } from "./hook-request.ts";
import type { IngressRequest, OutgoingResponse, SourceContext, SourceKind } from "./source.ts";

export const bitbucketSource: SourceKind<BitbucketSpec> = {
  eventType: "bitbucket",
  singleton: false,
  http: true,
  schema: bitbucketSchema,
  async run(spec, context, signal) {
    const hooks = bitbucketHooks(spec, context);
    await Promise.all([
      serveHook(spec.webhook, context, (request) => take(spec, request, context), signal),
      hooks && keepHooks(hooks, context, signal),
    ]);
  },
};

function take(spec: BitbucketSpec, request: IngressRequest, context: SourceContext): HookResult {
  const body = readJson(request.body.toString("utf8"));
  if (body === undefined) return refuse(400, "failed to parse request body: it must be JSON");
  // The same at each try of one delivery.
  const id = headerOf(request, "X-Request-Uuid");
  const data = withMetadata({ headers: maskedHeaders(request.headers), body }, spec);
  return { drafts: [{ data, ...(id && { id: eventId(context, id) }) }] };
}

const api = "https://api.bitbucket.org/2.0/repositories";
const maxPages = 20;

type Call = (
  method: string,
  url: string,
  body: JsonObject | undefined,
  signal: AbortSignal,
) => Promise<OutgoingResponse>;

function bitbucketHooks(spec: BitbucketSpec, context: SourceContext): Hooks | undefined {
  const url = hookUrl(spec.webhook);
  const { basic, oauthToken } = spec.auth;
  if (url === undefined || !(oauthToken || (basic?.username && basic.password))) return undefined;
  const call = createCaller(spec, context);
  const places = placesOf(spec);
  const wanted = { description: "webhook managed by Argo-Events", url, active: true, events: spec.events ?? [] };

  async function reconcileAt(place: string, signal: AbortSignal): Promise<void> {
    const found = await findHook(`${place}/hooks`, url ?? "", call, signal);
    if (found === undefined) {
      await call("POST", `${place}/hooks`, wanted, signal);
      context.log.info("hook registered", { place });
    } else if (found.active !== true || !isSameSet(textsOf(found.events), wanted.events)) {
      await call("PUT", `${place}/hooks/${encodeURIComponent(String(found.uuid))}`, wanted, signal);
    }
  }

  async function remove(signal: AbortSignal): Promise<void> {
    for (const place of places) {
      const found = await findHook(`${place}/hooks`, url ?? "", call, signal);
      if (found) await call("DELETE", `${place}/hooks/${encodeURIComponent(String(found.uuid))}`, undefined, signal);
    }
  }

  return {
    async reconcile(signal) {
      for (const place of places) await reconcileAt(place, signal);
    },
    remove: spec.deleteHookOnFinish ? remove : undefined,
  };
}

function placesOf({ repositories = [], owner = "", repositorySlug = "" }: BitbucketSpec): string[] {
  const single = repositories.length > 0 ? repositories : [{ owner, repositorySlug }];
  return single.map(
    (one) => `${api}/${encodeURIComponent(one.owner ?? "")}/${encodeURIComponent(one.repositorySlug ?? "")}`,
  );
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

async function findHook(first: string, url: string, call: Call, signal: AbortSignal): Promise<JsonObject | undefined> {
  let next: string | undefined = `${first}?pagelen=100`;
  for (let page = 0; next !== undefined && page < maxPages; page++) {
    const answer = parseJson((await call("GET", next, undefined, signal)).text);
    const { values, next: following } = isJsonObject(answer) ? answer : {};
    const hooks = Array.isArray(values) ? values.filter(isJsonObject) : [];
    const found = hooks.find((hook) => hook.url === url);
    if (found) return found;
    // Only where we asked: the credentials go along.
    next = typeof following === "string" && following.startsWith(first) ? following : undefined;
  }
  return undefined;
}

function createCaller({ auth }: BitbucketSpec, context: SourceContext): Call {
  async function authorization(): Promise<string> {
    if (auth.oauthToken) return `Bearer ${await context.secret.read(auth.oauthToken)}`;
    const login = await readBasicAuth(auth.basic, context.secret);
    return `Basic ${Buffer.from(`${login?.username}:${login?.password}`).toString("base64")}`;
  }
  return async (method, url, body, signal) =>
    callApi(
      {
        method,
        url,
        headers: { authorization: await authorization(), "content-type": "application/json", "user-agent": "tiphys" },
        ...(body && { body: JSON.stringify(body) }),
      },
      context,
      signal,
    );
}

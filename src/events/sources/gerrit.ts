import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import { readBasicAuth } from "./client-tls.ts";
import { withMetadata } from "./draft.ts";
import { type GerritSpec, gerritSchema } from "./gerrit-spec.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { callApi, type Hooks, hookUrl, isSameSet, keepHooks } from "./hook-keeper.ts";
import { maskedHeaders, readJson, refuse } from "./hook-request.ts";
import type { IngressRequest, SourceContext, SourceKind } from "./source.ts";

export const gerritSource: SourceKind<GerritSpec> = {
  eventType: "gerrit",
  singleton: false,
  http: true,
  schema: gerritSchema,
  async run(spec, context, signal) {
    const hooks = gerritHooks(spec, context);
    await Promise.all([
      serveHook(spec.webhook, context, (request) => take(spec, request), signal),
      hooks && keepHooks(hooks, context, signal),
    ]);
  },
};

function take(spec: GerritSpec, request: IngressRequest): HookResult {
  const body = readJson(request.body.toString("utf8"));
  if (body === undefined) return refuse(400, "failed to parse request body: it must be JSON");
  return { drafts: [{ data: withMetadata({ headers: maskedHeaders(request.headers), body }, spec) }] };
}

/** Remotes of Gerrit's webhooks plugin, by name. */
function gerritHooks(spec: GerritSpec, context: SourceContext): Hooks | undefined {
  const url = hookUrl(spec.webhook);
  if (url === undefined) return undefined;
  const base = spec.gerritBaseURL.replace(/\/$/, "");
  const { events, maxTries, sslVerify } = spec;
  const hookName = spec.hookName || `${context.namespace}-${context.eventSource}-${context.event}`;
  const wanted = { url, events, ...(maxTries !== undefined && { maxTries }), sslVerify };
  const places = spec.projects.map(
    (project) =>
      `${base}/a/config/server/webhooks~projects/${encodeURIComponent(project)}/remotes/${encodeURIComponent(hookName)}/`,
  );

  async function headers(): Promise<Record<string, string>> {
    const login = await readBasicAuth(spec.auth, context.secret);
    const text = Buffer.from(`${login?.username}:${login?.password}`).toString("base64");
    return { authorization: `Basic ${text}`, "content-type": "application/json" };
  }

  async function reconcileAt(place: string, signal: AbortSignal): Promise<void> {
    const known = await context.fetch({ method: "GET", url: place, headers: await headers() }, signal);
    if (known.status === 200 && isAsWanted(readAnswer(known.text), wanted)) return;
    const request = { method: "PUT", url: place, headers: await headers(), body: JSON.stringify(wanted) };
    await callApi(request, context, signal);
  }

  async function remove(signal: AbortSignal): Promise<void> {
    for (const url of places) await callApi({ method: "DELETE", url, headers: await headers() }, context, signal);
  }

  return {
    async reconcile(signal) {
      for (const place of places) await reconcileAt(place, signal);
    },
    remove: spec.deleteHookOnFinish ? remove : undefined,
  };
}

/** Gerrit writes `)]}'` before its JSON. */
function readAnswer(text: string): JsonObject {
  const answer = parseJson(text.replace(/^\)\]\}'\s*/, ""));
  return isJsonObject(answer) ? answer : {};
}

type Remote = Pick<GerritSpec, "events" | "maxTries" | "sslVerify"> & { readonly url: string };

/** What the spec does not say is Gerrit's affair; a flag that Gerrit does not tell is off. */
function isAsWanted(found: JsonObject, { url, events, sslVerify, maxTries }: Remote): boolean {
  if (maxTries !== undefined && found.maxTries !== maxTries) return false;
  const known = Array.isArray(found.events) ? found.events.map(String) : [];
  return found.url === url && (found.sslVerify ?? false) === sslVerify && isSameSet(known, events);
}

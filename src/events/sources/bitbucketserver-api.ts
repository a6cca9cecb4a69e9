import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import type { BitbucketserverSpec } from "./bitbucketserver-spec.ts";
import { readClientTls } from "./client-tls.ts";
import { callApi, type Hooks, hookUrl, isSameSet } from "./hook-keeper.ts";
import type { OutgoingResponse, SourceContext } from "./source.ts";

export interface BitbucketApi {
  call(method: string, path: string, body: JsonObject | undefined, signal: AbortSignal): Promise<OutgoingResponse>;
  /** All pages. */
  list(path: string, signal: AbortSignal): Promise<readonly JsonObject[]>;
}

const pageSize = 500;
const maxPages = 100;

export function createBitbucketApi(spec: BitbucketserverSpec, context: SourceContext): BitbucketApi {
  const base = `${spec.bitbucketserverBaseURL.replace(/\/$/, "")}/api/1.0/`;

  async function call(method: string, path: string, body: JsonObject | undefined, signal: AbortSignal) {
    const { accessToken, tls } = spec;
    const token = accessToken && (await context.secret.read(accessToken));
    const request = {
      method,
      url: base + path,
      headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
      ...(body && { body: JSON.stringify(body) }),
      ...(tls && { tls: await readClientTls(tls, context.secret) }),
    };
    return callApi(request, context, signal);
  }

  async function list(path: string, signal: AbortSignal): Promise<readonly JsonObject[]> {
    const found: JsonObject[] = [];
    let start = 0;
    for (let page = 0; page < maxPages; page++) {
      const answer = parseJson((await call("GET", `${path}?start=${start}&limit=${pageSize}`, undefined, signal)).text);
      if (!isJsonObject(answer) || !Array.isArray(answer.values)) {
        throw new EngineError("HTTP_FAILED", `${base}${path}: no page of values: is this the URL of the API?`);
      }
      found.push(...answer.values.filter(isJsonObject));
      if (answer.isLastPage !== false || typeof answer.nextPageStart !== "number") break;
      start = answer.nextPageStart;
    }
    return found;
  }

  return { call, list };
}

/** The hooks of one event; undefined where the spec asks for none: no `url`, token or repository. */
export function bitbucketserverHooks(spec: BitbucketserverSpec, context: SourceContext): Hooks | undefined {
  const url = hookUrl(spec.webhook);
  if (url === undefined || !spec.accessToken) return undefined;
  const api = createBitbucketApi(spec, context);
  /** The server does not show a hook's secret: what was sent last is remembered, so that a rotation is sent. */
  const sent = new Map<string, string>();

  async function reconcileAt(place: string, signal: AbortSignal): Promise<void> {
    const secret = spec.webhookSecret && (await context.secret.read(spec.webhookSecret));
    const events = spec.events ?? [];
    const wanted = {
      name: "Argo Events",
      url: url ?? "",
      active: true,
      events,
      configuration: secret ? { secret } : {},
    };
    const digest = JSON.stringify(wanted);
    const found = (await api.list(place, signal)).find((hook) => hook.url === url);
    if (found === undefined) {
      await api.call("POST", place, wanted, signal);
      context.log.info("hook registered", { place });
    } else if (sent.get(place) !== digest || found.active !== true || !isSameSet(textsOf(found.events), events)) {
      await api.call("PUT", `${place}/${String(found.id)}`, wanted, signal);
    }
    sent.set(place, digest);
  }

  async function places(signal: AbortSignal): Promise<string[]> {
    const { repositories = [], projects = [], projectKey, repositorySlug } = spec;
    const named = repositories.map((one) => [one.projectKey ?? "", one.repositorySlug ?? ""] as const);
    if (named.length === 0 && projectKey && repositorySlug) named.push([projectKey, repositorySlug]);
    for (const project of projects) {
      const found = await api.list(`projects/${encodeURIComponent(project)}/repos`, signal);
      named.push(...found.map(({ slug }) => [project, String(slug)] as const));
    }
    const part = encodeURIComponent;
    return [...new Set(named.map(([project, slug]) => `projects/${part(project)}/repos/${part(slug)}/webhooks`))];
  }

  async function remove(signal: AbortSignal): Promise<void> {
    for (const place of await places(signal)) {
      const found = (await api.list(place, signal)).find((hook) => hook.url === url);
      if (found) await api.call("DELETE", `${place}/${String(found.id)}`, undefined, signal);
    }
  }

  return {
    async reconcile(signal) {
      for (const place of await places(signal)) await reconcileAt(place, signal);
    },
    remove: spec.deleteHookOnFinish ? remove : undefined,
  };
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

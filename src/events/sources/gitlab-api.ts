import type { JsonObject } from "../../base/json.ts";
import type { GitlabSpec } from "./gitlab-spec.ts";
import { callApi, type Hooks, hookUrl, itemsOf } from "./hook-keeper.ts";
import type { OutgoingResponse, SourceContext } from "./source.ts";

const pageSize = 100;
const maxPages = 20;

/** What GitLab switches on in a new hook unless it is told not to. */
const onByDefault = "push_events";

/** The hooks of one event at GitLab; undefined where the spec asks for none, without `url`. */
export function gitlabHooks(spec: GitlabSpec, context: SourceContext): Hooks | undefined {
  const url = hookUrl(spec.webhook);
  if (url === undefined) return undefined;
  const call = createCaller(spec, context);
  const places = placesOf(spec);
  /** GitLab does not show a hook's token: what was sent last is remembered, so that a rotation is sent. */
  const sent = new Map<string, string>();

  async function reconcileAt(place: string, signal: AbortSignal): Promise<void> {
    const wanted = await wantedHook(spec, url ?? "", context);
    const digest = JSON.stringify(wanted);
    const found = await findHook(place, url ?? "", call, signal);
    if (found === undefined) {
      await call("POST", `${place}/hooks`, wanted, signal);
      context.log.info("hook registered", { place });
    } else if (sent.get(place) !== digest || differs(found, wanted)) {
      await call("PUT", `${place}/hooks/${String(found.id)}`, { ...switchedOff(found), ...wanted }, signal);
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

function placesOf({ groups = [], projects = [], projectID }: GitlabSpec): string[] {
  const all = projects.length > 0 ? projects : projectID ? [projectID] : [];
  const place = (kind: string) => (id: string) => `${kind}/${encodeURIComponent(id)}`;
  return [...groups.map(place("groups")), ...all.map(place("projects"))];
}

/** `MergeRequestsEvents` → `merge_requests_events`: the field of GitLab's API. */
function fieldOf(option: string): string {
  return option.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
}

async function wantedHook(spec: GitlabSpec, url: string, { secret }: SourceContext): Promise<JsonObject> {
  const events = Object.fromEntries(spec.events.map((name) => [fieldOf(name), true]));
  return {
    url,
    [onByDefault]: false,
    ...events,
    enable_ssl_verification: spec.enableSSLVerification,
    ...(spec.secretToken && { token: await secret.read(spec.secretToken) }),
  };
}

/** Every event of a hook, off: what is wanted is laid over it. */
function switchedOff(found: JsonObject): JsonObject {
  const events = Object.keys(found).filter((field) => field.endsWith("_events") && found[field] === true);
  return Object.fromEntries(events.map((field) => [field, false]));
}

function differs(found: JsonObject, wanted: JsonObject): boolean {
  const all = { ...switchedOff(found), ...wanted };
  return Object.entries(all).some(
    ([field, value]) => field !== "token" && typeof value === "boolean" && (found[field] ?? false) !== value,
  );
}

type Call = (
  method: string,
  path: string,
  body: JsonObject | undefined,
  signal: AbortSignal,
) => Promise<OutgoingResponse>;

async function findHook(place: string, url: string, call: Call, signal: AbortSignal): Promise<JsonObject | undefined> {
  for (let page = 1; page <= maxPages; page++) {
    const response = await call("GET", `${place}/hooks?per_page=${pageSize}&page=${page}`, undefined, signal);
    const hooks = itemsOf(response, "hooks");
    const found = hooks.find((hook) => hook.url === url);
    if (found || hooks.length < pageSize) return found;
  }
  return undefined;
}

function createCaller(spec: GitlabSpec, context: SourceContext): Call {
  const base = `${spec.gitlabBaseURL.replace(/\/$/, "").replace(/\/api\/v4$/, "")}/api/v4/`;
  return async (method, path, body, signal) =>
    callApi(
      {
        method,
        url: base + path,
        headers: {
          "private-token": await context.secret.read(spec.accessToken),
          "content-type": "application/json",
          "user-agent": "tiphys",
        },
        ...(body && { body: JSON.stringify(body) }),
      },
      context,
      signal,
    );
}

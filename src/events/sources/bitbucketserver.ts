import { parseDuration } from "../../base/duration.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { bitbucketserverHooks, createBitbucketApi } from "./bitbucketserver-api.ts";
import { type BitbucketserverSpec, bitbucketserverSchema } from "./bitbucketserver-spec.ts";
import { eventId, withMetadata } from "./draft.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { keepHooks } from "./hook-keeper.ts";
import { headerOf, maskedHeaders, readJson, refuse } from "./hook-request.ts";
import { isHmac, parseHubSignature } from "./signature.ts";
import type { IngressRequest, SourceContext, SourceKind } from "./source.ts";

export const bitbucketserverSource: SourceKind<BitbucketserverSpec> = {
  eventType: "bitbucketserver",
  singleton: false,
  http: true,
  schema: bitbucketserverSchema,
  async run(spec, context, signal) {
    const hooks = bitbucketserverHooks(spec, context);
    await Promise.all([
      serveHook(spec.webhook, context, (request) => take(spec, request, context, signal), signal),
      hooks && keepHooks(hooks, context, signal, parseDuration(spec.checkInterval)),
    ]);
  },
};

async function take(
  spec: BitbucketserverSpec,
  request: IngressRequest,
  context: SourceContext,
  signal: AbortSignal,
): Promise<HookResult> {
  const problem = await signatureProblem(spec, request, context);
  if (problem !== undefined) return refuse(400, problem);
  const body = readJson(request.body.toString("utf8"));
  if (body === undefined) return refuse(400, "failed to parse request body: it must be JSON");
  const bodies = await bodiesOf(spec, request, body, context, signal);
  const id = headerOf(request, "X-Request-Id");
  return {
    drafts: bodies.map((one, index) => ({
      data: withMetadata({ headers: maskedHeaders(request.headers), body: one }, spec),
      ...(id && { id: eventId(context, bodies.length > 1 ? `${id}/${index}` : id) }),
    })),
  };
}

/** Checked whether we register the hook or not; the original only checks it where it does. */
async function signatureProblem(
  { webhookSecret }: BitbucketserverSpec,
  request: IngressRequest,
  { secret, log }: SourceContext,
): Promise<string | undefined> {
  // A test of the connection is not signed, and is no event of a repository.
  if (!webhookSecret) return undefined;
  const text = headerOf(request, "X-Hub-Signature");
  if (text === "") return "missing signature header";
  const signature = parseHubSignature(text);
  if (!signature) return "error parsing signature";
  try {
    const key = await secret.read(webhookSecret);
    const isRight = isHmac(signature.digest, signature.algorithm, key, request.body);
    return isRight ? undefined : "payload signature check failed";
  } catch (error) {
    log.error("request refused: its signature cannot be checked", { error });
    return "payload signature cannot be checked";
  }
}

/** Of `repo:refs_changed`, without the changes that are left out, and one for each where that is asked for. */
async function bodiesOf(
  spec: BitbucketserverSpec,
  request: IngressRequest,
  body: JsonValue,
  context: SourceContext,
  signal: AbortSignal,
): Promise<readonly JsonValue[]> {
  const { skipBranchRefsChangedOnOpenPR, oneEventPerChange } = spec;
  const isChange = headerOf(request, "X-Event-Key") === "repo:refs_changed";
  if (!isChange || !isJsonObject(body) || !(skipBranchRefsChangedOnOpenPR || oneEventPerChange)) return [body];
  const all = Array.isArray(body.changes) ? body.changes.filter(isJsonObject) : [];
  const changes: JsonObject[] = [];
  for (const change of all) {
    const isLeftOut = skipBranchRefsChangedOnOpenPR && (await isOfOpenPullRequest(spec, body, change, context, signal));
    if (!isLeftOut) changes.push(change);
  }
  if (changes.length === 0) return [];
  if (oneEventPerChange) return changes.map((change) => ({ ...body, changes: [change] }));
  return [changes.length === all.length ? body : { ...body, changes }];
}

async function isOfOpenPullRequest(
  spec: BitbucketserverSpec,
  { repository }: JsonObject,
  change: JsonObject,
  context: SourceContext,
  signal: AbortSignal,
): Promise<boolean> {
  const ref = isJsonObject(change.ref) ? change.ref : {};
  if (ref.type !== "BRANCH" || change.type === "DELETE" || !isJsonObject(repository)) return false;
  const project = isJsonObject(repository.project) ? String(repository.project.key) : "";
  const api = createBitbucketApi(spec, context);
  const path = `projects/${encodeURIComponent(project)}/repos/${encodeURIComponent(String(repository.slug))}`;
  const found = await api.list(`${path}/commits/${encodeURIComponent(String(change.toHash))}/pull-requests`, signal);
  return found.some(({ state }) => state === "OPEN");
}

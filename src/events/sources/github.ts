import { isJsonObject, withFloats } from "../../base/json.ts";
import { eventId, withMetadata } from "./draft.ts";
import { githubHooks } from "./github-api.ts";
import { type GithubSpec, githubSchema } from "./github-spec.ts";
import { sortedDeep } from "./go-map.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { keepHooks } from "./hook-keeper.ts";
import { headerOf, maskedHeaders, mediaTypeOf, readJson, refuse } from "./hook-request.ts";
import { isHmac, parseHubSignature } from "./signature.ts";
import type { IngressRequest, SourceContext, SourceKind } from "./source.ts";

export const githubSource: SourceKind<GithubSpec> = {
  eventType: "github",
  singleton: false,
  http: true,
  schema: githubSchema,
  async run(spec, context, signal) {
    const hooks = githubHooks(spec, context);
    await Promise.all([
      serveHook(spec.webhook, context, (request) => take(spec, request, context), signal),
      hooks && keepHooks(hooks, context, signal),
    ]);
  },
};

async function take(spec: GithubSpec, request: IngressRequest, context: SourceContext): Promise<HookResult> {
  const text = payloadOf(request);
  if (text === undefined) {
    return refuse(400, `webhook request has unsupported Content-Type "${headerOf(request, "Content-Type")}"`);
  }
  const problem = await signatureProblem(spec, request, context);
  if (problem !== undefined) return refuse(400, problem);
  const payload = readJson(text);
  if (!isJsonObject(payload)) return refuse(400, "failed to parse request body: it must be a JSON object");
  const delivery = headerOf(request, "X-Github-Delivery");
  const body = { ...payload, "X-GitHub-Event": headerOf(request, "X-Github-Event"), "X-GitHub-Delivery": delivery };
  // The original passes the body through a map of Go: keys are sorted, numbers are floats.
  const data = withMetadata({ headers: maskedHeaders(request.headers), body: sortedDeep(withFloats(body)) }, spec);
  return { drafts: [{ data, ...(delivery && { id: eventId(context, delivery) }) }] };
}

/** Undefined for a content type that GitHub does not send. */
function payloadOf(request: IngressRequest): string | undefined {
  const text = request.body.toString("utf8");
  const type = mediaTypeOf(request);
  if (type === "application/json") return text;
  return type === "application/x-www-form-urlencoded" ? (new URLSearchParams(text).get("payload") ?? "") : undefined;
}

/** Undefined when there is no secret, or the request is signed with it. */
async function signatureProblem(
  { webhookSecret }: GithubSpec,
  request: IngressRequest,
  { secret, log }: SourceContext,
): Promise<string | undefined> {
  if (!webhookSecret) return undefined;
  const text = headerOf(request, "X-Hub-Signature-256") || headerOf(request, "X-Hub-Signature");
  if (text === "") return "missing signature";
  const signature = parseHubSignature(text);
  if (!signature) return "error parsing signature";
  try {
    const key = await secret.read(webhookSecret);
    return isHmac(signature.digest, signature.algorithm, key, request.body)
      ? undefined
      : "payload signature check failed";
  } catch (error) {
    log.error("request refused: its signature cannot be checked", { error });
    return "payload signature cannot be checked";
  }
}

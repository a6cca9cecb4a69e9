import { eventId, withMetadata } from "./draft.ts";
import { gitlabHooks } from "./gitlab-api.ts";
import { type GitlabSpec, gitlabSchema } from "./gitlab-spec.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { keepHooks } from "./hook-keeper.ts";
import { headerOf, isSameText, maskedHeaders, readJson, refuse } from "./hook-request.ts";
import type { IngressRequest, SourceContext, SourceKind } from "./source.ts";

export const gitlabSource: SourceKind<GitlabSpec> = {
  eventType: "gitlab",
  singleton: false,
  http: true,
  schema: gitlabSchema,
  async run(spec, context, signal) {
    const hooks = gitlabHooks(spec, context);
    await Promise.all([
      serveHook(spec.webhook, context, (request) => take(spec, request, context), signal),
      hooks && keepHooks(hooks, context, signal),
    ]);
  },
};

/** The token is checked whether we register the hook or not; the original only checks it where it does. */
async function take(spec: GitlabSpec, request: IngressRequest, context: SourceContext): Promise<HookResult> {
  if (spec.secretToken) {
    const wanted = await context.secret.read(spec.secretToken).catch((error: unknown) => {
      context.log.error("request refused: its token cannot be checked", { error });
      return undefined;
    });
    const given = headerOf(request, "X-Gitlab-Token");
    if (wanted === undefined || !isSameText(given, wanted)) return refuse(400, "token mismatch");
  }
  const body = readJson(request.body.toString("utf8"));
  if (body === undefined) return refuse(400, "invalid event");
  // The same at each try of one delivery; `X-Gitlab-Event-UUID` is shared by hooks that set off each other.
  const id = headerOf(request, "Idempotency-Key");
  const data = withMetadata({ headers: maskedHeaders(request.headers), body }, spec);
  return { drafts: [{ data, ...(id && { id: eventId(context, id) }) }] };
}

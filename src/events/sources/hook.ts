import { EngineError } from "../../base/errors.ts";
import { traceContextOf } from "../../record/trace-context.ts";
import { isSameText } from "./hook-request.ts";
import type {
  EventDraft,
  HttpRoute,
  IngressRequest,
  IngressResponse,
  SecretKeySelector,
  SecretReader,
  SourceContext,
} from "./source.ts";
import { verifyRequest } from "./verify.ts";
import type { WebhookContext } from "./webhook-context.ts";

/** What all sources share that are called over HTTP (spec argo-events 3.5). */

/** What a request is: refused, without an event, or some events and how they are answered (`success` by default). */
export type HookResult =
  | { readonly refused: IngressResponse }
  | { readonly drafts: readonly EventDraft[]; readonly answer?: IngressResponse };

const defaultMaxBytes = 1_048_576;

/**
 * Serves one hook until `signal` aborts. A request is answered once its events are kept; refused ones are counted. With
 * `authSecret` it must bear that token, with `verify` prove its sender.
 */
export function serveHook(
  webhook: WebhookContext,
  context: SourceContext,
  take: (request: IngressRequest) => Promise<HookResult> | HookResult,
  signal: AbortSignal,
): Promise<void> {
  const { authSecret, verify } = webhook;
  const tls = tlsOf(webhook, context);
  const port = portOf(webhook.port);
  const served = context.http.serve(
    {
      ...(port !== undefined && { port }),
      endpoint: webhook.endpoint,
      ...(tls && { tls }),
      maxBodyBytes: webhook.maxPayloadSize || defaultMaxBytes,
      ...(authSecret && { authorize: ({ headers }) => checkToken(headers, authSecret, context.secret) }),
      async handle(request) {
        const problem = verify && (await verifyRequest(verify, request, context));
        const result =
          problem === undefined
            ? await take(request)
            : { refused: { status: 401, text: `request not verified: ${problem}` } };
        if (!("refused" in result)) return emitAndAnswer(context, tracedDrafts(result.drafts, request), result.answer);
        context.countFailed();
        return result.refused;
      },
    },
    signal,
  );
  context.ready();
  return served;
}

/** What they cause goes on in the sender's trace. */
function tracedDrafts(drafts: readonly EventDraft[], { headers }: IngressRequest): readonly EventDraft[] {
  const trace = traceContextOf(headers.Traceparent?.[0], headers.Tracestate?.join(","));
  return trace === undefined ? drafts : drafts.map((draft) => ({ ...draft, trace }));
}

/** One alone has no effect, as in the original. */
function tlsOf(
  { serverCertSecret, serverKeySecret }: WebhookContext,
  { secret }: SourceContext,
): HttpRoute["tls"] | undefined {
  if (!serverCertSecret || !serverKeySecret) return undefined;
  return async () => ({ cert: await secret.read(serverCertSecret), key: await secret.read(serverKeySecret) });
}

function portOf(port: string | number): number | undefined {
  const number = typeof port === "number" ? port : /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN;
  return Number.isInteger(number) && number > 0 && number < 65_536 ? number : undefined;
}

const bearer = "Bearer ";

/** Undefined when the request bears the token. The answers are the original's (spec argo-events 3.5). */
async function checkToken(
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
  if (!isSameText(given.slice(bearer.length), wanted)) return { status: 401, text: "Invalid Auth token" };
  return undefined;
}

/** Emits, then answers as the original: 200 `success` or 500; 503 while the bus is away, so that senders try again. */
async function emitAndAnswer(
  context: SourceContext,
  drafts: readonly EventDraft[],
  answer: IngressResponse = { status: 200, text: "success" },
): Promise<IngressResponse> {
  try {
    await Promise.all(drafts.map((draft) => context.emit(draft)));
    return answer;
  } catch (error) {
    const isAway = error instanceof EngineError && error.code === "BUS_UNAVAILABLE";
    context.log.warn("event not recorded", { error });
    if (isAway) return { status: 503, text: "failed to record event", headers: { "retry-after": "5" } };
    return { status: 500, text: "failed to record event" };
  }
}

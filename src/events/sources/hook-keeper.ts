import { randomUUID } from "node:crypto";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import type { OutgoingRequest, OutgoingResponse, SourceContext } from "./source.ts";
import type { WebhookContext } from "./webhook-context.ts";

/** The hooks that a service has for one event. */
export interface Hooks {
  /** Compares what the service has with what it should have, and makes that so. Called again and again. */
  reconcile(signal: AbortSignal): Promise<void>;
  /** Takes the hooks away when the source ends. */
  remove?: ((signal: AbortSignal) => Promise<void>) | undefined;
}

const defaultEveryMs = 60_000;
const removeMs = 10_000;
const claimKey = "hooks";

/**
 * Looks after the hooks until `signal` aborts. A failure is the event's status and is tried again with back-off; events
 * that come all the same are taken. Of several engines one does it: who holds the claim, which ends by itself.
 */
export async function keepHooks(
  hooks: Hooks,
  context: SourceContext,
  signal: AbortSignal,
  everyMs = defaultEveryMs,
): Promise<void> {
  const owner = randomUUID();
  let failures = 0;
  let isOwner = false;
  while (!signal.aborted) {
    try {
      isOwner = await claim(owner, 3 * everyMs, context);
      if (isOwner) await hooks.reconcile(signal);
      failures = 0;
      context.ready();
    } catch (error) {
      if (signal.aborted) break;
      failures++;
      context.log.warn("hooks not as they should be, trying again", { attempt: failures, error });
      context.failing(`the hook could not be registered: ${messageOf(error)}`);
    }
    const delayMs = failures === 0 ? everyMs : Math.min(everyMs, backoffMs(reconnectBackoff, failures));
    await sleepFor(context.clock, delayMs, signal).catch(() => undefined);
  }
  if (!isOwner) return;
  await context.state.delete(claimKey).catch(() => undefined); // it ends by itself
  await hooks.remove?.(AbortSignal.timeout(removeMs)).catch((error: unknown) => {
    context.log.warn("hooks not removed", { error });
  });
}

/** False while another engine has the claim. */
async function claim(owner: string, forMs: number, { state, clock }: SourceContext): Promise<boolean> {
  const entry = await state.get(claimKey);
  const held = entry ? (parseJson(Buffer.from(entry.value).toString("utf8")) as JsonObject) : undefined;
  if (held && held.owner !== owner && Number(held.until) > clock.now()) return false;
  const value = Buffer.from(JSON.stringify({ owner, until: clock.now() + forMs }));
  try {
    await state.put(claimKey, value, entry?.revision ?? 0);
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.code === "BUS_STALE") return false;
    throw error;
  }
}

/** The public URL of a hook; undefined where the spec gives none, so that none is registered. */
export function hookUrl({ url, endpoint }: WebhookContext): string | undefined {
  if (!url) return undefined;
  return `${url.replace(/\/$/, "")}/${endpoint.replace(/^\//, "")}`;
}

/** A request to a service's API, without its body in errors: that may hold a secret. */
export async function callApi(
  request: OutgoingRequest,
  context: Pick<SourceContext, "fetch">,
  signal: AbortSignal,
): Promise<OutgoingResponse> {
  const response = await context.fetch(request, signal);
  if (response.status < 300) return response;
  const { origin, pathname } = new URL(request.url);
  const message = `${request.method} ${origin}${pathname}: status ${response.status}${reasonOf(response.text)}`;
  throw new EngineError("HTTP_FAILED", message);
}

function reasonOf(text: string): string {
  try {
    const answer = parseJson(text);
    const message = isJsonObject(answer) ? (answer.message ?? answer.error) : undefined;
    return message === undefined ? "" : ` (${String(message).slice(0, 200)})`;
  } catch {
    return "";
  }
}

/** The items of a list's answer. @throws EngineError when it is none. */
export function itemsOf(response: OutgoingResponse, what: string): readonly JsonObject[] {
  let answer: JsonValue;
  try {
    answer = parseJson(response.text);
  } catch (error) {
    throw new EngineError("HTTP_FAILED", `the list of ${what} is no JSON: is this the URL of the API?`, error);
  }
  if (!Array.isArray(answer)) throw new EngineError("HTTP_FAILED", `the list of ${what} is no list`);
  return answer.filter(isJsonObject);
}

/** Whether two lists have the same items, in whatever order. */
export function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((item) => right.has(item));
}

import { createHash } from "node:crypto";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { type JsonObject, type JsonValue, parseSentJson } from "../../base/json.ts";
import { sortedFields } from "./go-map.ts";
import { withGrace } from "./grace.ts";
import type { EventDraft, SourceContext } from "./source.ts";

/** What the data of all kinds has in common. */

/** `data` with the spec's metadata at its end, in Go's order, unless there is none. */
export function withMetadata(
  data: JsonObject,
  { metadata }: { readonly metadata?: Readonly<Record<string, string>> },
): JsonObject {
  return metadata && Object.keys(metadata).length > 0 ? { ...data, metadata: sortedFields(metadata) } : data;
}

/**
 * A message's body: embedded where the spec says that it is JSON, else base64.
 * @throws SyntaxError for what should be JSON and is not, or is nested too deeply
 */
export function bodyValue(bytes: Buffer, { jsonBody }: { readonly jsonBody?: boolean }): JsonValue {
  return jsonBody ? parseSentJson(bytes.toString("utf8")) : bytes.toString("base64");
}

const maxUpstreamId = 200;

/** The id of an event whose upstream has one of its own: unique over all events of a bus, and the same at each delivery. */
export function eventId(context: Pick<SourceContext, "namespace" | "eventSource" | "event">, upstream: string): string {
  const { namespace, eventSource, event } = context;
  const isPlain = upstream.length <= maxUpstreamId && /^[\x21-\x7e]+$/.test(upstream);
  const own = isPlain ? upstream : createHash("sha256").update(upstream).digest("hex");
  return `${namespace}/${eventSource}/${event}@${own}`;
}

type KeepContext = Pick<SourceContext, "emit" | "countFailed" | "clock" | "log">;

/**
 * Emits until the bus has it; meanwhile the caller takes nothing more in. False, counted and logged, for an event that no
 * bus will ever take. Whoever has to acknowledge upstream does so after either.
 * @throws the signal's reason within a second after it aborts
 */
export async function keepEvent(draft: EventDraft, context: KeepContext, signal: AbortSignal): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      await withGrace(context.emit(draft), signal);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (isHopeless(error)) {
        context.countFailed();
        context.log.error("event given up: no bus takes it", { error });
        return false;
      }
      context.log.warn("event not recorded, trying again", { attempt, error });
      await sleepFor(context.clock, backoffMs(reconnectBackoff, attempt), signal);
    }
  }
}

/** Whether no bus will ever take the event. */
export function isHopeless(error: unknown): boolean {
  return error instanceof EngineError && (error.code === "BUS_MESSAGE_TOO_LARGE" || error.code === "EVENT_INVALID");
}

/** Counts and logs a message that cannot become an event; its size only, never its body. */
export function refuseMessage(
  context: SourceContext,
  what: Readonly<Record<string, unknown>>,
  bytes: number,
  message = "message is not JSON, or nested too deeply",
): void {
  context.countFailed();
  context.log.warn(message, { ...what, bytes });
}

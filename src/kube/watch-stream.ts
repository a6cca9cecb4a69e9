import { EngineError } from "../base/errors.ts";
import { isJsonObject, parseJson } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import { apiError } from "./api-error.ts";
import type { WatchEvent } from "./kube.ts";

/** The longest line of a watch, in characters: an object is at most 3 MiB. */
const maxLine = 8 * 1024 * 1024;

/**
 * The events of a watch's body, which is cancelled when the caller stops reading or `signal` aborts.
 * @throws EngineError API_*; the reason of `signal`
 */
export async function* readWatchEvents(
  body: ReadableStream<Uint8Array>,
  doing: string,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  try {
    for await (const line of readLines(body, doing, signal)) if (line !== "") yield parseEvent(line, doing);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineError) throw error;
    throw new EngineError("API_UNAVAILABLE", `${doing}: the watch broke off`, error);
  }
}

/** The lines of a body, which is cancelled when the caller stops reading or `signal` aborts. Returns what comes after them. */
export async function* readLines(
  body: ReadableStream<Uint8Array>,
  doing: string,
  signal: AbortSignal,
): AsyncGenerator<string, string> {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of readUntilAborted(body, signal)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > maxLine) throw new EngineError("API_UNAVAILABLE", `${doing}: a line is longer than ${maxLine}`);
      yield* lines;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineError) throw error;
    throw new EngineError("API_UNAVAILABLE", `${doing}: the answer broke off`, error);
  }
  return rest;
}

/** The request's own signal is not enough: once its `Request` is garbage collected, nothing passes an abort on to the body. */
async function* readUntilAborted(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener("abort", cancel, { once: true });
  try {
    signal.throwIfAborted();
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

function parseEvent(line: string, doing: string): WatchEvent {
  const event: unknown = parseJson(line);
  if (!isJsonObject(event) || !isJsonObject(event.object)) {
    throw new EngineError("API_UNAVAILABLE", `${doing}: a line is no event`);
  }
  const { type, object } = event;
  if (type === "ERROR") throw apiError(doing, Number(object.code ?? 500), JSON.stringify(object));
  if (type === "BOOKMARK") {
    const metadata = isJsonObject(object.metadata) ? object.metadata : {};
    return { type, resourceVersion: String(metadata.resourceVersion ?? "") };
  }
  if (type !== "ADDED" && type !== "MODIFIED" && type !== "DELETED") {
    throw new EngineError("API_UNAVAILABLE", `${doing}: unknown event type ${JSON.stringify(type)}`);
  }
  return { type, object: object as unknown as KubeObject };
}

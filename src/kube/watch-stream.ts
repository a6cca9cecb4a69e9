import { EngineError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import { apiError } from "./api-error.ts";
import type { WatchEvent } from "./kube.ts";

/** The longest line of a watch, in characters: an object is at most 3 MiB. */
const maxLine = 8 * 1024 * 1024;

/** The events of a watch's body, which is cancelled when the caller stops reading. @throws EngineError API_* */
export async function* readWatchEvents(
  body: ReadableStream<Uint8Array>,
  doing: string,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > maxLine) throw new EngineError("API_UNAVAILABLE", `${doing}: a line is longer than ${maxLine}`);
      for (const line of lines) if (line !== "") yield parseEvent(line, doing);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineError) throw error;
    throw new EngineError("API_UNAVAILABLE", `${doing}: the watch broke off`, error);
  }
}

function parseEvent(line: string, doing: string): WatchEvent {
  const event: unknown = JSON.parse(line);
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

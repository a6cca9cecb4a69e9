import type { Instant } from "../../base/clock.ts";
import { isoTime } from "../../base/clock.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";
import { builtInEventSource, type CloudEvent } from "../../record/cloud-event.ts";
import type { SeenHook } from "./webhook.ts";

/** Stands in stored requests for an Application: no Application can have this name. */
export const everyApplication = "*/*";

/** What was seen as a request that is stored: whom it concerns is found out by the engine that has the Applications. */
export function hookEvent(seen: SeenHook, id: string, now: Instant): ReceivedEvent {
  const event: CloudEvent = {
    id,
    source: builtInEventSource,
    subject: "webhook",
    type: `${builtInEventSource}.webhook`,
    time: isoTime(now),
    datacontenttype: "application/json",
    data: seen as unknown as JsonObject,
  };
  const { source: eventSource, subject, type, time } = event;
  const head = { id, namespace: "", eventSource, event: subject, type, time, bus: "", sequence: 0, storedAt: now };
  return { event, head };
}

/** Undefined for what is no such event. */
export function seenHook({ event }: ReceivedEvent): SeenHook | undefined {
  const { data, subject } = event;
  if (subject !== "webhook" || !isJsonObject(data)) return undefined;
  const { urls, refs } = data;
  return Array.isArray(urls) && Array.isArray(refs) ? (data as unknown as SeenHook) : undefined;
}

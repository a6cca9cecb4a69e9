import { randomUUID } from "node:crypto";
import { type Clock, isoTime } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import { type BusDirectory, publishEvent } from "./bus-directory.ts";

export interface EventToSend {
  readonly namespace: string;
  readonly eventSource: string;
  readonly event: string;
  /** JSON. */
  readonly data: unknown;
  readonly id?: string;
}

/** Puts events on the bus `default` of their namespace as if their EventSource had; resolves with the id once kept. */
export function createEventSender(buses: BusDirectory, clock: Clock): (event: EventToSend) => Promise<string> {
  return async ({ namespace, eventSource, event, data, id = randomUUID() }) => {
    await publishEvent(buses.busFor(namespace, "default"), namespace, {
      id,
      source: eventSource,
      type: "tiphys.send",
      subject: event,
      time: isoTime(clock.now()),
      datacontenttype: "application/json",
      data: data as JsonValue,
    });
    return id;
  };
}

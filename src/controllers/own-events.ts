import { type Clock, isoTime } from "../base/clock.ts";
import type { EmittedEvent } from "../events/triggers/trigger.ts";
import { type BusHandle, publishEvent } from "./bus-directory.ts";

/** Puts an event of a Sensor on a bus; resolves once it is kept. One id is kept once, within the time the bus remembers. */
export async function publishOwn(
  bus: BusHandle,
  namespace: string,
  { id, eventSource, event, type, data, causes, hop }: EmittedEvent,
  clock: Clock,
): Promise<void> {
  await publishEvent(bus, namespace, {
    id,
    source: eventSource,
    type,
    subject: event,
    time: isoTime(clock.now()),
    datacontenttype: "application/json",
    data,
    extensions: { cause: causes.slice(0, maxCauses).join(","), hop },
  });
}

/** Of a batch there may be a thousand. */
const maxCauses = 32;

import { type Clock, isoTime } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { EmittedEvent } from "../events/triggers/trigger.ts";
import { maxCauses } from "../record/cloud-event.ts";
import { type BusDirectory, type BusHandle, publishEvent } from "./bus-directory.ts";
import type { OutcomeListeners } from "./outcome-listeners.ts";

/** Puts an event of a Sensor on a bus; resolves once it is kept. One id is kept once, within the time the bus remembers. */
export async function publishOwn(
  bus: BusHandle,
  namespace: string,
  { id, eventSource, event, type, data, causes, hop, trace }: EmittedEvent,
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
    extensions: { cause: causes.slice(0, maxCauses).join(","), hop, ...trace },
  });
}

interface OutcomeDeps {
  readonly listeners: OutcomeListeners;
  readonly directory: BusDirectory;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Puts an outcome on every bus of the namespace that a Sensor listens on. On `own`, that of whoever tells it, it must be
 * kept; another bus that is away must not hold up what happens here.
 */
export async function publishOutcome(
  event: EmittedEvent,
  { namespace, own }: { readonly namespace: string; readonly own: string },
  { listeners, directory, clock, log }: OutcomeDeps,
): Promise<void> {
  const handles = new Set<BusHandle>();
  for (const name of listeners.busesFor(namespace, event.event)) {
    try {
      handles.add(directory.busFor(namespace, name));
    } catch (error) {
      if (name === own) throw error;
      log.warn("an outcome could not be told on another bus", { bus: name, event: event.event, error });
    }
  }
  const ownHandle = handles.size > 0 ? directory.busFor(namespace, own) : undefined;
  for (const handle of handles) {
    try {
      await publishOwn(handle, namespace, event, clock);
    } catch (error) {
      if (handle === ownHandle) throw error;
      log.warn("an outcome could not be told on another bus", { bus: handle.name, event: event.event, error });
    }
  }
}

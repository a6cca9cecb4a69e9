import type { Instant } from "../base/clock.ts";
import { NotYetError } from "../base/errors.ts";
import type { EventBus, PublishAck, Sequence } from "../events/bus/bus.ts";
import type { EventReader } from "../events/sensor/reader.ts";
import { type CloudEvent, decodeEvent, encodeEvent } from "../record/cloud-event.ts";
import type { EventHead } from "../record/records.ts";
import type { Subject } from "../record/subject.ts";

/** A bus that runs, with its one reader. */
export interface BusHandle {
  /** `system`, or `<namespace>/<EventBus>`: goes into records and positions. */
  readonly name: string;
  readonly bus: EventBus;
  readonly reader: EventReader;
  /** The stream that holds the events. */
  readonly stream: string;
  subjectOf(namespace: string, eventSource: string, event: string): Subject;
  /** Where its events are read, if not here: a stream that forgets what was acknowledged is moved there. */
  readonly readFrom?: BusHandle;
  /** When it was opened, and where the stream that is read ended then; absent for one that was there from the start. */
  readonly opened?: { readonly at: Instant; readonly place: { readonly epoch: string; readonly after: Sequence } };
}

/** Which bus an EventSource or a Sensor uses. */
export interface BusDirectory {
  /** Every bus that has a connection, the system bus first. */
  list(): readonly BusHandle[];
  /** A bus by the name that records carry; undefined while it has no connection. */
  find(name: string): BusHandle | undefined;
  /**
   * The bus of that name in the namespace; the system bus where there is no EventBus resource (DESIGN section 4).
   * @throws NotYetError while the resource's bus has no connection yet.
   */
  busFor(namespace: string, eventBusName: string): BusHandle;
}

export interface MutableBusDirectory extends BusDirectory {
  /** A handle; or why there is none yet; or `undefined` when the resource is gone. */
  set(namespace: string, name: string, entry: BusHandle | { readonly pending: string } | undefined): void;
  /** Called with the namespace and name of each bus that changed. */
  onChange(listener: (namespace: string, name: string) => void): void;
}

/** How soon to look again for a bus that has no connection; a change is told at once anyway. */
const pendingRetryMs = 10_000;

export function createBusDirectory(system: BusHandle): MutableBusDirectory {
  const entries = new Map<string, BusHandle | { readonly pending: string }>();
  const listeners: ((namespace: string, name: string) => void)[] = [];
  return {
    list: () => [system, ...[...entries.values()].flatMap((entry) => ("pending" in entry ? [] : [entry]))],
    find(name) {
      const entry = name === system.name ? system : entries.get(name);
      return entry === undefined || "pending" in entry ? undefined : entry;
    },
    busFor(namespace, eventBusName) {
      const entry = entries.get(`${namespace}/${eventBusName}`);
      if (entry === undefined) return system;
      if ("pending" in entry) throw new NotYetError("BUS_UNAVAILABLE", entry.pending, pendingRetryMs);
      return entry;
    },
    set(namespace, name, entry) {
      const key = `${namespace}/${name}`;
      if (entry === undefined) entries.delete(key);
      else entries.set(key, entry);
      for (const listener of listeners) listener(namespace, name);
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

/** Tells handles of one name apart: a bus that was opened anew has another handle, and who used the old one must move. */
export function createHandleIds(): { of(handle: BusHandle): string } {
  const ids = new WeakMap<BusHandle, number>();
  let last = 0;
  return {
    of(handle) {
      const id = ids.get(handle) ?? ++last;
      ids.set(handle, id);
      return `${handle.name}#${id}`;
    },
  };
}

/** Resolves once it is kept. The message id holds the subject on our own stream: sources cannot swallow each other's events by using their ids. */
export async function publishEvent(
  { name, bus, subjectOf }: BusHandle,
  namespace: string,
  event: CloudEvent,
): Promise<PublishAck> {
  const subject = subjectOf(namespace, event.source, event.subject);
  const id = name === "system" ? `${subject} ${event.id}` : event.id;
  return bus.publish(subject, { id, data: encodeEvent(event) });
}

/** How long reading one event for a question may take. */
const questionMs = 5_000;

/** The event as its bus holds it; undefined when it was dropped since, or its bus is away. */
export async function readStoredEvent(directory: BusDirectory, head: EventHead): Promise<CloudEvent | undefined> {
  const handle = directory.find(head.bus);
  if (!handle) return undefined;
  const { epoch } = await handle.bus.end(handle.stream);
  const subjects = [handle.subjectOf(head.namespace, head.eventSource, head.event)];
  const query = { subjects, from: { epoch, after: head.sequence - 1 }, follow: false, maxBatch: 1 };
  for await (const { messages } of handle.bus.read(query, AbortSignal.timeout(questionMs))) {
    const [message] = messages;
    if (message) return message.sequence === head.sequence ? decodeEvent(message.data) : undefined;
  }
  return undefined;
}

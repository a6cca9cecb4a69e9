import type { BusHandle } from "../../src/controllers/bus-directory.ts";
import type { StatusDraft } from "../../src/controllers/status.ts";
import type { EventBus } from "../../src/events/bus/bus.ts";
import type { EventReader } from "../../src/events/sensor/reader.ts";
import type { WatchCache } from "../../src/kube/kube.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { eventSubject } from "../../src/record/subject.ts";
import { createMemoryBus } from "../harness/memory-bus.ts";

type Listener = Parameters<WatchCache["onChange"]>[0];

/** A watch cache that tests fill. */
export function createCache(synced: Promise<void> = Promise.resolve()) {
  const objects = new Map<string, KubeObject>();
  const listeners = new Set<Listener>();
  const cache: WatchCache = {
    run: async () => undefined,
    synced,
    failure: undefined,
    find: (namespace, name) => objects.get(`${namespace}/${name}`),
    items: () => objects.values(),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    cache,
    listeners,
    set(object: KubeObject) {
      const key = `${object.metadata.namespace}/${object.metadata.name}`;
      const previous = objects.get(key);
      objects.set(key, object);
      const before = previous === undefined ? {} : { previous };
      for (const listener of listeners) listener({ type: "set", object, ...before, isInitial: false });
    },
    delete(object: KubeObject) {
      objects.delete(`${object.metadata.namespace}/${object.metadata.name}`);
      for (const listener of listeners) listener({ type: "deleted", object, previous: object, isInitial: false });
    },
  };
}

/** Only its identity and name matter to controllers. */
export function createHandle(name: string, bus: EventBus = createMemoryBus()): BusHandle {
  const reader = {} as EventReader;
  return { name, bus, reader, stream: "events", subjectOf: eventSubject };
}

/** `type=status: message` of the conditions that were written last. */
export function conditionsText({ conditions }: StatusDraft): string[] {
  return conditions.map(({ type, status, message }) => `${type}=${status}${message ? `: ${message}` : ""}`);
}

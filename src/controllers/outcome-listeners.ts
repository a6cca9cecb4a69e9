import { listOf, objectOf, textOf } from "../api/fields.ts";
import type { JsonValue } from "../base/json.ts";
import type { WatchCache } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { builtInEventSource } from "../record/cloud-event.ts";

/** Which EventBuses the Sensors that depend on an event of the EventSource `tiphys` read. */
export interface OutcomeListeners {
  /** Names of EventBuses in `namespace`; empty: nobody listens. */
  busesFor(namespace: string, event: string): ReadonlySet<string>;
}

const nobody: ReadonlySet<string> = new Set();

/** Follows the Sensors of a cache, also those that other engines run. */
export function followOutcomeListeners(cache: Pick<WatchCache, "items" | "onChange">): OutcomeListeners {
  /** By Sensor: what it listens to. */
  const bySensor = new Map<string, { readonly bus: string; readonly events: readonly string[] }>();
  const byEvent = new Map<string, ReadonlySet<string>>();

  function apply(object: KubeObject, isDeleted: boolean): void {
    const { namespace = "", name = "" } = object.metadata;
    const key = `${namespace}/${name}`;
    const before = bySensor.get(key);
    const after = isDeleted ? undefined : heardBy(object);
    if (before === undefined && after === undefined) return;
    if (after) bySensor.set(key, after);
    else bySensor.delete(key);
    for (const event of new Set([...(before?.events ?? []), ...(after?.events ?? [])])) recount(namespace, event);
  }

  function recount(namespace: string, event: string): void {
    const buses = new Set<string>();
    for (const [key, { bus, events }] of bySensor) {
      if (key.startsWith(`${namespace}/`) && events.includes(event)) buses.add(bus);
    }
    if (buses.size > 0) byEvent.set(`${namespace}/${event}`, buses);
    else byEvent.delete(`${namespace}/${event}`);
  }

  for (const object of cache.items()) apply(object, false);
  cache.onChange(({ type, object }) => apply(object, type === "deleted"));
  return { busesFor: (namespace, event) => byEvent.get(`${namespace}/${event}`) ?? nobody };
}

function heardBy({ spec }: KubeObject): { readonly bus: string; readonly events: readonly string[] } | undefined {
  const { dependencies, eventBusName } = objectOf(spec as JsonValue);
  const events = listOf(dependencies)
    .map(objectOf)
    .filter(({ eventSourceName }) => eventSourceName === builtInEventSource)
    .map(({ eventName }) => textOf(eventName));
  return events.length > 0 ? { bus: textOf(eventBusName) || "default", events } : undefined;
}

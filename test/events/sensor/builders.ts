import type { Dependency, Filters, Sensor, Trigger } from "../../../src/api/resources.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { type CompiledSensor, compileSensor } from "../../../src/events/sensor/compile.ts";
import type { ReceivedEvent } from "../../../src/events/sensor/state.ts";
import type { CloudEvent } from "../../../src/record/cloud-event.ts";

/** A dependency named after its event, of the EventSource `source`. */
export function dependency(name: string, filters?: Filters, more: Partial<Dependency> = {}): Dependency {
  return { name, eventSourceName: "source", eventName: name, ...(filters ? { filters } : {}), ...more };
}

export function trigger(name: string, conditions?: string, template: JsonObject = {}): Trigger {
  return {
    template: { name, ...(conditions ? { conditions } : {}), raw: { name, ...template } },
    parameters: [],
    atLeastOnce: false,
  };
}

export function sensorOf(dependencies: readonly Dependency[], triggers: readonly Trigger[]): Sensor {
  const metadata = {
    name: "s",
    namespace: "ns",
    uid: "uid",
    generation: 1,
    createdAt: "",
    labels: {},
    annotations: {},
  };
  return { metadata, eventBusName: "default", template: {}, dependencies, triggers };
}

export function compiled(dependencies: readonly Dependency[], triggers: readonly Trigger[]): CompiledSensor {
  return compileSensor(sensorOf(dependencies, triggers));
}

export function cloudEvent(more: Partial<CloudEvent> = {}): CloudEvent {
  return {
    id: "e1",
    source: "source",
    type: "webhook",
    subject: "push",
    time: "2026-01-01T00:00:00.123Z",
    datacontenttype: "application/json",
    data: {},
    ...more,
  };
}

export function received(id: string, event: string, data: JsonValue = {}, storedAt = 0): ReceivedEvent {
  const { source, type, time } = cloudEvent();
  const head = { id, namespace: "ns", eventSource: source, event, type, time, bus: "system", sequence: 1, storedAt };
  return { event: cloudEvent({ id, subject: event, data }), head };
}

import { EngineError } from "../base/errors.ts";
import type { CompiledSensor } from "../events/sensor/compile.ts";
import { explain } from "../events/sensor/reducer.ts";
import type { History } from "../ledger/history.ts";
import { builtInEventSource, type CloudEvent } from "../record/cloud-event.ts";
import type { EventHead, LedgerRecord, ResourceName, SensorHead } from "../record/records.ts";

/** What one Sensor made of an event, and why. */
export interface SensorWhy {
  readonly sensor: ResourceName;
  /** Of the Sensor that an Application is. */
  readonly kind?: "Application";
  /** Its dependencies that listen to this event, judged again now. */
  readonly dependencies: readonly DependencyWhy[];
  /** What the ledger holds of this Sensor and event: decisions, and the effects that followed. */
  readonly records: readonly LedgerRecord[];
}

export interface DependencyWhy {
  readonly dependency: string;
  readonly verdict: "passed" | "rejected" | "error";
  /** Filter, path, value seen and value wanted. */
  readonly reason: string;
  /** Where the deciding filter stands: `filters.data[0]`. */
  readonly filter?: string;
}

export interface WhyAnswer {
  readonly event: EventHead;
  readonly sensors: readonly SensorWhy[];
  /** What limits the answer, e.g. that the bus has dropped the event. */
  readonly note?: string;
}

export interface WhyDeps {
  readonly history: History;
  /** The Sensors that run. */
  readonly sensors: () => readonly CompiledSensor[];
  /** The event as the bus holds it; undefined when it was dropped since. */
  readonly readEvent: (head: EventHead) => Promise<CloudEvent | undefined>;
}

export type Why = (event: string, sensor: ResourceName | undefined) => Promise<WhyAnswer>;

/**
 * Why an event fired a Sensor's triggers or did not. Firings and errors are read from the ledger; plain rejections are
 * only counted there, so the filters of the Sensors as they run now judge the event again (DESIGN section 4).
 */
export function createWhy({ history, sensors, readEvent }: WhyDeps): Why {
  return async (id, only) => {
    const head = await history.event(id);
    if (!head) throw new EngineError("NOT_FOUND", `no event "${id}" is known`);
    const followed = (await history.effects(id)).flatMap((entry) => (entry.kind === "record" ? [entry.record] : []));
    const event = await readEvent(head);
    const concerned = sensors().filter((compiled) => isConcerned(compiled, head) && isAsked(compiled.head, only));
    const answers = concerned.map((compiled): SensorWhy => {
      const { namespace, name, kind } = compiled.head;
      const dependencies = event ? explain(compiled, event) : [];
      const records = recordsOf(compiled.head, followed);
      return { sensor: { namespace, name }, ...(kind === undefined ? {} : { kind }), dependencies, records };
    });
    const notes = [event ? undefined : dropped, answers.length > 0 ? undefined : nobody(head, only)];
    const note = notes.filter((one) => one !== undefined).join("; ");
    return { event: head, sensors: answers, ...(note === "" ? {} : { note }) };
  };
}

function isConcerned({ head, dependenciesOf }: CompiledSensor, event: EventHead): boolean {
  const isHeard =
    head.kind === "Application"
      ? event.type.startsWith(`${builtInEventSource}.`) // of any namespace
      : head.namespace === event.namespace;
  return isHeard && dependenciesOf(event.eventSource, event.event).length > 0;
}

function isAsked({ namespace, name }: ResourceName, only: ResourceName | undefined): boolean {
  return only === undefined || (only.namespace === namespace && only.name === name);
}

/** An Application and a user's Sensor may have the same name. */
function recordsOf({ namespace, name, kind }: SensorHead, records: readonly LedgerRecord[]): LedgerRecord[] {
  return records.filter(
    (record) => "sensor" in record && record.sensor.kind === kind && isAsked(record.sensor, { namespace, name }),
  );
}

const dropped = "the bus does not hold the event any more: filters cannot be judged again";

function nobody({ namespace, eventSource, event }: EventHead, only: ResourceName | undefined): string {
  const listens = `listens to event "${event}" of EventSource "${eventSource}" in namespace "${namespace}"`;
  if (only === undefined) return `no Sensor ${listens}`;
  return `no running Sensor "${only.namespace}/${only.name}" ${listens}`;
}

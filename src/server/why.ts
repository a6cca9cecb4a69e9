import { EngineError } from "../base/errors.ts";
import type { CompiledSensor } from "../events/sensor/compile.ts";
import { createExplainer, type ExplainedDependency, type ExplainedTrigger } from "../events/sensor/explain.ts";
import type { PendingEffect } from "../events/sensor/pending-effects.ts";
import { emptyState, type ReceivedEvent } from "../events/sensor/state.ts";
import type { StateBefore } from "../events/trial/state-before.ts";
import type { History } from "../ledger/history.ts";
import { builtInEventSource, type CloudEvent } from "../record/cloud-event.ts";
import type { EventHead, LedgerRecord, ResourceName, SensorHead } from "../record/records.ts";

/** What one Sensor made of an event, and why. */
export interface SensorWhy {
  readonly sensor: ResourceName;
  /** Of the Sensor that an Application is. */
  readonly kind?: "Application";
  /** Its dependencies that listen to this event, judged again now, with each of their filters. */
  readonly dependencies: readonly ExplainedDependency[];
  /** The triggers that the event concerns: which events were there by then, and which were missing. */
  readonly triggers: readonly ExplainedTrigger[];
  /** What the ledger holds of this Sensor and event: decisions, and the effects that followed. */
  readonly records: readonly LedgerRecord[];
  /** What is decided and has no outcome yet; absent: nothing. */
  readonly pending?: readonly PendingEffect[];
  /** What limits this Sensor's part of the answer. */
  readonly note?: string;
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
  /** What a Sensor has not finished of an event; absent: it is not known. */
  readonly pending?: (sensor: ResourceName, event: string) => readonly PendingEffect[];
  /** The event as the bus holds it; undefined when it was dropped since. */
  readonly readEvent: (head: EventHead) => Promise<CloudEvent | undefined>;
  /** What waited in the Sensor's joins when the event came; absent, or undefined: it cannot be found out. */
  readonly stateBefore?: (compiled: CompiledSensor, head: EventHead) => Promise<StateBefore | undefined>;
}

export type Why = (event: string, sensor: ResourceName | undefined) => Promise<WhyAnswer>;

/**
 * Why an event fired a Sensor's triggers or did not. Firings and errors are read from the ledger; plain rejections are
 * only counted there, so the filters of the Sensors as they run now judge the event again (DESIGN section 4).
 */
export function createWhy(deps: WhyDeps): Why {
  const { history, sensors, readEvent } = deps;
  return async (id, only) => {
    const head = await history.event(id);
    if (!head) throw new EngineError("NOT_FOUND", `no event "${id}" is known`);
    const followed = (await history.effects(id)).flatMap((entry) => (entry.kind === "record" ? [entry.record] : []));
    const event = await readEvent(head);
    const concerned = sensors().filter((compiled) => isConcerned(compiled, head) && isAsked(compiled.head, only));
    const answers: SensorWhy[] = [];
    for (const compiled of concerned) answers.push(await sensorWhy(compiled, { head, event }, followed, deps));
    const notes = [event ? undefined : dropped, answers.length > 0 ? undefined : nobody(head, only, sensors())];
    const note = notes.filter((one) => one !== undefined).join("; ");
    return { event: head, sensors: answers, ...(note === "" ? {} : { note }) };
  };
}

/** `event` is absent where the bus has dropped it. */
async function sensorWhy(
  compiled: CompiledSensor,
  { head, event }: { readonly head: EventHead; readonly event: CloudEvent | undefined },
  followed: readonly LedgerRecord[],
  { stateBefore, pending }: WhyDeps,
): Promise<SensorWhy> {
  const { namespace, name, kind } = compiled.head;
  const explained = event ? await explainOne(compiled, { event, head }, stateBefore) : nothingExplained;
  const records = recordsOf(compiled.head, followed);
  const open = kind === undefined ? (pending?.({ namespace, name }, head.id) ?? []) : [];
  return {
    sensor: { namespace, name },
    ...(kind === undefined ? {} : { kind }),
    ...explained,
    records,
    ...(open.length > 0 && { pending: open }),
  };
}

type Explained = Pick<SensorWhy, "dependencies" | "triggers" | "note">;

const nothingExplained: Explained = { dependencies: [], triggers: [] };

/** An Application's requests are merged and found again by listing: what waited there is no question of events. */
async function explainOne(
  compiled: CompiledSensor,
  received: ReceivedEvent,
  stateBefore: WhyDeps["stateBefore"],
): Promise<Explained> {
  const joins = compiled.triggers.some((trigger) => trigger.joins) && compiled.head.kind === undefined;
  const before = joins ? await stateBefore?.(compiled, received.head) : undefined;
  const explained = createExplainer(compiled).explain(received, before?.state ?? emptyState);
  if (!joins || before?.isWhole) return explained;
  const note = before
    ? "the bus was not read back to its beginning: events that waited for long may be missing here"
    : "what had waited in its joins by then cannot be found out";
  return { ...explained, note };
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

const maxHeard = 10;

/** With what is listened to there: a name that is written otherwise shows. */
function nobody(event: EventHead, only: ResourceName | undefined, sensors: readonly CompiledSensor[]): string {
  const place = `event "${event.event}" of EventSource "${event.eventSource}" in namespace "${event.namespace}"`;
  const own = sensors.filter(({ head }) => head.kind === undefined);
  if (only === undefined) {
    const there = own.filter(({ head }) => head.namespace === event.namespace);
    const what =
      there.length === 0 ? `none runs there: ${listOf(event)}` : `what is listened to there: ${heardBy(there)}`;
    return `no Sensor listens to ${place}; ${what}`;
  }
  const asked = own.filter(({ head }) => isAsked(head, only));
  const name = `Sensor "${only.namespace}/${only.name}"`;
  if (asked.length === 0) return `${name} does not run: ${listOf(only)}`;
  return `${name} does not listen to ${place}, but to: ${heardBy(asked)}`;
}

function listOf({ namespace }: Pick<ResourceName, "namespace">): string {
  return `see \`kubectl get sensors -n ${namespace}\``;
}

function heardBy(sensors: readonly CompiledSensor[]): string {
  const heard = [...new Set(sensors.flatMap(({ sensor }) => sensor.dependencies.map(nameOf)))].toSorted();
  const more = heard.length > maxHeard ? ` and ${heard.length - maxHeard} more` : "";
  return `${heard.slice(0, maxHeard).join(", ")}${more}`;
}

function nameOf({ eventSourceName, eventName }: CompiledSensor["sensor"]["dependencies"][number]): string {
  return `${eventSourceName}/${eventName}`;
}

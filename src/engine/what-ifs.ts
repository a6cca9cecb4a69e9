import { parseSensor } from "../api/sensor.ts";
import { type Instant, isoTime } from "../base/clock.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { silentLogger } from "../base/log.ts";
import { type BusHandle, readStoredEvent } from "../controllers/bus-directory.ts";
import { createSecretReader } from "../controllers/secret-reader.ts";
import { type CompiledSensor, compileSensor } from "../events/sensor/compile.ts";
import { emptyState, type ReceivedEvent } from "../events/sensor/state.ts";
import { stateBefore } from "../events/trial/state-before.ts";
import { type WhatIfSensor, whatIf } from "../events/trial/what-if.ts";
import { dryRunOnly } from "../kube/dry-run-client.ts";
import type { CloudEvent } from "../record/cloud-event.ts";
import type { WhatIf, WhatIfAsk } from "../server/what-if-routes.ts";
import { type Parts, serviceAccountUser } from "./parts.ts";
import { type TriggerTargets, triggerContext } from "./sensors.ts";

/** How long looking back for what a Sensor's joins hold may take. */
const stateMs = 5_000;

/** What would happen if an event came, by the Sensors that run here or one that the caller brings. Changes nothing. */
export function createWhatIf(
  parts: Parts,
  sensors: () => readonly CompiledSensor[],
  targets: () => TriggerTargets | undefined,
): WhatIf {
  return async (ask, signal) => {
    const reach = targets();
    if (!reach) throw new EngineError("ENGINE_UNREACHABLE", "the engine is starting: its Sensors do not act yet");
    const now = parts.clock.now();
    const candidate = ask.sensor && compileCandidate(ask.sensor, sensors(), parts);
    const { namespace, events } = await eventsOf(ask, candidate?.head.namespace, parts, now);
    const concerned = candidate ? [candidate] : sensors().filter((one) => isConcerned(one, namespace, events));
    const answers: WhatIfSensor[] = [];
    for (const compiled of concerned) answers.push(await answerOf(compiled, events, { parts, reach, now, signal }));
    const shown = events.map(({ head: { id, eventSource, event } }) => ({ id, eventSource, event }));
    return { events: shown, namespace, sensors: answers };
  };
}

/** One that has the name of a Sensor that runs has its uid, too: keys are those that it would have. @throws InvalidManifest */
function compileCandidate(manifest: JsonObject, running: readonly CompiledSensor[], { kinds }: Parts): CompiledSensor {
  const { resource } = parseSensor(manifest, kinds.schemas.triggers);
  const { namespace, name } = resource.metadata;
  const known = running.find(
    ({ head }) => head.namespace === namespace && head.name === name && head.kind === undefined,
  );
  return compileSensor(known ? { ...resource, metadata: { ...resource.metadata, uid: known.head.uid } } : resource);
}

function isConcerned({ head, inputs }: CompiledSensor, namespace: string, events: readonly ReceivedEvent[]): boolean {
  if (head.kind !== undefined || head.namespace !== namespace) return false;
  return inputs.some((input) =>
    events.some((received) => received.head.eventSource === input.eventSource && received.head.event === input.event),
  );
}

async function eventsOf(
  { id, events = [], namespace }: WhatIfAsk,
  candidate: string | undefined,
  { projection, directory }: Parts,
  now: Instant,
): Promise<{ readonly namespace: string; readonly events: readonly ReceivedEvent[] }> {
  if (id === undefined) {
    const place = namespace ?? candidate ?? "default";
    return { namespace: place, events: events.map((event, index) => received(event, place, index, now)) };
  }
  const head = await projection.history.event(id);
  if (!head) throw new EngineError("NOT_FOUND", `no event "${id}" is known, and there is no such file`);
  const event = await readStoredEvent(directory, head);
  if (!event) throw new EngineError("NOT_FOUND", `the bus has dropped event "${id}"`);
  return { namespace: head.namespace, events: [{ event, head }] };
}

function received(event: CloudEvent, namespace: string, index: number, now: Instant): ReceivedEvent {
  const { id, source: eventSource, subject, type, time } = event;
  const head = { id, namespace, eventSource, event: subject, type, time: time || isoTime(now) };
  return { event, head: { ...head, bus: "what-if", sequence: index + 1, storedAt: now } };
}

interface Asked {
  readonly parts: Parts;
  readonly reach: TriggerTargets;
  readonly now: Instant;
  readonly signal: AbortSignal;
}

async function answerOf(
  compiled: CompiledSensor,
  events: readonly ReceivedEvent[],
  { parts, reach, now, signal }: Asked,
): Promise<WhatIfSensor> {
  const { namespace } = compiled.head;
  const kube = dryRunOnly(parts.kube.as(serviceAccountUser(namespace, compiled.sensor.template)));
  const own = { kube, secret: createSecretReader(kube, namespace), log: silentLogger };
  const { emit: _, ...context } = triggerContext(parts, compiled, reach, own);
  const { state, note } = await stateNow(compiled, events, parts, now);
  const answer = await whatIf(compiled, { events, state, now }, { kinds: parts.kinds.triggers, context }, signal);
  const notes = [answer.note, note].filter((one) => one !== undefined);
  return notes.length === 0 ? answer : { ...answer, note: notes.join("; ") };
}

/** What its joins hold: before a stored event, or by now. */
async function stateNow(
  compiled: CompiledSensor,
  [first]: readonly ReceivedEvent[],
  { directory }: Parts,
  now: Instant,
) {
  const joins = compiled.triggers.some((trigger) => trigger.joins || trigger.timing !== undefined);
  if (!joins || !first) return { state: emptyState };
  try {
    const own = directory.busFor(compiled.head.namespace, compiled.sensor.eventBusName);
    const handle: BusHandle = own.readFrom ?? own;
    const { after } = await handle.bus.end(handle.stream);
    const stored = directory.find(first.head.bus);
    const head = stored ? first.head : { ...first.head, bus: handle.name, sequence: after + 1, storedAt: now };
    const { state, isWhole } = await stateBefore(compiled, handle, head, AbortSignal.timeout(stateMs));
    return isWhole ? { state } : { state, note: "events from longer ago may wait in its joins, too" };
  } catch (error) {
    return { state: emptyState, note: `what waits in its joins is not known: ${messageOf(error)}` };
  }
}

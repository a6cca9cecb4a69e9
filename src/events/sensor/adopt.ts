import type { CompiledSensor, CompiledTrigger } from "./compile.ts";
import { fire, newKey } from "./firing.ts";
import { hold } from "./pacing.ts";
import type { Decision, HeldItem, ReceivedEvent, Reduction, SavedEvents, SensorState } from "./state.ts";
import { laneOf, timedOf, withTimed } from "./timed.ts";
import type { TriggerTiming } from "./timing.ts";
import { join, storedAtOf } from "./waiting.ts";

/** What a Sensor left behind, as stored, maybe by an earlier revision of it or by an older program. */
export interface StoredEvents {
  /** Of triggers without keys or times. */
  readonly joins: SensorState["joins"];
  readonly waiting: readonly StoredWaiting[];
  readonly held: readonly StoredHeld[];
}

export interface StoredWaiting {
  readonly trigger: string;
  readonly dependency: string;
  readonly received: ReceivedEvent;
}

export interface StoredHeld {
  readonly trigger: string;
  readonly item: HeldItem;
}

/**
 * The state that the Sensor goes on with: every event is put where the Sensor as it is now would have put it, so that an
 * edit of a key or a time counts for what waits, too. What has no place any more is let go with a decision; what was held
 * back and is not any longer fires. Pure; does not throw.
 */
export function adopt(sensor: CompiledSensor, stored: StoredEvents): Reduction {
  const decisions: Decision[] = [];
  const triggers = new Map(sensor.triggers.map((trigger) => [trigger.name, trigger]));
  let state: SensorState = { joins: {} };
  for (const { trigger, dependency, received } of inOrderOfTime(stored)) {
    state = saveAgain(
      sensor,
      state,
      { trigger: triggers.get(trigger), name: trigger, dependency, received },
      decisions,
    );
  }
  for (const { trigger: name, item } of stored.held.toSorted((a, b) => timeOf(a.item) - timeOf(b.item))) {
    const trigger = triggers.get(name);
    if (!trigger) decisions.push(expired(name, item.events, "the trigger is gone"));
    else state = holdAgain(sensor, state, { trigger, item }, decisions);
  }
  return { state, decisions };
}

function inOrderOfTime({ joins, waiting }: StoredEvents): StoredWaiting[] {
  const plain = Object.entries(joins).flatMap(([trigger, events]) =>
    Object.entries(events).map(([dependency, received]) => ({ trigger, dependency, received })),
  );
  return [...plain, ...waiting].sort(
    (a, b) => storedAtOf(a.received) - storedAtOf(b.received) || a.received.head.sequence - b.received.head.sequence,
  );
}

interface Saved {
  readonly trigger: CompiledTrigger | undefined;
  readonly name: string;
  readonly dependency: string;
  readonly received: ReceivedEvent;
}

function saveAgain(sensor: CompiledSensor, state: SensorState, saved: Saved, decisions: Decision[]): SensorState {
  const { trigger, name, dependency, received } = saved;
  const events = { [dependency]: received };
  if (!trigger?.joins || !trigger.dependencies.has(dependency)) {
    decisions.push(expired(name, events, `nothing waits for dependency ${dependency} any more`));
    return state;
  }
  const { eventSource, event } = received.head;
  if (!sensor.dependenciesOf(eventSource, event).some((one) => one.name === dependency)) {
    decisions.push(expired(name, events, `dependency ${dependency} listens to another event now`));
    return state;
  }
  if (!trigger.timing) {
    const waiting = Object.hasOwn(state.joins, name) ? state.joins[name] : undefined;
    return { ...state, joins: { ...state.joins, [name]: { ...waiting, ...events } } };
  }
  return joinAgain(sensor, state, { ...saved, trigger, timing: trigger.timing }, decisions);
}

interface SavedTimed extends Saved {
  readonly trigger: CompiledTrigger;
  readonly timing: TriggerTiming;
}

function joinAgain(sensor: CompiledSensor, state: SensorState, saved: SavedTimed, decisions: Decision[]): SensorState {
  const { trigger, timing, name, dependency, received } = saved;
  const found = timing.correlate?.get(dependency)?.(received.event) ?? { key: "" };
  if ("error" in found) {
    decisions.push(expired(name, { [dependency]: received }, found.error));
    return state;
  }
  const timed = timedOf(state.timed, name);
  const joined = join(timed.waiting, { trigger, timing, key: found.key, dependency, received });
  if (joined.expired) decisions.push(joined.expired);
  const next = withState(state, name, { ...timed, waiting: joined.waiting });
  return joined.met ? holdAgain(sensor, next, { trigger, item: { events: joined.met } }, decisions) : next;
}

/** Under the key that counts now; at once where nothing holds it back. */
function holdAgain(
  sensor: CompiledSensor,
  state: SensorState,
  { trigger, item }: { readonly trigger: CompiledTrigger; readonly item: HeldItem },
  decisions: Decision[],
): SensorState {
  const { timing, name } = trigger;
  const pace = timing?.pace;
  const [dependency = "", received] = Object.entries(item.events).at(-1) ?? [];
  const own = pace ? pace.keyOf : timing?.ordering?.keyOf;
  const keyOf = trigger.joins ? timing?.correlate?.get(dependency) : own;
  const found = received && keyOf ? keyOf(received.event) : { key: "" };
  if ("error" in found) {
    decisions.push(expired(name, item.events, found.error));
    return state;
  }
  if (!pace) {
    const fired = fire(name, item.events, true, newKey(sensor, trigger, item.events, new Set()));
    decisions.push(timing?.ordering ? { ...fired, lane: laneOf(trigger, found.key) } : fired);
    return state;
  }
  const held = hold(timedOf(state.timed, name), found.key, { item, at: timeOf(item) }, { sensor, trigger, pace });
  decisions.push(...held.fired);
  return withState(state, name, held.state);
}

function withState(state: SensorState, name: string, own: ReturnType<typeof timedOf>): SensorState {
  const timed = withTimed(state.timed, name, own);
  return timed === undefined ? { joins: state.joins } : { joins: state.joins, timed };
}

/** When the last of its events was stored: then it met the conditions. */
function timeOf({ events }: HeldItem): number {
  return Math.max(0, ...Object.values(events).map(storedAtOf));
}

function expired(trigger: string, events: SavedEvents, message: string): Decision {
  const at = Math.max(0, ...Object.values(events).map(storedAtOf));
  return { kind: "expired", trigger, reason: "edit", message: `the Sensor was edited: ${message}`, events, at };
}

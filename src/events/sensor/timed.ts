import { emptyDueMap, firstDue } from "../../base/due-map.ts";
import type { CompiledSensor, CompiledTrigger } from "./compile.ts";
import type { KeyOf } from "./event-key.ts";
import { fire, newKey } from "./firing.ts";
import { hold, release } from "./pacing.ts";
import type { Decision, ReceivedEvent, SavedEvents, SensorState, TimedState } from "./state.ts";
import type { TriggerTiming } from "./timing.ts";
import { expire, join, storedAtOf } from "./waiting.ts";

type Timed = SensorState["timed"];

export const emptyTimed: TimedState = { waiting: emptyDueMap, held: emptyDueMap, heldItems: 0 };

interface At {
  readonly sensor: CompiledSensor;
  readonly trigger: CompiledTrigger;
  readonly timing: TriggerTiming;
}

/** An event as one dependency takes it. */
export interface Taken {
  readonly dependency: string;
  readonly received: ReceivedEvent;
}

/** An event arrives at a trigger with keys or times of its own, for these dependencies; adds to `decisions`. */
export function arrive(timed: Timed, taken: readonly Taken[], at: At, decisions: Decision[]): Timed {
  const keys = new Set<string>();
  let left = timed;
  for (const one of taken) left = arriveOne(left, { ...at, ...one, keys }, decisions);
  return left;
}

interface Arrival extends At, Taken {
  /** Keys of effects that this event has fired of this trigger. */
  readonly keys: Set<string>;
}

function arriveOne(timed: Timed, arrival: Arrival, decisions: Decision[]): Timed {
  const { trigger, timing, dependency, received } = arrival;
  const state = timedOf(timed, trigger.name);
  const group = keyIn(trigger.joins ? timing.correlate?.get(dependency) : timing.pace?.keyOf, arrival);
  const lane = keyIn(timing.ordering?.keyOf, arrival);
  const error = "error" in group ? group.error : "error" in lane ? lane.error : undefined;
  if (error !== undefined || "error" in group || "error" in lane) {
    decisions.push({ kind: "error", dependency, trigger: trigger.name, message: error ?? "", event: received });
    return timed;
  }
  const joined = trigger.joins
    ? join(state.waiting, { trigger, timing, key: group.key, dependency, received })
    : { waiting: state.waiting, met: { [dependency]: received }, joined: false };
  if (joined.expired) decisions.push(joined.expired);
  const waiting = joined.waiting === state.waiting ? state : { ...state, waiting: joined.waiting };
  if (!joined.met) return withTimed(timed, trigger.name, waiting);
  const met = { events: joined.met, joined: joined.joined, key: group.key, lane: lane.key };
  return withTimed(timed, trigger.name, goOn(waiting, met, arrival, decisions));
}

interface Met {
  readonly events: SavedEvents;
  readonly joined: boolean;
  /** Of the join or the pace. */
  readonly key: string;
  /** Of the ordering. */
  readonly lane: string;
}

/** The conditions are met: it fires, or is held back. */
function goOn(state: TimedState, met: Met, arrival: Arrival, decisions: Decision[]): TimedState {
  const { sensor, trigger, timing, keys, received } = arrival;
  const { pace, ordering } = timing;
  if (!pace) {
    const fired = fire(trigger.name, met.events, met.joined, newKey(sensor, trigger, met.events, keys));
    const lane = laneOf(trigger, ordering?.keyOf ? met.lane : met.key);
    decisions.push(ordering ? { ...fired, lane } : fired);
    return state;
  }
  const held = hold(
    state,
    met.key,
    { item: { events: met.events }, at: storedAtOf(received) },
    { sensor, trigger, pace },
  );
  for (const fired of held.fired) decisions.push(inLane(fired, trigger, timing, met.key));
  return held.state;
}

export function laneOf({ name }: CompiledTrigger, key: string): string {
  return `${name}/${key}`;
}

function inLane(fired: Decision, trigger: CompiledTrigger, { ordering }: TriggerTiming, key: string): Decision {
  return ordering && fired.kind === "fire" ? { ...fired, lane: laneOf(trigger, key) } : fired;
}

const noKey = { key: "" };

function keyIn(keyOf: KeyOf | undefined, { received }: Arrival): ReturnType<KeyOf> {
  return keyOf ? keyOf(received.event) : noKey;
}

/** The earliest instant at which something happens by itself. */
export function firstDueOf(sensor: CompiledSensor, timed: Timed): number | undefined {
  return earliest(sensor, timed)?.due;
}

interface Due {
  readonly trigger: CompiledTrigger;
  readonly timing: TriggerTiming;
  readonly state: TimedState;
  readonly due: number;
}

/** Of triggers with the same instant the first in the spec's order. */
function earliest(sensor: CompiledSensor, timed: Timed): Due | undefined {
  if (timed === undefined) return undefined;
  let first: Due | undefined;
  for (const trigger of sensor.triggers) {
    const { timing, name } = trigger;
    if (!timing || !Object.hasOwn(timed, name)) continue;
    const state = timedOf(timed, name);
    for (const due of [state.waiting.due, state.held.due]) {
      if (due !== undefined && (first === undefined || due < first.due)) first = { trigger, timing, state, due };
    }
  }
  return first;
}

/** What is due by `until`, in the order of the instants; `most`: at how many decisions it stops. */
export function runDue(
  sensor: CompiledSensor,
  timed: Timed,
  { until, most = Number.POSITIVE_INFINITY }: { readonly until: number; readonly most?: number },
  decisions: Decision[],
): Timed {
  let left = timed;
  for (let due = earliest(sensor, left); due && due.due <= until; due = earliest(sensor, left)) {
    if (decisions.length >= most) break;
    left = withTimed(left, due.trigger.name, stepDue(sensor, due, decisions));
  }
  return left;
}

/** One key of one trigger. Events that wait go before firings of the same instant. */
function stepDue(sensor: CompiledSensor, { trigger, timing, state, due }: Due, decisions: Decision[]): TimedState {
  const { pace } = timing;
  const waiting = state.waiting.due === due ? firstDue(state.waiting) : undefined;
  if (waiting) {
    const expired = expire(state.waiting, waiting, { trigger, timing });
    decisions.push(...expired.decisions);
    return { ...state, waiting: expired.waiting };
  }
  const group = firstDue(state.held);
  if (!group || !pace) return { ...state, held: emptyDueMap, heldItems: 0 }; // cannot be: without a pace nothing is held
  const released = release(state, group, { sensor, trigger, pace });
  for (const fired of released.fired) decisions.push(inLane(fired, trigger, timing, group.key));
  return released.state;
}

export function timedOf(timed: Timed, trigger: string): TimedState {
  return (timed && Object.hasOwn(timed, trigger) ? timed[trigger] : undefined) ?? emptyTimed;
}

/** Triggers where nothing waits are left out. */
export function withTimed(timed: Timed, trigger: string, state: TimedState): Timed {
  if (state === timedOf(timed, trigger)) return timed;
  if (state.waiting.size > 0 || state.held.size > 0) return { ...timed, [trigger]: state };
  const left = Object.entries(timed ?? {}).filter(([name]) => name !== trigger);
  return left.length === 0 ? undefined : Object.fromEntries(left);
}

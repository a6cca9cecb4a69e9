import { type Instant, instant } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { CompiledDependency, CompiledSensor, CompiledTrigger } from "./compile.ts";
import { type FilterOutcome, failed } from "./filters/outcome.ts";
import { fire, inOrder, newKey } from "./firing.ts";
import type { Decision, ReceivedEvent, Reduction, SavedEvents, SensorState } from "./state.ts";
import { arrive, firstDueOf, runDue, type Taken } from "./timed.ts";
import { storedAtOf } from "./waiting.ts";

export interface DependencyVerdict {
  readonly dependency: string;
  readonly verdict: "passed" | "rejected" | "error";
  /** Filter, path, value seen (cut at 256 bytes) and value wanted. */
  readonly reason: string;
  /** Where the deciding filter stands, e.g. `filters.data[0]`. */
  readonly filter?: string;
}

/**
 * What the Sensor does about one event. Pure and total: the same input gives the same output; it never throws.
 * Joins are newest-wins per dependency and cleared as a whole when the trigger fires (spec argo-events 4.1.6). Two
 * dependencies of a trigger without joins that take the same event fire it twice.
 *
 * What is due when the event was stored comes first: time goes by `storedAt`, so that a Sensor that reads late, or again
 * after a crash, decides the same. `now` decides nothing.
 */
export function reduce(sensor: CompiledSensor, state: SensorState, received: ReceivedEvent, _now: Instant): Reduction {
  const route = sensor.routeOf(received.head.eventSource, received.head.event);
  if (!route) return { state, decisions: [] };
  const decisions: Decision[] = [];
  let timed = state.timed && runDue(sensor, state.timed, { until: storedAtOf(received) }, decisions);
  const taken = route.dependencies.map((dependency): ReceivedEvent | undefined => {
    const event = prepare(dependency, received);
    const outcome = outcomeOf(dependency, event);
    if (outcome.verdict === "passed" && typeof event !== "string") return event;
    decisions.push(noDecision(dependency.name, outcome, received));
    return undefined;
  });
  let joins = state.joins;
  for (const { trigger, fedBy } of route.triggers) {
    if (trigger.timing) {
      const arriving = takenBy(route.dependencies, fedBy, taken);
      timed = arrive(timed, arriving, { sensor, trigger, timing: trigger.timing }, decisions);
      continue;
    }
    const isSaved = savedOf(state.joins, trigger.name) !== undefined;
    const keys = keysFor(fedBy);
    for (const position of fedBy) {
      const dependency = route.dependencies[position];
      const event = taken[position];
      if (!dependency || !event) continue;
      const step = advance(trigger, joins, dependency.name, event);
      joins = step.joins;
      if (step.events)
        decisions.push(fire(trigger.name, step.events, isSaved, newKey(sensor, trigger, step.events, keys)));
    }
  }
  return { state: stateOf(state, joins, timed), decisions };
}

/** Of the firings of one trigger in one step; one alone has no other to be told from. */
function keysFor(fedBy: readonly number[]): Set<string> | undefined {
  return fedBy.length > 1 ? new Set() : undefined;
}

function takenBy(
  dependencies: readonly CompiledDependency[],
  fedBy: readonly number[],
  taken: readonly (ReceivedEvent | undefined)[],
): readonly Taken[] {
  return fedBy.flatMap((position) => {
    const [dependency, received] = [dependencies[position]?.name, taken[position]];
    return dependency !== undefined && received ? [{ dependency, received }] : [];
  });
}

/** The same object when unchanged. */
function stateOf(state: SensorState, joins: SensorState["joins"], timed: SensorState["timed"]): SensorState {
  if (timed === state.timed && (joins === state.joins || isSame(joins, state.joins))) return state;
  return timed === undefined ? { joins } : { joins, timed };
}

/**
 * What time alone brings about by `now`: events that waited too long, debounced firings, batches. Pure and total, as
 * `reduce`. Called late it gives what calls at each instant would have given. Events stored before `now` must have been
 * reduced. With `most` it stops at so many decisions: `nextTickAt` then is still in the past.
 */
export function tick(sensor: CompiledSensor, state: SensorState, now: Instant, most?: number): Reduction {
  if (!state.timed) return { state, decisions: [] };
  const decisions: Decision[] = [];
  const timed = runDue(sensor, state.timed, most === undefined ? { until: now } : { until: now, most }, decisions);
  return { state: stateOf(state, state.joins, timed), decisions };
}

/** When `tick` has something to do; undefined: not before another event. */
export function nextTickAt(sensor: CompiledSensor, state: SensorState): Instant | undefined {
  const due = firstDueOf(sensor, state.timed);
  return due === undefined ? undefined : instant(due);
}

/** One event of one dependency arrives at a trigger: `events` when it fires. */
function advance(
  trigger: CompiledTrigger,
  joins: SensorState["joins"],
  dependency: string,
  received: ReceivedEvent,
): { readonly joins: SensorState["joins"]; readonly events?: SavedEvents } {
  if (!trigger.joins) return { joins, events: { [dependency]: received } };
  const saved = savedOf(joins, trigger.name);
  const events = inOrder(trigger, { ...saved, [dependency]: received });
  if (!trigger.isMet(new Set(Object.keys(events)))) return { joins: { ...joins, [trigger.name]: events } };
  return { joins: saved ? without(joins, trigger.name) : joins, events };
}

/** Why each dependency that listens to this event takes it or not. Pure and total. */
export function explain(sensor: CompiledSensor, event: CloudEvent): readonly DependencyVerdict[] {
  return sensor.dependenciesOf(event.source, event.subject).map((dependency) => {
    const { verdict, reason, filter } = outcomeOf(dependency, prepare(dependency, { event }));
    return { dependency: dependency.name, verdict, reason, ...(filter ? { filter } : {}) };
  });
}

/** As filters and triggers see it, or why it cannot be given to them. Pure and total. */
export function prepare<Received extends Pick<ReceivedEvent, "event">>(
  { transform }: CompiledDependency,
  received: Received,
): Received | string {
  if (!transform) return received;
  try {
    const event = transform(received.event);
    return event === received.event ? received : { ...received, event };
  } catch (error) {
    return messageOf(error);
  }
}

/** Filters do not throw; were one to, the event is an error and the Sensor goes on. */
function outcomeOf(dependency: CompiledDependency, given: Pick<ReceivedEvent, "event"> | string): FilterOutcome {
  if (typeof given === "string") return failed("transform", () => given);
  try {
    return dependency.filter(given.event);
  } catch (error) {
    return failed("filters", () => `filters: ${messageOf(error)}`);
  }
}

function noDecision(dependency: string, outcome: FilterOutcome, event: ReceivedEvent): Decision {
  if (outcome.verdict === "error") return { kind: "error", dependency, message: outcome.reason, event };
  return new Rejection(dependency, outcome);
}

class Rejection {
  readonly kind = "rejected";
  readonly dependency: string;
  readonly #outcome: FilterOutcome;
  constructor(dependency: string, outcome: FilterOutcome) {
    this.dependency = dependency;
    this.#outcome = outcome;
  }
  get reason(): string {
    return this.#outcome.reason;
  }
}

function savedOf(joins: SensorState["joins"], trigger: string): SavedEvents | undefined {
  return Object.hasOwn(joins, trigger) ? joins[trigger] : undefined;
}

function without(joins: SensorState["joins"], trigger: string): SensorState["joins"] {
  return Object.fromEntries(Object.entries(joins).filter(([name]) => name !== trigger));
}

/** An event may be saved and cleared in one step, when it feeds two dependencies. */
function isSame(a: SensorState["joins"], b: SensorState["joins"]): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === savedOf(b, name));
}

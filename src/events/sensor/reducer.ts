import type { Instant } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { EventHead } from "../../record/records.ts";
import type { CompiledDependency, CompiledSensor, CompiledTrigger } from "./compile.ts";
import { type FilterOutcome, failed } from "./filters/outcome.ts";

export interface ReceivedEvent {
  readonly event: CloudEvent;
  readonly head: EventHead;
}

/** Plain JSON, kept in the state log. */
export interface SensorState {
  /** Trigger → dependency → the newest event that waits for the rest of the trigger's conditions. */
  readonly joins: Readonly<Record<string, SavedEvents>>;
}

type SavedEvents = Readonly<Record<string, ReceivedEvent>>;

export const emptyState: SensorState = { joins: {} };

export type Decision =
  | {
      /** The trigger's conditions are met. */
      readonly kind: "fire";
      readonly trigger: string;
      /**
       * `<sensor uid>/<trigger>/<sorted event ids>`. An event that fires the trigger again in the same step, by way of
       * other dependencies, has its id in there once more, so that no two firings share a key.
       */
      readonly key: string;
      /** By dependency name, in the order of the conditions. */
      readonly events: Readonly<Record<string, ReceivedEvent>>;
      /** Whether events saved earlier took part or were cleared: the firing must enter the outbox with the new state. */
      readonly joined: boolean;
    }
  | {
      /** Neither yes nor no: a filter could not be evaluated. */
      readonly kind: "error";
      readonly dependency: string;
      readonly trigger?: string;
      readonly message: string;
      readonly event: ReceivedEvent;
    }
  | {
      /** A filter says no. `reason` is built when read. */
      readonly kind: "rejected";
      readonly dependency: string;
      readonly reason: string;
    };

export interface Reduction {
  /** The same object when unchanged. */
  readonly state: SensorState;
  /** Errors and rejections of dependencies in the spec's order, then firings in the order of the triggers. */
  readonly decisions: readonly Decision[];
}

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
 */
export function reduce(sensor: CompiledSensor, state: SensorState, received: ReceivedEvent, _now: Instant): Reduction {
  const route = sensor.routeOf(received.head.eventSource, received.head.event);
  if (!route) return { state, decisions: [] };
  const decisions: Decision[] = [];
  const taken = route.dependencies.map((dependency): ReceivedEvent | undefined => {
    const event = prepare(dependency, received);
    const outcome = outcomeOf(dependency, event);
    if (outcome.verdict === "passed" && typeof event !== "string") return event;
    decisions.push(noDecision(dependency.name, outcome, received));
    return undefined;
  });
  let joins = state.joins;
  for (const { trigger, fedBy } of route.triggers) {
    const isSaved = savedOf(state.joins, trigger.name) !== undefined;
    const keys = new Set<string>();
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
  return { state: joins === state.joins || isSame(joins, state.joins) ? state : { joins }, decisions };
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

function fire(trigger: string, events: SavedEvents, joined: boolean, key: string): Decision {
  return { kind: "fire", trigger, key, events, joined };
}

/** A key that is not in `keys` yet, and adds it. */
function newKey(sensor: CompiledSensor, trigger: CompiledTrigger, events: SavedEvents, keys: Set<string>): string {
  const ids = Object.values(events).map((received) => received.event.id);
  const repeated = ids.at(-1) ?? "";
  for (;;) {
    const key = `${sensor.head.uid}/${trigger.name}/${ids.sort().join(",")}`;
    if (!keys.has(key)) {
      keys.add(key);
      return key;
    }
    ids.push(repeated);
  }
}

function savedOf(joins: SensorState["joins"], trigger: string): SavedEvents | undefined {
  return Object.hasOwn(joins, trigger) ? joins[trigger] : undefined;
}

/** Only what the conditions name: state may be older than the Sensor. */
function inOrder(trigger: CompiledTrigger, events: SavedEvents): SavedEvents {
  const ordered: [string, ReceivedEvent][] = [];
  for (const name of trigger.dependencies) {
    const received = Object.hasOwn(events, name) ? events[name] : undefined;
    if (received) ordered.push([name, received]);
  }
  return Object.fromEntries(ordered);
}

function without(joins: SensorState["joins"], trigger: string): SensorState["joins"] {
  return Object.fromEntries(Object.entries(joins).filter(([name]) => name !== trigger));
}

/** An event may be saved and cleared in one step, when it feeds two dependencies. */
function isSame(a: SensorState["joins"], b: SensorState["joins"]): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === savedOf(b, name));
}

import type { ConditionTree } from "../../api/condition.ts";
import { entryOf } from "../../base/due-map.ts";
import { setOwn } from "../../base/json.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { DecisionRecord, ExplainedFilter } from "../../record/records.ts";
import type { CompiledSensor, CompiledTrigger } from "./compile.ts";
import { createFilterExplainer } from "./filters/explain.ts";
import { type DependencyVerdict, explain, prepare } from "./reducer.ts";
import type { ReceivedEvent, SavedEvents, SensorState } from "./state.ts";
import { runDue, timedOf } from "./timed.ts";
import { storedAtOf } from "./waiting.ts";

/** Why a dependency takes an event or not, with what each of its filters says. */
export interface ExplainedDependency extends DependencyVerdict {
  readonly filters: readonly ExplainedFilter[];
}

/** A trigger's conditions, with what is there of them. */
export type ExplainedCondition =
  | { readonly kind: "name"; readonly name: string; readonly isMet: boolean }
  | { readonly kind: "and" | "or"; readonly isMet: boolean; readonly parts: readonly ExplainedCondition[] };

export interface ExplainedTrigger {
  readonly trigger: string;
  /** Ids of the events that are there, by dependency: this one, and those that waited. */
  readonly present: Readonly<Record<string, string>>;
  /** Names in the conditions without an event. */
  readonly missing: readonly string[];
  readonly condition: ExplainedCondition;
  /** Whether it fires. */
  readonly isMet: boolean;
  /** Why it never does, whatever comes. */
  readonly fault?: string;
}

export interface Explanation {
  readonly dependencies: readonly ExplainedDependency[];
  /** Those that the event concerns, in the spec's order; then those that never fire. */
  readonly triggers: readonly ExplainedTrigger[];
}

export interface Explainer {
  /** What each filter of a dependency says of an event as it is given to them; nothing for one that has none. */
  filtersOf(dependency: string, event: CloudEvent): readonly ExplainedFilter[];
  /** What the filters saw, for the record of a decision: the Sensor may be another when somebody asks. */
  seen(events: Readonly<Record<string, ReceivedEvent>>): Pick<DecisionRecord, "filters">;
  /** Everything about one event, where `before` was joined. Pure and total. */
  explain(received: ReceivedEvent, before: SensorState): Explanation;
}

/** Filters are compiled apart at the first question, since most Sensors are never asked. */
export function createExplainer(compiled: CompiledSensor): Explainer {
  let explainers: ReadonlyMap<string, ReturnType<typeof createFilterExplainer>> | undefined;
  /** As the dependency's transform gives it; undefined when that fails: then there is nothing to judge. */
  const givenTo = (name: string, received: ReceivedEvent): CloudEvent | undefined => {
    const { eventSource, event } = received.head;
    const dependency = compiled.dependenciesOf(eventSource, event).find((one) => one.name === name);
    const given = dependency ? prepare(dependency, received) : received;
    return typeof given === "string" ? undefined : given.event;
  };
  const filtersOf: Explainer["filtersOf"] = (name, event) => {
    explainers ??= new Map(compiled.sensor.dependencies.map((one) => [one.name, createFilterExplainer(one)]));
    return explainers.get(name)?.(event) ?? [];
  };
  return {
    filtersOf,
    seen(events) {
      let filters: Record<string, readonly ExplainedFilter[]> | undefined;
      for (const dependency of Object.keys(events)) {
        const received = events[dependency];
        const seen = received ? filtersOf(dependency, received.event) : [];
        if (seen.length === 0) continue;
        filters ??= {};
        setOwn(filters, dependency, seen);
      }
      return filters === undefined ? {} : { filters };
    },
    explain(received, before) {
      const { eventSource, event } = received.head;
      // The event's own source and subject may say otherwise; where it came from decides.
      const listened = { ...received.event, source: eventSource, subject: event };
      const passed = new Map<string, CloudEvent>();
      const dependencies = explain(compiled, listened).map((verdict) => {
        const given = givenTo(verdict.dependency, received);
        if (given && verdict.verdict === "passed") passed.set(verdict.dependency, given);
        return { ...verdict, filters: given ? filtersOf(verdict.dependency, given) : [] };
      });
      const route = compiled.routeOf(eventSource, event);
      const timed = before.timed && runDue(compiled, before.timed, { until: storedAtOf(received) }, []);
      const state = { joins: before.joins, ...(timed && { timed }) };
      const triggers = (route?.triggers ?? []).map(({ trigger }) => explainTrigger(trigger, passed, state));
      return { dependencies, triggers: [...triggers, ...compiled.triggers.flatMap(explainFault)] };
    },
  };
}

/** No event belongs to a trigger whose conditions cannot be read. */
function explainFault({ name, fault }: CompiledTrigger): readonly ExplainedTrigger[] {
  if (fault === undefined) return [];
  const condition: ExplainedCondition = { kind: "or", isMet: false, parts: [] };
  return [{ trigger: name, present: {}, missing: [], condition, isMet: false, fault }];
}

function explainTrigger(
  trigger: CompiledTrigger,
  passed: ReadonlyMap<string, CloudEvent>,
  before: SensorState,
): ExplainedTrigger {
  const saved = trigger.joins ? savedOf(trigger, passed, before) : undefined;
  const present: Record<string, string> = {};
  for (const name of trigger.dependencies) {
    const event = passed.get(name) ?? (saved && Object.hasOwn(saved, name) ? saved[name]?.event : undefined);
    if (event) present[name] = event.id;
  }
  const names = new Set(Object.keys(present));
  const isConcerned = [...trigger.dependencies].some((name) => passed.has(name));
  return {
    trigger: trigger.name,
    present,
    missing: [...trigger.dependencies].filter((name) => !names.has(name)),
    condition: explainCondition(trigger.condition, names),
    isMet: isConcerned && trigger.isMet(names),
  };
}

/** What waits for the rest of the conditions; of a trigger with keys that with the key of the event. */
function savedOf(
  { name, timing, dependencies }: CompiledTrigger,
  passed: ReadonlyMap<string, CloudEvent>,
  { joins, timed }: SensorState,
): SavedEvents | undefined {
  if (!timing) return Object.hasOwn(joins, name) ? joins[name] : undefined;
  for (const dependency of dependencies) {
    const event = passed.get(dependency);
    const read = event && timing.correlate?.get(dependency)?.(event);
    if (read && "key" in read) return entryOf(timedOf(timed, name).waiting, read.key)?.events;
  }
  return timing.correlate ? undefined : entryOf(timedOf(timed, name).waiting, "")?.events;
}

function explainCondition(tree: ConditionTree, present: ReadonlySet<string>): ExplainedCondition {
  if (tree.kind === "name") return { ...tree, isMet: present.has(tree.name) };
  const parts = tree.parts.map((part) => explainCondition(part, present));
  const isMet = tree.kind === "and" ? parts.every((part) => part.isMet) : parts.some((part) => part.isMet);
  return { kind: tree.kind, isMet, parts };
}

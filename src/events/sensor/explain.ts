import type { ConditionTree } from "../../api/condition.ts";
import { setOwn } from "../../base/json.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { DecisionRecord, ExplainedFilter } from "../../record/records.ts";
import type { CompiledSensor, CompiledTrigger } from "./compile.ts";
import { createFilterExplainer } from "./filters/explain.ts";
import { type DependencyVerdict, explain, prepare } from "./reducer.ts";
import type { ReceivedEvent, SensorState } from "./state.ts";

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
}

export interface Explanation {
  readonly dependencies: readonly ExplainedDependency[];
  /** Those that the event concerns, in the spec's order. */
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
  /** An event that a transform cannot change has no filters to be judged by. */
  const givenTo = (name: string, received: ReceivedEvent): readonly ExplainedFilter[] => {
    const { eventSource, event } = received.head;
    const dependency = compiled.dependenciesOf(eventSource, event).find((one) => one.name === name);
    const given = dependency ? prepare(dependency, received) : received;
    return typeof given === "string" ? [] : filtersOf(name, given.event);
  };
  const filtersOf: Explainer["filtersOf"] = (name, event) => {
    explainers ??= new Map(compiled.sensor.dependencies.map((one) => [one.name, createFilterExplainer(one)]));
    return explainers.get(name)?.(event) ?? [];
  };
  return {
    filtersOf,
    seen(events) {
      const filters: Record<string, readonly ExplainedFilter[]> = {};
      for (const [dependency, { event }] of Object.entries(events)) {
        const seen = filtersOf(dependency, event);
        if (seen.length > 0) setOwn(filters, dependency, seen);
      }
      return Object.keys(filters).length === 0 ? {} : { filters };
    },
    explain(received, before) {
      const { eventSource, event } = received.head;
      // The event's own source and subject may say otherwise; where it came from decides.
      const listened = { ...received.event, source: eventSource, subject: event };
      const dependencies = explain(compiled, listened).map((verdict) => ({
        ...verdict,
        filters: givenTo(verdict.dependency, received),
      }));
      const passed = new Set(
        dependencies.filter(({ verdict }) => verdict === "passed").map(({ dependency }) => dependency),
      );
      const route = compiled.routeOf(eventSource, event);
      const triggers = (route?.triggers ?? []).map(({ trigger }) => explainTrigger(trigger, received, passed, before));
      return { dependencies, triggers };
    },
  };
}

function explainTrigger(
  trigger: CompiledTrigger,
  { event }: ReceivedEvent,
  passed: ReadonlySet<string>,
  before: SensorState,
): ExplainedTrigger {
  const saved = Object.hasOwn(before.joins, trigger.name) ? before.joins[trigger.name] : undefined;
  const present: Record<string, string> = {};
  for (const name of trigger.dependencies) {
    const waiting = trigger.joins && saved && Object.hasOwn(saved, name) ? saved[name] : undefined;
    if (passed.has(name)) present[name] = event.id;
    else if (waiting) present[name] = waiting.event.id;
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

function explainCondition(tree: ConditionTree, present: ReadonlySet<string>): ExplainedCondition {
  if (tree.kind === "name") return { ...tree, isMet: present.has(tree.name) };
  const parts = tree.parts.map((part) => explainCondition(part, present));
  const isMet = tree.kind === "and" ? parts.every((part) => part.isMet) : parts.some((part) => part.isMet);
  return { kind: tree.kind, isMet, parts };
}

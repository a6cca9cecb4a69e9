import { createHash } from "node:crypto";
import { allOf, type Condition, type ConditionTree, parseCondition } from "../../api/condition.ts";
import { addTo } from "../../api/fields.ts";
import type { Sensor, Trigger } from "../../api/resources.ts";
import { messageOf } from "../../base/errors.ts";
import { canonicalJson } from "../../base/json.ts";
import { InvalidManifest, type Problem } from "../../base/schema.ts";
import type { SensorHead } from "../../record/records.ts";
import { compileFilters } from "./filters/filters.ts";
import type { Filter } from "./filters/outcome.ts";
import { loopProblems } from "./loops.ts";
import { compileTiming, type TriggerTiming, type WrittenDependencies } from "./timing.ts";
import { compileTransform, type Transform } from "./transform.ts";

/** A Sensor ready to run: paths, regexes and conditions are closures, so that nothing is parsed per event. */
export interface CompiledSensor {
  readonly sensor: Sensor;
  readonly head: SensorHead;
  readonly triggers: readonly CompiledTrigger[];
  /** Distinct pairs that it listens to, in the order of its dependencies; those that no trigger names are left out. */
  readonly inputs: readonly SensorInput[];
  /** Dependencies fed by an event of this EventSource and event name, in the spec's order. */
  dependenciesOf(eventSource: string, event: string): readonly CompiledDependency[];
  /** As `dependenciesOf`, with the triggers that they feed; undefined when it does not listen. */
  routeOf(eventSource: string, event: string): Route | undefined;
}

export interface SensorInput {
  readonly eventSource: string;
  readonly event: string;
}

export interface CompiledDependency extends SensorInput {
  readonly name: string;
  /** Comes before the filters; undefined when the event stays as it is. */
  readonly transform: Transform | undefined;
  /** All filters of the dependency; does not throw. */
  readonly filter: Filter;
}

export interface CompiledTrigger {
  readonly name: string;
  readonly trigger: Trigger;
  /** The names in its conditions, in the order of their first appearance. */
  readonly dependencies: ReadonlySet<string>;
  /** false: one event suffices, and no state is kept. */
  readonly joins: boolean;
  /** Of a trigger that says something about keys or time. */
  readonly timing?: TriggerTiming;
  isMet(present: ReadonlySet<string>): boolean;
  /** Its conditions, for explanations. */
  readonly condition: ConditionTree;
  /** What is wrong with its conditions: it never fires, though the Sensor's others do. */
  readonly fault?: string;
}

/** What one (EventSource, event) pair concerns. */
export interface Route {
  readonly dependencies: readonly CompiledDependency[];
  /** In the spec's order; `fedBy` are positions in `dependencies`, in the order of the trigger's conditions. */
  readonly triggers: readonly { readonly trigger: CompiledTrigger; readonly fedBy: readonly number[] }[];
}

/**
 * `kind` goes into its head, where it stands for something else than a Sensor.
 * @throws InvalidManifest with every problem and its field path.
 */
export function compileSensor(sensor: Sensor, kind?: SensorHead["kind"]): CompiledSensor {
  const { dependencies, triggers, problems, loops } = compileParts(sensor);
  addTo(problems, loops);
  if (problems.length > 0) throw new InvalidManifest(problems);
  return new Compiled(sensor, kind, { dependencies, triggers });
}

/** Those for which `compileSensor` throws; `loops` apart: what is in a loop must not run anywhere. */
export function compileProblems(sensor: Sensor): {
  readonly problems: readonly Problem[];
  readonly loops: readonly Problem[];
} {
  return compileParts(sensor);
}

type Routes = ReadonlyMap<string, ReadonlyMap<string, Route>>;

/** What only a run needs is made when it is asked for. A class: literals with getters would each be a shape of their own. */
class Compiled implements CompiledSensor {
  readonly sensor: Sensor;
  readonly triggers: readonly CompiledTrigger[];
  readonly #kind: SensorHead["kind"];
  readonly #dependencies: readonly CompiledDependency[];
  #head: SensorHead | undefined;
  #routes: Routes | undefined;

  constructor(
    sensor: Sensor,
    kind: SensorHead["kind"],
    { dependencies, triggers }: Pick<ReturnType<typeof compileParts>, "dependencies" | "triggers">,
  ) {
    this.sensor = sensor;
    this.#kind = kind;
    this.triggers = triggers;
    this.#dependencies = dependencies;
  }

  get head(): SensorHead {
    this.#head ??= headOf(this.sensor, this.#kind);
    return this.#head;
  }

  get inputs(): readonly SensorInput[] {
    return [...this.#routed()].flatMap(([eventSource, events]) =>
      [...events.keys()].map((event) => ({ eventSource, event })),
    );
  }

  // Functions of their own: callers take them out.
  readonly dependenciesOf = (eventSource: string, event: string): readonly CompiledDependency[] =>
    this.routeOf(eventSource, event)?.dependencies ?? [];

  readonly routeOf = (eventSource: string, event: string): Route | undefined =>
    this.#routed().get(eventSource)?.get(event);

  #routed(): Routes {
    this.#routes ??= compileRoutes(usedBy(this.triggers, this.#dependencies), this.triggers);
    return this.#routes;
  }
}

function compileParts(sensor: Sensor) {
  const problems: Problem[] = [];
  const dependencies = compileDependencies(sensor, problems);
  const names = dependencies.map((dependency) => dependency.name);
  const written = new Map(
    sensor.dependencies.map((dependency, index) => [
      dependency.name,
      { dependency, path: `spec.dependencies[${index}]` },
    ]),
  );
  const triggers = sensor.triggers.map((trigger, index) =>
    compileTrigger(trigger, { names, dependencies: written }, `spec.triggers[${index}]`, problems),
  );
  addTo(problems, faultsOfAll(triggers));
  return { dependencies, triggers, problems, loops: loopProblems(sensor, triggers) };
}

function usedBy(
  triggers: readonly CompiledTrigger[],
  dependencies: readonly CompiledDependency[],
): readonly CompiledDependency[] {
  return dependencies.filter(({ name }) => triggers.some((trigger) => trigger.dependencies.has(name)));
}

function headOf(sensor: Sensor, kind: SensorHead["kind"]): SensorHead {
  const { namespace, name, uid } = sensor.metadata;
  const { metadata: _, ...spec } = sensor;
  const revision = createHash("sha256").update(canonicalJson(spec)).digest("hex").slice(0, 16);
  return { namespace, name, uid, revision, ...(kind === undefined ? {} : { kind }) };
}

/** Of dependencies with one name the last wins, as in the original (spec argo-events 2.5). */
function compileDependencies(sensor: Sensor, problems: Problem[]): CompiledDependency[] {
  const byName = new Map<string, CompiledDependency>();
  const compileFilter = sharedFilters();
  for (const [index, dependency] of sensor.dependencies.entries()) {
    const path = `spec.dependencies[${index}]`;
    const { name, eventSourceName, eventName } = dependency;
    const transform = compileTransform(dependency);
    const filter = compileFilter(dependency, path, problems);
    byName.set(name, { name, eventSource: eventSourceName, event: eventName, transform, filter });
  }
  return [...byName.values()];
}

/** Dependencies that filter alike share what is made of it: of an Application's six four do, and the other two. */
function sharedFilters(): typeof compileFilters {
  const known = new Map<string, Filter>();
  return (dependency, path, problems) => {
    const key = JSON.stringify([dependency.filters, dependency.filtersLogicalOperator]);
    const { length } = problems;
    const filter = known.get(key) ?? compileFilters(dependency, path, problems);
    if (problems.length === length) known.set(key, filter); // each names its own problems
    return filter;
  };
}

function compileTrigger(
  trigger: Trigger,
  given: { readonly names: readonly string[]; readonly dependencies: WrittenDependencies },
  path: string,
  problems: Problem[],
): CompiledTrigger {
  const { condition, fault } = conditionOf(trigger, given.names);
  const { names, joins, isMet, tree } = condition;
  const { name, raw } = trigger.template;
  const common = { name, trigger, dependencies: new Set(names), joins, isMet, condition: tree };
  if (fault !== undefined) return { ...common, fault };
  const { dependencies } = given;
  const timing = compileTiming({ template: raw, names, joins, dependencies, path: `${path}.template` }, problems);
  return { ...common, ...(timing && { timing }) };
}

const neverMet: Condition = { names: [], joins: false, isMet: () => false, tree: { kind: "or", parts: [] } };

/** In the original a name that is no dependency, too, leaves the trigger without conditions (spec argo-events 4.1.5). */
function conditionOf(trigger: Trigger, names: readonly string[]): { condition: Condition; fault?: string } {
  const text = trigger.template.conditions?.trim();
  if (!text) return { condition: allOf(names) };
  try {
    const condition = parseCondition(text);
    const unknown = condition.names.filter((name) => !names.includes(name));
    if (unknown.length === 0) return { condition };
    const shown = unknown.map((name) => JSON.stringify(name)).join(", ");
    const fault = `its conditions name ${shown}, and the dependencies are ${names.join(", ")}`;
    return { condition: neverMet, fault };
  } catch (error) {
    return { condition: neverMet, fault: `its conditions ${messageOf(error)}` };
  }
}

/** One trigger that never fires stops no other; where none can fire, events wait unread until that is mended. */
function faultsOfAll(triggers: readonly CompiledTrigger[]): readonly Problem[] {
  const faults = triggers.flatMap(({ fault }) => fault ?? []);
  if (faults.length < triggers.length) return [];
  return faults.map((message, index) => ({
    severity: "error",
    path: `spec.triggers[${index}].template.conditions`,
    message,
  }));
}

function compileRoutes(
  dependencies: readonly CompiledDependency[],
  triggers: readonly CompiledTrigger[],
): Map<string, Map<string, Route>> {
  const routes = new Map<string, Map<string, Route>>();
  for (const { eventSource, event } of dependencies) {
    const events = routes.get(eventSource) ?? new Map<string, Route>();
    routes.set(eventSource, events);
    if (events.has(event)) continue;
    const fed = dependencies.filter((other) => other.eventSource === eventSource && other.event === event);
    events.set(event, { dependencies: fed, triggers: routeTriggers(fed, triggers) });
  }
  return routes;
}

function routeTriggers(fed: readonly CompiledDependency[], triggers: readonly CompiledTrigger[]): Route["triggers"] {
  const positions = new Map(fed.map((dependency, index) => [dependency.name, index]));
  return triggers.flatMap((trigger) => {
    const fedBy = [...trigger.dependencies].flatMap((name) => positions.get(name) ?? []);
    return fedBy.length > 0 ? [{ trigger, fedBy }] : [];
  });
}

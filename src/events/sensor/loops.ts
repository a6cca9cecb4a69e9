import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { Sensor, Trigger } from "../../api/resources.ts";
import type { Problem } from "../../base/schema.ts";
import { builtInEventSource } from "../../record/cloud-event.ts";

/** What of a compiled trigger is looked at. */
interface CompiledTrigger {
  readonly name: string;
  readonly trigger: Trigger;
  readonly dependencies: ReadonlySet<string>;
  isMet(present: ReadonlySet<string>): boolean;
}

/** What of a compiled Sensor is looked at. */
export interface LoopPart {
  readonly sensor: Sensor;
  readonly triggers: readonly CompiledTrigger[];
}

/** A trigger of one of the Sensors. */
interface Step<Part extends LoopPart> extends CompiledTrigger {
  readonly part: Part;
  readonly index: number;
}

interface Produced {
  readonly namespace: string;
  readonly bus: string;
  readonly eventSource: string;
  readonly event: string;
}

/**
 * Triggers of one Sensor that fire each other, or themselves, without end: each step takes every event that the one before
 * makes, and needs no other. Loops that go through filters are cut by the hop limit when they run.
 */
export function loopProblems(sensor: Sensor, triggers: readonly CompiledTrigger[]): Problem[] {
  const part = { sensor, triggers };
  if (!mayLoop(part)) return [];
  return loopsIn([part]).map(({ step, way }) =>
    problemOf(
      step,
      way.map(({ name }) => name),
    ),
  );
}

/** The same of loops that go over several Sensors. */
export function loopsAcross<Part extends LoopPart>(
  parts: readonly Part[],
): readonly { readonly part: Part; readonly problem: Problem }[] {
  if (parts.length < 2 || !parts.some(mayLoop)) return [];
  return loopsIn(parts)
    .filter(({ step, way }) => way.some(({ part }) => part !== step.part))
    .map(({ step, way }) => ({
      part: step.part,
      problem: problemOf(
        step,
        way.map(({ part, name }) => `${part.sensor.metadata.name}/${name}`),
      ),
    }));
}

/** Every loop has a part in it that does. */
export function mayLoop({ sensor, triggers }: LoopPart): boolean {
  return (
    sensor.dependencies.some(({ eventSourceName }) => eventSourceName === builtInEventSource) ||
    triggers.some(({ trigger }) => trigger.template.kind === "emit")
  );
}

function problemOf({ index, name, part, trigger }: Step<LoopPart>, way: readonly string[]): Problem {
  const made = producedBy(trigger, part.sensor).map(({ eventSource, event }) => `${eventSource}/${event}`);
  const message = `"${name}" fires itself without end: ${way.join(" → ")} (its events are ${made.join(" and ")})`;
  const suggestion = "filter the dependency, for example by `sensor.name`, or emit another event";
  return { severity: "error", path: `spec.triggers[${index}].template`, message, suggestion };
}

/** Each step that leads back to itself, with the shortest way from it to it. */
function loopsIn<Part extends LoopPart>(
  parts: readonly Part[],
): readonly { readonly step: Step<Part>; readonly way: readonly Step<Part>[] }[] {
  const steps = parts.flatMap((part) => part.triggers.map((trigger, index) => ({ ...trigger, part, index })));
  const listeners = listenersOf(steps);
  const fires = (step: Step<Part>): readonly Step<Part>[] =>
    producedBy(step.trigger, step.part.sensor).flatMap((produced) => listeners.get(keyOf(produced)) ?? []);
  return steps.flatMap((step) => {
    const way = wayBack(step, fires);
    return way === undefined ? [] : [{ step, way: [step, ...way] }];
  });
}

function keyOf({ namespace, bus, eventSource, event }: Produced): string {
  return JSON.stringify([namespace, bus, eventSource, event]);
}

/** By event: the steps that every such event fires by itself. */
function listenersOf<Part extends LoopPart>(steps: readonly Step<Part>[]): ReadonlyMap<string, readonly Step<Part>[]> {
  const listeners = new Map<string, Step<Part>[]>();
  for (const step of steps) {
    const { dependencies, metadata, eventBusName } = step.part.sensor;
    for (const { name, eventSourceName: eventSource, eventName: event, filters } of dependencies) {
      const isOpen = Object.keys(filters ?? {}).length === 0;
      if (!isOpen || !step.dependencies.has(name) || !step.isMet(new Set([name]))) continue;
      // Outcomes are told on every bus where somebody listens.
      const bus = eventSource === builtInEventSource ? "" : eventBusName;
      const key = keyOf({ namespace: metadata.namespace, bus, eventSource, event });
      const known = listeners.get(key) ?? [];
      listeners.set(key, known);
      known.push(step);
    }
  }
  return listeners;
}

function producedBy({ template: { kind, raw }, parameters }: Trigger, { metadata, eventBusName }: Sensor): Produced[] {
  const own = { namespace: metadata.namespace, bus: "", eventSource: builtInEventSource };
  const succeeded = { ...own, event: "trigger-succeeded" };
  if (kind !== "gitOps" && kind !== "emit") return [succeeded];
  const block = objectOf(raw[kind]);
  // What events change of it is not known before they come.
  const isFixed = [...parameters, ...listOf(block.parameters).map(objectOf)].every(
    ({ dest }) => !/(?:^|\.)(?:eventSourceName|eventName|operation|namespace)$/.test(textOf(dest)),
  );
  if (!isFixed) return [succeeded];
  if (kind === "emit") {
    const { eventSourceName, eventName } = block;
    const emitted = { eventSource: textOf(eventSourceName), event: textOf(eventName) };
    return [succeeded, { ...own, bus: eventBusName, ...emitted }];
  }
  const { operation = "sync", dryRun, namespace = "argocd" } = block;
  if ((operation !== "sync" && operation !== "rollback") || dryRun === true) return [succeeded];
  return [succeeded, { ...own, namespace: textOf(namespace), event: "application-synced" }];
}

/** The shortest way from a step to itself, without its start. */
function wayBack<Node>(start: Node, fires: (step: Node) => readonly Node[]): readonly Node[] | undefined {
  const seen = new Set<Node>();
  let ways: (readonly Node[])[] = fires(start).map((next) => [next]);
  while (ways.length > 0) {
    const further: (readonly Node[])[] = [];
    for (const way of ways) {
      const last = way.at(-1) as Node;
      if (last === start) return way;
      if (seen.has(last)) continue;
      seen.add(last);
      for (const next of fires(last)) further.push([...way, next]);
    }
    ways = further;
  }
  return undefined;
}

import { objectOf, textOf } from "../../api/fields.ts";
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

interface Produced {
  readonly eventSource: string;
  readonly event: string;
}

/**
 * Triggers of one Sensor that fire each other, or themselves, without end: each step takes every event that the one before
 * makes, and needs no other. Loops that go through filters or other Sensors are cut by the hop limit when they run.
 */
export function loopProblems(sensor: Sensor, triggers: readonly CompiledTrigger[]): Problem[] {
  const isConcerned =
    sensor.dependencies.some(({ eventSourceName }) => eventSourceName === builtInEventSource) ||
    triggers.some(({ trigger }) => trigger.template.kind === "emit");
  if (!isConcerned) return [];
  const fires = new Map(triggers.map((trigger) => [trigger.name, firedBy(trigger, sensor, triggers)]));
  return triggers.flatMap(({ name, trigger }, index) => {
    const way = wayBack(name, fires);
    if (way === undefined) return [];
    const made = producedBy(trigger.template.kind, trigger.template.raw).map(
      ({ eventSource, event }) => `${eventSource}/${event}`,
    );
    const message = `"${name}" fires itself without end: ${[name, ...way].join(" → ")} (its events are ${made.join(" and ")})`;
    const suggestion = "filter the dependency, for example by `sensor.name`, or emit another event";
    return [{ severity: "error", path: `spec.triggers[${index}].template`, message, suggestion } satisfies Problem];
  });
}

function producedBy(kind: string | undefined, raw: Sensor["triggers"][number]["template"]["raw"]): Produced[] {
  const succeeded = { eventSource: builtInEventSource, event: "trigger-succeeded" };
  if (kind === "gitOps" && (objectOf(raw.gitOps).operation ?? "sync") === "sync") {
    return [succeeded, { eventSource: builtInEventSource, event: "application-synced" }];
  }
  if (kind !== "emit") return [succeeded];
  const { eventSourceName, eventName } = objectOf(raw.emit);
  return [succeeded, { eventSource: textOf(eventSourceName), event: textOf(eventName) }];
}

/** Names of the triggers that every event of `trigger` fires by itself. */
function firedBy(
  { trigger }: CompiledTrigger,
  sensor: Sensor,
  triggers: readonly CompiledTrigger[],
): readonly string[] {
  const produced = producedBy(trigger.template.kind, trigger.template.raw);
  const open = sensor.dependencies.filter(
    ({ eventSourceName, eventName, filters }) =>
      Object.keys(filters ?? {}).length === 0 &&
      produced.some(({ eventSource, event }) => eventSource === eventSourceName && event === eventName),
  );
  return triggers
    .filter(({ isMet, dependencies }) => open.some(({ name }) => dependencies.has(name) && isMet(new Set([name]))))
    .map(({ name }) => name);
}

/** The shortest way from a trigger to itself, without its start. */
function wayBack(name: string, fires: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const seen = new Set<string>();
  let ways: (readonly string[])[] = (fires.get(name) ?? []).map((next) => [next]);
  while (ways.length > 0) {
    const further: (readonly string[])[] = [];
    for (const way of ways) {
      const last = way.at(-1) ?? "";
      if (last === name) return way;
      if (seen.has(last)) continue;
      seen.add(last);
      for (const next of fires.get(last) ?? []) further.push([...way, next]);
    }
    ways = further;
  }
  return undefined;
}

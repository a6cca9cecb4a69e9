import type { Trigger } from "../../api/resources.ts";
import { batchEventsName } from "../../api/timing-traps.ts";
import { TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { isJsonObject, setOwn } from "../../base/json.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { AnyTriggerKind, ParsedTrigger, PlannedEffect } from "../triggers/registry.ts";
import type { Awaitable, Firing, ParameterResolver, TriggerContext, TriggerParameter } from "../triggers/trigger.ts";
import type { Execute } from "./attempts.ts";
import type { CompiledSensor } from "./compile.ts";
import type { Effect } from "./effect.ts";
import { createParameterResolver } from "./parameters.ts";
import type { BatchedEvent } from "./state.ts";

export interface ExecutorDeps {
  readonly kinds: Readonly<Record<string, AnyTriggerKind>>;
  /** Everything but the parameters, which belong to one firing. */
  readonly context: Omit<TriggerContext, "parameters">;
}

/** Plans, then applies: the pipeline of one attempt (spec argo-events 6.1). */
export function createExecutor(compiled: CompiledSensor, deps: ExecutorDeps): Execute {
  const plan = createPlanner(compiled, deps);
  return (effect, signal) => {
    const planned = plan(effect, signal);
    return planned instanceof Promise ? planned.then(({ apply }) => apply(signal)) : planned.apply(signal);
  };
}

/** What an effect would do; reads only. */
export function createPlanner(
  compiled: CompiledSensor,
  { kinds, context }: ExecutorDeps,
): (
  effect: Pick<Effect, "key" | "trigger" | "events" | "batch" | "dlqOf">,
  signal: AbortSignal,
) => Awaitable<PlannedEffect> {
  const { namespace, name } = compiled.head;
  const sensor = { namespace, name };
  const findTrigger = createTriggerFinder(compiled);
  /** Of triggers whose template no event changes. */
  const parsed = new Map<Trigger, ParsedTrigger>();
  const parse = (trigger: Trigger, path: string, parameters: ParameterResolver): ParsedTrigger => {
    const known = parsed.get(trigger);
    if (known) return known;
    const template = templateOf(trigger, (raw, list) => parameters.apply(raw, list, `${path}.parameters`));
    const kindName = kindOf(trigger, template, kinds);
    const kind = kinds[kindName];
    if (!kind) throw unsupported(trigger.template.name, kindName);
    const read = kind.parse(template[kindName], `${path}.template.${kindName}`);
    if (template === trigger.template.raw) parsed.set(trigger, read);
    return read;
  };
  return (effect, signal) => {
    const found = findTrigger(effect);
    if (!found) throw gone(effect);
    const { trigger, path } = found;
    const { batch } = effect;
    const events = eventsIn(effect);
    const parameters = resolverWith(effect, events);
    const { policy } = trigger;
    const firing: Firing = {
      key: effect.key,
      sensor,
      trigger: trigger.template.name,
      events,
      ...(batch && { batch: batch.map(({ dependency, event }) => ({ dependency, event })) }),
      ...(policy === undefined ? {} : { policy }),
    };
    return parse(trigger, path, parameters).plan(firing, { ...context, parameters }, signal);
  };
}

type Events = Pick<Effect, "key" | "events" | "batch">;

/** What parameters of a firing are read from: its events, and of a batch all of them as a list. */
export function resolverOf(firing: Events): ParameterResolver {
  return resolverWith(firing, eventsIn(firing));
}

function resolverWith({ key, batch }: Events, events: Firing["events"]): ParameterResolver {
  return createParameterResolver(batch ? { ...events, [batchEventsName]: batchEvent(key, batch) } : events, key);
}

function eventsIn({ events }: Events): Readonly<Record<string, CloudEvent>> {
  const found: Record<string, CloudEvent> = {};
  for (const dependency of Object.keys(events)) {
    const received = events[dependency];
    if (received) setOwn(found, dependency, received.event);
  }
  return found;
}

/** What parameters see of a batch beside its newest events: one whose data is the list of all, oldest first. */
function batchEvent(id: string, batch: readonly BatchedEvent[]): CloudEvent {
  const data = batch.map(({ dependency, event }) => {
    const { extensions, ...attributes } = event;
    return { dependency, ...extensions, ...attributes };
  });
  const newest = batch.at(-1)?.event;
  const { source = "", type = "", time = "" } = newest ?? {};
  return { id, source, type, subject: batchEventsName, time, datacontenttype: "application/json", data };
}

interface FoundTrigger {
  readonly trigger: Trigger;
  readonly path: string;
}

/** Finds a firing's trigger, or `dlqTrigger`, as the Sensor has it now: an edit may have removed it since. */
export function createTriggerFinder({ triggers }: Pick<CompiledSensor, "triggers">) {
  const found = triggers.map(
    ({ name, trigger }, index) => [name, { trigger, path: `spec.triggers[${index}]` }] as const,
  );
  const byName = new Map<string, FoundTrigger>(found);
  return ({ trigger: name, dlqOf }: Pick<Effect, "trigger" | "dlqOf">): FoundTrigger | undefined => {
    const own = byName.get(dlqOf ?? name);
    if (!own || dlqOf === undefined) return own;
    const { dlqTrigger } = own.trigger;
    return dlqTrigger && { trigger: dlqTrigger, path: `${own.path}.dlqTrigger` };
  };
}

function gone({ trigger, dlqOf }: Pick<Effect, "trigger" | "dlqOf">): TerminalError {
  const what = dlqOf === undefined ? `the Sensor has no trigger "${trigger}"` : `trigger "${dlqOf}" has no dlqTrigger`;
  return new TerminalError("TRIGGER_FAILED", `${what} any more`);
}

/** The template with `trigger.parameters` applied; the very object of the Sensor when there are none. */
export function templateOf(
  trigger: Trigger,
  apply: (raw: JsonObject, parameters: readonly TriggerParameter[]) => unknown,
): JsonObject {
  if (trigger.parameters.length === 0) return trigger.template.raw;
  const applied = apply(trigger.template.raw, trigger.parameters as unknown as readonly TriggerParameter[]);
  return isJsonObject(applied) ? applied : trigger.template.raw;
}

/** Parameters may have put another kind into the template; the Sensor's own is the usual one. */
function kindOf(
  { template: { kind: declared, name } }: Trigger,
  template: JsonObject,
  kinds: ExecutorDeps["kinds"],
): string {
  if (declared !== undefined && template[declared] !== undefined) return declared;
  const found = Object.keys(kinds).find((kind) => template[kind] !== undefined);
  if (found === undefined) throw unsupported(name, declared);
  return found;
}

function unsupported(trigger: string, kind: string | undefined): TerminalError {
  const what = kind === undefined ? "its template names no kind that is known" : `kind "${kind}" is not supported`;
  return new TerminalError(
    "TRIGGER_UNSUPPORTED",
    `invalid trigger ${trigger}, could not find an implementation: ${what}`,
  );
}

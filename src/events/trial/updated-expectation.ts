import type { ExpectedFiring, SensorTestCase } from "../../api/sensor-test.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { CompiledSensor } from "../sensor/compile.ts";
import { createTriggerFinder } from "../sensor/executor.ts";
import { viewsOf } from "./expectation.ts";
import type { CaseOutcome, ObservedFiring } from "./run-case.ts";

/**
 * The `expect` that a case would pass with: firings that it expects keep the fields that it names, others get what tells
 * them apart and what their parameters made.
 */
export function updatedExpectation(
  { expect = [] }: SensorTestCase,
  { firings }: CaseOutcome,
  compiled: CompiledSensor,
): readonly JsonObject[] {
  const waiting: ExpectedFiring[] = [...expect];
  const views = viewsOf(expect, firings);
  return firings.map((one, index) => {
    const known = waiting.findIndex(({ trigger }) => trigger === one.trigger);
    if (known < 0) return newEntry(one, compiled);
    waiting.splice(known, 1);
    return views[index] ?? newEntry(one, compiled);
  });
}

function newEntry(firing: ObservedFiring, compiled: CompiledSensor) {
  const { trigger, at, events, error, template, outcome } = firing;
  const rendered = template && renderedPart(firing, template, compiled);
  return {
    trigger,
    ...(at === "0s" ? {} : { at }),
    events,
    ...(rendered === undefined ? {} : { template: rendered }),
    ...(error === undefined ? {} : { error }),
    ...(outcome === "dead" && error === undefined ? { outcome } : {}),
  };
}

/** The block of the trigger's kind, where events have a part in it. */
function renderedPart(firing: ObservedFiring, template: JsonObject, compiled: CompiledSensor): JsonObject | undefined {
  const trigger = createTriggerFinder(compiled)(firing)?.trigger;
  const kind = trigger?.template.kind;
  if (!trigger || kind === undefined || !isJsonObject(template[kind])) return undefined;
  const written = trigger.template.raw[kind];
  const hasOwn = isJsonObject(written) && [written.parameters, written.payload].some(isList);
  return trigger.parameters.length > 0 || hasOwn ? { [kind]: template[kind] } : undefined;
}

function isList(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.length > 0;
}

import type { JsonObject } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import type { Condition } from "./condition.ts";
import { addTo, objectOf, warningAt } from "./fields.ts";

/** The name by which the parameters of a batch find the list of its events. */
export const batchEventsName = "events";

/** What a trigger says about keys and time without effect. `conditions`: of each trigger, where they are understood. */
export function checkTimingTraps(
  dependencies: readonly JsonObject[],
  triggers: readonly JsonObject[],
  conditions: readonly (Condition | undefined)[],
): Problem[] {
  const problems = conditions.includes(undefined) ? [] : checkJoined(dependencies, conditions);
  triggers.forEach((trigger, index) => {
    if (trigger.dlqTrigger === undefined) return;
    addTo(problems, checkDlq(objectOf(trigger.dlqTrigger), `spec.triggers[${index}]`));
  });
  return problems;
}

function checkJoined(dependencies: readonly JsonObject[], conditions: readonly (Condition | undefined)[]): Problem[] {
  const fields = ["correlate", "within"] as const;
  return dependencies.flatMap((dependency, index) => {
    const written = fields.filter((field) => dependency[field] !== undefined);
    if (written.length === 0) return [];
    if (conditions.some((condition) => condition?.joins && condition.names.some((name) => name === dependency.name)))
      return [];
    const message = "has no effect: no trigger joins these events with others";
    return written.map((field) => warningAt(`spec.dependencies[${index}].${field}`, message));
  });
}

function checkDlq({ template }: JsonObject, path: string): Problem[] {
  return (["conditionsReset", "debounce", "batch", "ordering"] as const)
    .filter((field) => objectOf(template)[field] !== undefined)
    .map((field) =>
      warningAt(
        `${path}.dlqTrigger.template.${field}`,
        "has no effect: it runs at once when the trigger above has failed",
      ),
    );
}

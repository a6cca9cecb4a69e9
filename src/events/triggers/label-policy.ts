import { backoffPlanOf } from "../../api/backoff-plan.ts";
import type { Backoff } from "../../api/resources.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import { type ObjectRef, refText } from "../../objects/object.ts";
import type { TriggerContext, TriggerPolicy } from "./trigger.ts";

/**
 * Looks at an object until it has all labels of `policy.k8s`, as often and at the distances that its backoff says (spec
 * argo-events 6.6). Says how it went in a few words.
 * @throws EngineError TRIGGER_FAILED when the object is gone, or has them not in time and `errorOnBackoffTimeout` is set
 */
export async function awaitLabels(
  ref: ObjectRef,
  policy: NonNullable<TriggerPolicy["k8s"]>,
  { kube, clock }: TriggerContext,
  signal: AbortSignal,
): Promise<string> {
  const wanted = Object.entries(policy.labels ?? {});
  const plan = backoffPlanOf(readBackoff(policy.backoff), "policy.k8s.backoff");
  for (let attempt = 1; ; attempt++) {
    const live = await kube.get(ref, signal);
    if (!live) throw new EngineError("TRIGGER_FAILED", `policy.k8s: ${refText(ref)} does not exist any more`);
    const missing = wanted.filter(([name, value]) => live.metadata.labels?.[name] !== value);
    if (missing.length === 0) return "it has the labels of its policy";
    if (attempt >= plan.attempts) return onTimeout(ref, missing, policy.errorOnBackoffTimeout === true);
    await sleepFor(clock, plan.delayMs(attempt + 1, Math.random), signal);
  }
}

function onTimeout(ref: ObjectRef, missing: readonly (readonly [string, string])[], isError: boolean): string {
  const labels = missing.map(([name, value]) => `${name}=${value}`).join(", ");
  if (!isError) return `it did not get ${labels} in time`;
  throw new EngineError(
    "TRIGGER_FAILED",
    `policy.k8s: failed to determine status of the triggered resource: ${refText(ref)} did not get ${labels} in time`,
  );
}

/** The Sensor's schema has seen it; of what it let pass, wrong fields are said by `backoffPlanOf`. */
function readBackoff(backoff: unknown): Backoff {
  return isJsonObject(backoff) ? (backoff as Backoff) : {};
}

import type { KubeObject } from "../../objects/object.ts";
import { fieldsOf, listOf, textOf } from "./fields.ts";
import { type Health, health } from "./health.ts";

/**
 * The reading of kinds without a check, as kstatus does it (sigs.k8s.io/cli-utils, pkg/kstatus): a generation that was not
 * observed, then the conditions Reconciling, Stalled and Ready. Undefined where an object says nothing of the kind, which
 * is not the same as being healthy.
 */
export function assessConditions(object: KubeObject): Health | undefined {
  const status = fieldsOf(object.status);
  const { generation } = object.metadata;
  const seen = status.observedGeneration;
  const knowsGeneration = typeof seen === "number" && typeof generation === "number";
  if (knowsGeneration && seen !== generation) {
    return health(
      "Progressing",
      `${object.kind} generation is ${generation}, but latest observed generation is ${seen}`,
    );
  }
  const conditions = listOf(status.conditions);
  const find = (type: string) => conditions.find((condition) => condition.type === type);
  const reconciling = find("Reconciling");
  if (reconciling?.status === "True") return health("Progressing", textOf(reconciling.message));
  const stalled = find("Stalled");
  if (stalled?.status === "True") return health("Degraded", textOf(stalled.message));
  const ready = find("Ready");
  if (ready !== undefined) return health(ready.status === "True" ? "Healthy" : "Progressing", textOf(ready.message));
  const isTold = reconciling !== undefined || stalled !== undefined || knowsGeneration;
  return isTold ? health("Healthy") : undefined;
}

import type { KubeObject } from "../../objects/object.ts";
import { fieldsOf, listOf, textOf } from "./fields.ts";
import { type Health, health } from "./health.ts";

/** Conditions count whatever their status is, as in the original; only `Suspended` looks at it. */
export function assessJob(job: KubeObject): Health {
  let isDone = false;
  let isSuspended = false;
  let failure: string | undefined;
  let message = "";
  for (const condition of listOf(fieldsOf(job.status).conditions)) {
    switch (condition.type) {
      case "Failed":
        isDone = true;
        failure = textOf(condition.message);
        break;
      case "Complete":
        isDone = true;
        message = textOf(condition.message);
        break;
      case "Suspended":
        isDone = true;
        isSuspended = condition.status === "True";
        message = textOf(condition.message);
        break;
    }
  }
  if (!isDone) return health("Progressing", message);
  if (failure !== undefined) return health("Degraded", failure);
  return health(isSuspended ? "Suspended" : "Healthy", message);
}

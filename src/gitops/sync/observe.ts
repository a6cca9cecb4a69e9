import type { KubeObject } from "../../objects/object.ts";
import type { Assessment } from "../health/assess.ts";
import type { Health } from "../health/health.ts";
import type { OperationPhase, ResourceResult, ResultStatus, SyncTask } from "./sync.ts";

export interface Observation {
  readonly status: ResultStatus;
  readonly hookPhase: OperationPhase;
  readonly message: string;
}

/**
 * What a task that runs has come to, from its live object and that one's health (spec argo-cd-engine 4.4, 4.6). A hook is
 * the object that this sync made: another one of its name, made later, says nothing about it.
 */
export function observeTask(
  task: SyncTask,
  live: KubeObject | undefined,
  { health, problem }: Assessment,
  result: ResourceResult,
): Observation {
  const isOther = task.hookType !== undefined && result.uid !== undefined && live?.metadata.uid !== result.uid;
  if (live === undefined || isOther) {
    const { group, kind, name } = task.key;
    const message = `Resource ${group}/${kind}/${name} is missing, it might have been deleted`;
    return { status: "SyncFailed", hookPhase: "Error", message };
  }
  const { status, message } = result;
  if (task.hookType === undefined)
    return { status, hookPhase: objectPhase(health), message: failureOf(health, message) };
  if (problem !== undefined)
    return { status, hookPhase: "Error", message: `failed to get resource health: ${problem}` };
  return { status, hookPhase: hookPhase(health), message: hookMessage(health, live) };
}

/** An object that is neither healthy nor degraded is waited for. */
function objectPhase(health: Health | undefined): OperationPhase {
  if (health === undefined || health.status === "Healthy") return "Succeeded";
  return health.status === "Degraded" ? "Failed" : "Running";
}

function failureOf(health: Health | undefined, message: string): string {
  return health?.status === "Degraded" && health.message ? health.message : message;
}

function hookPhase(health: Health | undefined): OperationPhase {
  switch (health?.status) {
    case undefined:
    case "Healthy":
      return "Succeeded";
    case "Unknown":
    case "Degraded":
      return "Failed";
    default:
      return "Running";
  }
}

function hookMessage(health: Health | undefined, live: KubeObject): string {
  return health === undefined ? `${live.metadata.name} created` : (health.message ?? "");
}

import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { entryOf, fieldsOf, listOf, numberOf, textOf } from "./fields.ts";
import { type Health, type HealthStatus, health } from "./health.ts";

export function assessService(service: KubeObject): Health {
  const isBalanced = textOf(fieldsOf(service.spec).type) === "LoadBalancer";
  return health(isBalanced && ingressOf(service).length === 0 ? "Progressing" : "Healthy");
}

export function assessIngress(ingress: KubeObject): Health {
  return health(ingressOf(ingress).length > 0 ? "Healthy" : "Progressing");
}

function ingressOf(object: KubeObject): readonly JsonObject[] {
  return listOf(fieldsOf(fieldsOf(object.status).loadBalancer).ingress);
}

const claimPhases: Readonly<Record<string, HealthStatus>> = {
  Bound: "Healthy",
  Pending: "Progressing",
  Lost: "Degraded",
};

export function assessClaim(claim: KubeObject): Health {
  return health(entryOf(claimPhases, textOf(fieldsOf(claim.status).phase)) ?? "Unknown");
}

export function assessApiService(service: KubeObject): Health {
  const available = conditionOf(service, "Available");
  if (available === undefined) return health("Progressing", "Waiting to be processed");
  const text = `${textOf(available.reason)}: ${textOf(available.message)}`;
  return health(available.status === "True" ? "Healthy" : "Progressing", text);
}

const workflowPhases: Readonly<Record<string, HealthStatus>> = {
  "": "Progressing",
  Pending: "Progressing",
  Running: "Progressing",
  Succeeded: "Healthy",
  Failed: "Degraded",
  Error: "Degraded",
};

export function assessWorkflow(workflow: KubeObject): Health {
  const { phase, message } = fieldsOf(workflow.status);
  return health(entryOf(workflowPhases, textOf(phase)) ?? "Unknown", textOf(message));
}

/** Times are compared as texts, as in the original. */
export function assessCronJob(job: KubeObject): Health {
  if (fieldsOf(job.spec).suspend === true) return health("Healthy", "CronJob is Suspended");
  if (job.status === undefined) return health("Progressing", "Waiting for CronJob");
  const status = fieldsOf(job.status);
  const scheduled = textOf(status.lastScheduleTime);
  const succeeded = textOf(status.lastSuccessfulTime);
  if (scheduled === "") return health("Healthy", "CronJob has not been scheduled yet");
  if (listOf(status.active).length > 0) return health("Healthy", "CronJob has jobs that run");
  if (succeeded === "") return health("Healthy", "CronJob has not completed a job successfully yet");
  if (succeeded < scheduled) return health("Degraded", "CronJob has not completed its last job successfully");
  return health("Healthy", "CronJob has completed its last job successfully");
}

export function assessDefinition(definition: KubeObject): Health {
  const of = (type: string): JsonObject => conditionOf(definition, type) ?? {};
  const isTerminating = of("Terminating").status === "True";
  if (isTerminating) return health("Progressing", "CRD is being terminated");
  if (listOf(fieldsOf(definition.status).conditions).length === 0)
    return health("Progressing", "Status conditions not found");
  const names = of("NamesAccepted");
  if (names.status === "False") return health("Degraded", textOf(names.message) || "CRD names have not been accepted");
  const structure = of("NonStructuralSchema");
  if (structure.status === "True") return health("Degraded", textOf(structure.message) || "Schema is not structural");
  const established = of("Established");
  if (established.status === "True") return health("Healthy", "CRD is healthy");
  if (established.reason === "Installing") return health("Progressing", "CRD is being installed");
  return health("Degraded", "CRD is not established");
}

export function assessDisruptionBudget(budget: KubeObject): Health {
  const status = fieldsOf(budget.status);
  if (numberOf(budget.metadata.generation) > numberOf(status.observedGeneration))
    return health("Progressing", "Waiting for the PodDisruptionBudget to be observed");
  const failed = listOf(status.conditions).find(({ status, reason }) => {
    return status === "False" && reason !== "InsufficientPods";
  });
  if (failed === undefined) return health("Healthy");
  return health("Degraded", `PodDisruptionBudget has ${textOf(failed.reason)}`);
}

const rolloutPhases: Readonly<Record<string, HealthStatus>> = {
  Healthy: "Healthy",
  Degraded: "Degraded",
  Progressing: "Progressing",
  Paused: "Suspended",
};

/** Its controller writes the phase, and the generation as text. */
export function assessRollout(rollout: KubeObject): Health {
  const { phase, message, observedGeneration } = fieldsOf(rollout.status);
  const isObserved = String(observedGeneration) === String(rollout.metadata.generation ?? "");
  if (phase === undefined || (observedGeneration !== undefined && !isObserved))
    return health("Progressing", "Waiting for rollout spec update to be observed");
  return health(entryOf(rolloutPhases, textOf(phase)) ?? "Unknown", textOf(message));
}

function conditionOf(object: KubeObject, type: string): JsonObject | undefined {
  return listOf(fieldsOf(object.status).conditions).find((condition) => condition.type === type);
}

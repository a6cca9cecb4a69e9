import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { fieldsOf, listOf, numberOf, optionalNumber, textOf } from "./fields.ts";
import { type Health, health } from "./health.ts";

const waiting = "Waiting for rollout to finish:";

export function assessDeployment(deployment: KubeObject): Health {
  const { spec, status, name } = partsOf(deployment);
  if (spec.paused === true) return health("Suspended", "Deployment is paused");
  if (isNotObserved(deployment)) {
    return health("Progressing", `${waiting} observed deployment generation less than desired generation`);
  }
  const progress = listOf(status.conditions).find(({ type }) => type === "Progressing");
  if (progress?.reason === "ProgressDeadlineExceeded") {
    return health("Degraded", `Deployment "${name}" exceeded its progress deadline`);
  }
  const wanted = optionalNumber(spec.replicas);
  const updated = numberOf(status.updatedReplicas);
  const old = numberOf(status.replicas) - updated;
  const available = numberOf(status.availableReplicas);
  if (wanted !== undefined && updated < wanted) {
    return health("Progressing", `${waiting} ${updated} out of ${wanted} new replicas have been updated...`);
  }
  if (old > 0) return health("Progressing", `${waiting} ${old} old replicas are pending termination...`);
  if (available < updated) {
    return health("Progressing", `${waiting} ${available} of ${updated} updated replicas are available...`);
  }
  return health("Healthy");
}

export function assessReplicaSet(set: KubeObject): Health {
  const { spec, status } = partsOf(set);
  if (isNotObserved(set)) {
    return health("Progressing", `${waiting} observed replica set generation less than desired generation`);
  }
  const failure = listOf(status.conditions).find(({ type }) => type === "ReplicaFailure");
  if (failure?.status === "True") return health("Degraded", textOf(failure.message));
  const wanted = optionalNumber(spec.replicas);
  const available = numberOf(status.availableReplicas);
  if (wanted !== undefined && available < wanted) {
    return health("Progressing", `${waiting} ${available} out of ${wanted} new replicas are available...`);
  }
  return health("Healthy");
}

export function assessStatefulSet(set: KubeObject): Health {
  const { spec, status } = partsOf(set);
  if (numberOf(status.observedGeneration) === 0 || isNotObserved(set)) {
    return health("Progressing", "Waiting for statefulset spec update to be observed...");
  }
  const replicas = optionalNumber(spec.replicas);
  const ready = numberOf(status.readyReplicas);
  if (replicas !== undefined && ready < replicas) {
    return health("Progressing", `Waiting for ${replicas - ready} pods to be ready...`);
  }
  const strategy = fieldsOf(spec.updateStrategy);
  const updated = numberOf(status.updatedReplicas);
  if (strategy.type === "RollingUpdate" && isJsonObject(strategy.rollingUpdate)) {
    return partitioned(replicas, optionalNumber(fieldsOf(strategy.rollingUpdate).partition), updated);
  }
  if (strategy.type === "OnDelete") return health("Healthy", `statefulset has ${ready} ready pods`);
  const current = numberOf(status.currentReplicas);
  const { updateRevision, currentRevision } = status;
  if (textOf(updateRevision) !== textOf(currentRevision)) {
    const message = `waiting for statefulset rolling update to complete ${updated} pods at revision ${textOf(updateRevision)}...`;
    return health("Progressing", message);
  }
  const at = `${current} pods at revision ${textOf(currentRevision)}`;
  return health("Healthy", `statefulset rolling update complete ${at}...`);
}

function partitioned(replicas: number | undefined, partition: number | undefined, updated: number): Health {
  const wanted = (replicas ?? 0) - (partition ?? 0);
  if (replicas !== undefined && partition !== undefined && updated < wanted) {
    const count = `${updated} out of ${wanted} new pods have been updated`;
    return health("Progressing", `Waiting for partitioned roll out to finish: ${count}...`);
  }
  return health("Healthy", `partitioned roll out complete: ${updated} new pods have been updated...`);
}

export function assessDaemonSet(set: KubeObject): Health {
  const { spec, status, name } = partsOf(set);
  const rollout = `Waiting for daemon set "${name}" rollout to finish:`;
  if (isNotObserved(set)) {
    return health("Progressing", `${waiting} observed daemon set generation less than desired generation`);
  }
  const updated = numberOf(status.updatedNumberScheduled);
  const desired = numberOf(status.desiredNumberScheduled);
  const available = numberOf(status.numberAvailable);
  if (fieldsOf(spec.updateStrategy).type === "OnDelete") {
    return health("Healthy", `daemon set ${updated} out of ${desired} new pods have been updated`);
  }
  if (updated < desired) {
    return health("Progressing", `${rollout} ${updated} out of ${desired} new pods have been updated...`);
  }
  if (available < desired) {
    return health("Progressing", `${rollout} ${available} of ${desired} updated pods are available...`);
  }
  return health("Healthy");
}

function partsOf(object: KubeObject): {
  readonly spec: JsonObject;
  readonly status: JsonObject;
  readonly name: string;
} {
  return { spec: fieldsOf(object.spec), status: fieldsOf(object.status), name: object.metadata.name ?? "" };
}

function isNotObserved(object: KubeObject): boolean {
  return numberOf(object.metadata.generation) > numberOf(fieldsOf(object.status).observedGeneration);
}

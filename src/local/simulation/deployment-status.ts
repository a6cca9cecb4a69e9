import type { Instant } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import { countOf, metaOf, objectOf, specOf, statusOf } from "./cluster.ts";
import { type ConditionUpdate, findCondition, withConditions } from "./conditions.ts";
import { replicasOf } from "./pods.ts";
import { withoutZeros } from "./replica-set.ts";

export interface StatusInput {
  readonly deployment: JsonObject;
  readonly current: JsonObject | undefined;
  readonly old: readonly JsonObject[];
  readonly maxUnavailable: number;
  readonly now: Instant;
  readonly nowText: string;
}

interface Counts {
  readonly replicas: number;
  readonly updated: number;
  readonly ready: number;
  readonly available: number;
}

/** Pure: the status of a Deployment, and when its progress deadline has to be looked at. */
export function deploymentStatus(input: StatusInput): { readonly status: JsonObject; readonly againAfterMs?: number } {
  const { deployment, current, old, maxUnavailable, nowText } = input;
  const before = statusOf(deployment);
  const counts = countsOf(current, old);
  const wanted = replicasOf(deployment);
  const isAvailable = counts.available >= wanted - maxUnavailable;
  const available: ConditionUpdate = isAvailable
    ? condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    : condition("Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.");
  const progress = progressOf(input, counts);
  const updates = [available, progress.condition].map((update) => touched(before, update, progress.hasMoved, nowText));
  const status = {
    ...withoutZeros({
      replicas: counts.replicas,
      updatedReplicas: counts.updated,
      readyReplicas: counts.ready,
      availableReplicas: counts.available,
      unavailableReplicas: Math.max(0, Math.max(wanted, counts.replicas) - counts.available),
    }),
    observedGeneration: metaOf(deployment).generation ?? 0,
    conditions: withConditions(before, updates, nowText),
  };
  return progress.againAfterMs === undefined ? { status } : { status, againAfterMs: progress.againAfterMs };
}

function countsOf(current: JsonObject | undefined, old: readonly JsonObject[]): Counts {
  const all = current === undefined ? old : [current, ...old];
  const sum = (field: string): number => all.reduce((total, set) => total + countOf(statusOf(set)[field]), 0);
  return {
    replicas: sum("replicas"),
    updated: current === undefined ? 0 : countOf(statusOf(current).replicas),
    ready: sum("readyReplicas"),
    available: sum("availableReplicas"),
  };
}

function condition(type: string, status: "True" | "False" | "Unknown", reason: string, message: string) {
  return { type, status, reason, message };
}

/** The time of the last update moves when the condition changes, and with each step of progress. */
function touched(before: JsonObject, update: ConditionUpdate, hasMoved: boolean, now: string): ConditionUpdate {
  const old = findCondition(before, update.type);
  const isSame = old?.status === update.status && old.reason === update.reason;
  const keeps = isSame && !(hasMoved && update.type === "Progressing");
  return { ...update, lastUpdateTime: keeps ? String(old?.lastUpdateTime ?? now) : now };
}

interface Progress {
  readonly condition: ConditionUpdate;
  readonly hasMoved: boolean;
  readonly againAfterMs?: number;
}

function progressOf(input: StatusInput, counts: Counts): Progress {
  const { deployment, current } = input;
  const before = statusOf(deployment);
  const old = findCondition(before, "Progressing");
  const name = String(metaOf(current ?? deployment).name);
  const subject = `ReplicaSet ${JSON.stringify(name)}`;
  const wanted = replicasOf(deployment);
  const of = (status: "True" | "False" | "Unknown", reason: string, message: string) =>
    condition("Progressing", status, reason, message);
  if (specOf(deployment).paused === true) {
    return { condition: of("Unknown", "DeploymentPaused", "Deployment is paused"), hasMoved: false };
  }
  const isDone = counts.updated === wanted && counts.replicas === wanted && counts.available === wanted;
  if (isDone) {
    return {
      condition: of("True", "NewReplicaSetAvailable", `${subject} has successfully progressed.`),
      hasMoved: false,
    };
  }
  const isNew = before.observedGeneration !== metaOf(deployment).generation || old === undefined;
  const hasMoved = isNew || isFurther(before, counts);
  if (hasMoved) {
    return {
      condition: of("True", "ReplicaSetUpdated", `${subject} is progressing.`),
      hasMoved,
      ...deadline(input, input.now),
    };
  }
  const since = Date.parse(String(old?.lastUpdateTime)) as Instant;
  const { againAfterMs } = deadline(input, since);
  const isLate = againAfterMs !== undefined && againAfterMs <= 0 && old?.reason !== "NewReplicaSetAvailable";
  if (isLate || old?.reason === "ProgressDeadlineExceeded") {
    const late = of("False", "ProgressDeadlineExceeded", `${subject} has timed out progressing.`);
    return { condition: late, hasMoved: false };
  }
  return {
    condition: of("True", String(old?.reason ?? "ReplicaSetUpdated"), String(old?.message ?? "")),
    hasMoved: false,
    ...(againAfterMs === undefined || againAfterMs <= 0 ? {} : { againAfterMs }),
  };
}

function isFurther(before: JsonObject, counts: Counts): boolean {
  const updated = countOf(before.updatedReplicas);
  const outdated = countOf(before.replicas) - updated;
  return (
    counts.updated > updated ||
    counts.replicas - counts.updated < outdated ||
    counts.ready > countOf(before.readyReplicas) ||
    counts.available > countOf(before.availableReplicas)
  );
}

function deadline({ deployment, now }: StatusInput, since: Instant): { readonly againAfterMs?: number } {
  const { progressDeadlineSeconds } = objectOf(deployment.spec);
  if (typeof progressDeadlineSeconds !== "number") return {};
  return { againAfterMs: since + progressDeadlineSeconds * 1_000 - now };
}

import type { JsonObject } from "../../base/json.ts";
import type { ObjectKey } from "../stored-object.ts";
import { type Cluster, countOf, isDeleted, keyOfObject, metaOf, objectOf, specOf, statusOf } from "./cluster.ts";
import { type ConditionUpdate, findCondition, withConditions } from "./conditions.ts";
import { isActive, isReady, keepPods, podOf } from "./pods.ts";
import { withoutZeros } from "./replica-set.ts";

/** Runs the Pods of a Job until enough succeeded or too many failed. */
export async function reconcileJob(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const job = cluster.read(key);
  if (job === undefined || isDeleted(job)) return {};
  if (isOver(job)) return removeLater(cluster, key, job);
  const pods = cluster.listOwned(job, "/pods");
  const plan = planJob(job, pods);
  await keepPods(cluster, { active: pods.filter(isActive), wanted: plan.wanted, make: () => podOf(job) });
  const now = cluster.nowText();
  const active = plan.outcome === undefined ? cluster.listOwned(job, "/pods").filter(isActive) : [];
  await cluster.setStatus(key, (old) => jobStatus(old, plan, active, now));
  return {};
}

/** `ttlSecondsAfterFinished` */
async function removeLater(cluster: Cluster, key: ObjectKey, job: JsonObject): Promise<{ againAfterMs?: number }> {
  const { ttlSecondsAfterFinished } = specOf(job);
  if (typeof ttlSecondsAfterFinished !== "number") return {};
  const end = ["Complete", "Failed"]
    .map((type) => findCondition(statusOf(job), type)?.lastTransitionTime)
    .find(Boolean);
  const leftMs = Date.parse(String(end)) + ttlSecondsAfterFinished * 1_000 - cluster.now();
  if (leftMs > 0) return { againAfterMs: leftMs };
  await cluster.delete(key);
  return {};
}

function isOver(job: JsonObject): boolean {
  return ["Complete", "Failed"].some((type) => findCondition(statusOf(job), type)?.status === "True");
}

export interface JobPlan {
  readonly succeeded: number;
  readonly failed: number;
  /** How many Pods are to run. */
  readonly wanted: number;
  readonly outcome: "Complete" | "Failed" | undefined;
  readonly isSuspended: boolean;
}

/** Pure. */
export function planJob(job: JsonObject, pods: readonly JsonObject[]): JobPlan {
  const { parallelism, completions, backoffLimit, suspend } = specOf(job);
  const ended = (phase: string): number => pods.filter((pod) => statusOf(pod).phase === phase).length;
  const counts = { succeeded: ended("Succeeded"), failed: ended("Failed"), isSuspended: suspend === true };
  const isFailed = counts.failed > countOf(backoffLimit);
  // Without completions any Pod that succeeds ends the Job once none runs.
  const isQueue = completions === undefined || completions === null;
  const isEnough = isQueue ? counts.succeeded > 0 && !pods.some(isActive) : counts.succeeded >= countOf(completions);
  if (isFailed || isEnough) return { ...counts, wanted: 0, outcome: isFailed ? "Failed" : "Complete" };
  if (counts.isSuspended) return { ...counts, wanted: 0, outcome: undefined };
  const running = isQueue && counts.succeeded > 0 ? pods.filter(isActive).length : countOf(parallelism);
  const wanted = isQueue ? running : Math.min(running, countOf(completions) - counts.succeeded);
  return { ...counts, wanted, outcome: undefined };
}

function jobStatus(job: JsonObject, plan: JobPlan, active: readonly JsonObject[], now: string): JsonObject {
  const { active: _active, ready: _ready, succeeded: _succeeded, failed: _failed, ...old } = statusOf(job);
  const conditions = withConditions(old, conditionsOfJob(plan, now), now);
  return {
    ...old,
    ...withoutZeros({ active: active.length, succeeded: plan.succeeded, failed: plan.failed }),
    ready: active.filter(isReady).length,
    terminating: 0,
    uncountedTerminatedPods: {},
    ...(plan.isSuspended ? {} : { startTime: old.startTime ?? now }),
    ...(plan.outcome === "Complete" ? { completionTime: now } : {}),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

function conditionsOfJob(plan: JobPlan, now: string): readonly ConditionUpdate[] {
  const of = (type: string, reason: string, message: string) =>
    ({ type, status: "True", reason, message, lastProbeTime: now }) as const;
  if (plan.outcome === "Failed") {
    const message = "Job has reached the specified backoff limit";
    return [of("FailureTarget", "BackoffLimitExceeded", message), of("Failed", "BackoffLimitExceeded", message)];
  }
  if (plan.outcome === "Complete") {
    const message = "Reached expected number of succeeded pods";
    return [of("SuccessCriteriaMet", "CompletionsReached", message), of("Complete", "CompletionsReached", message)];
  }
  if (plan.isSuspended) return [of("Suspended", "JobSuspended", "Job suspended")];
  return [];
}

/** A claim is bound at once, to a volume that is a name only. */
export async function reconcileClaim(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const claim = cluster.read(key);
  if (claim === undefined || isDeleted(claim) || statusOf(claim).phase === "Bound") return {};
  const { accessModes = [], resources, volumeName } = specOf(claim);
  if (volumeName === undefined) {
    const name = `pvc-${String(metaOf(claim).uid)}`;
    await cluster.change(keyOfObject(key.resource, claim), (old) => ({
      ...old,
      spec: { ...specOf(old), volumeName: name },
    }));
  }
  const capacity = objectOf(objectOf(resources).requests);
  await cluster.setStatus(key, (old) => ({ ...statusOf(old), phase: "Bound", accessModes, capacity }));
  return {};
}

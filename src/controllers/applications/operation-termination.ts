import { EngineError } from "../../base/errors.ts";
import { assessHealth } from "../../gitops/health/assess.ts";
import type { HealthChecks } from "../../gitops/health/checks.ts";
import { releaseHook } from "../../gitops/sync/apply.ts";
import type { ResourceResult } from "../../gitops/sync/sync.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { ObjectRef } from "../../objects/object.ts";

export interface Termination {
  readonly results: readonly ResourceResult[];
  readonly hasFailed: boolean;
}

/**
 * Hooks that run when an operation is terminated are released and deleted, so that none is left that cannot go; what was
 * applied stays (spec argo-cd-engine 4.14).
 * @throws the signal's reason when it aborts
 */
export async function terminateHooks(
  results: readonly ResourceResult[],
  kube: KubeClient,
  signal: AbortSignal,
  users?: HealthChecks,
): Promise<Termination> {
  let hasFailed = false;
  const after: ResourceResult[] = [];
  for (const result of results) {
    const isRunning = result.hookType !== undefined && result.hookPhase === "Running";
    try {
      after.push(isRunning ? await terminateHook(result, kube, signal, users) : result);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EngineError)) throw error;
      hasFailed = true;
      after.push({ ...result, hookPhase: "Error", message: error.message });
    }
  }
  return { results: after, hasFailed };
}

async function terminateHook(
  result: ResourceResult,
  kube: KubeClient,
  signal: AbortSignal,
  users: HealthChecks | undefined,
): Promise<ResourceResult> {
  const ref = refOf(result);
  const live = await kube.get(ref, signal);
  if (live === undefined) return { ...result, hookPhase: "Succeeded", message: "Terminated" };
  const health = assessHealth(live, users);
  await releaseHook(live, { kube, signal, syncOptions: [] });
  if (health === undefined || health.status === "Healthy") {
    return { ...result, hookPhase: "Succeeded", message: health?.message ?? "" };
  }
  if (health.status === "Degraded") return { ...result, hookPhase: "Failed", message: health.message ?? "" };
  await kube.delete(ref, { propagationPolicy: "Background" }, signal);
  return { ...result, hookPhase: "Failed", message: "Terminated" };
}

function refOf({ group, version, kind, namespace, name }: ResourceResult): ObjectRef {
  const apiVersion = group === "" || group === undefined ? version : `${group}/${version}`;
  return { apiVersion, kind, name, ...(namespace ? { namespace } : {}) };
}

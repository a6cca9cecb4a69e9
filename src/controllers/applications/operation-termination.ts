import { hookDeletePoliciesOf } from "../../api/resource-annotations.ts";
import { EngineError } from "../../base/errors.ts";
import { deleteKnown } from "../../gitops/sync/delete-known.ts";
import { releaseHook } from "../../gitops/sync/hooks.ts";
import type { ExecutorDeps } from "../../gitops/sync/run.ts";
import type { ResourceResult } from "../../gitops/sync/sync.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { ObjectRef } from "../../objects/object.ts";

type Assess = ExecutorDeps["assess"];

export interface Termination {
  readonly results: readonly ResourceResult[];
  readonly hasFailed: boolean;
}

/**
 * Hooks of an operation that is terminated are released, and deleted where they still run, so that none is left that cannot
 * go; what was applied stays (spec argo-cd-engine 4.14).
 * @throws the signal's reason when it aborts
 */
export async function terminateHooks(
  results: readonly ResourceResult[],
  kube: KubeClient,
  assess: Assess,
  signal: AbortSignal,
): Promise<Termination> {
  let hasFailed = false;
  const after: ResourceResult[] = [];
  for (const result of results) {
    const isHook = result.hookType !== undefined && result.status === "Synced";
    try {
      after.push(isHook ? await terminateHook(result, kube, assess, signal) : result);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EngineError)) throw error;
      hasFailed = true;
      after.push({ ...result, hookPhase: "Error", message: error.message });
    }
  }
  return { results: after, hasFailed };
}

/** One that is over only loses its finalizer; one that runs is deleted, and so is one that a failure is to take away. */
async function terminateHook(
  result: ResourceResult,
  kube: KubeClient,
  assess: Assess,
  signal: AbortSignal,
): Promise<ResourceResult> {
  const ref = refOf(result);
  const live = await kube.get(ref, signal);
  const isRunning = result.hookPhase === "Running";
  if (live === undefined) return isRunning ? { ...result, hookPhase: "Succeeded", message: "Terminated" } : result;
  // Another object of its name is not this operation's.
  if (result.uid !== undefined && live.metadata.uid !== result.uid) return result;
  const { health } = await assess(live);
  await releaseHook(live, { kube, signal });
  if (!isRunning) return result;
  const isOver = health === undefined || health.status === "Healthy" || health.status === "Degraded";
  const isTaken = hookDeletePoliciesOf(live.metadata.annotations ?? {}).has("HookFailed");
  if (!isOver || isTaken) await deleteKnown(live, { propagationPolicy: "Background" }, { kube, signal });
  if (!isOver) return { ...result, hookPhase: "Failed", message: "Terminated" };
  const hookPhase = health?.status === "Degraded" ? "Failed" : "Succeeded";
  return { ...result, hookPhase, message: health?.message ?? "" };
}

function refOf({ group, version, kind, namespace, name }: ResourceResult): ObjectRef {
  const apiVersion = group === "" || group === undefined ? version : `${group}/${version}`;
  return { apiVersion, kind, name, ...(namespace ? { namespace } : {}) };
}

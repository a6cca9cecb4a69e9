import { hookFinalizer } from "../../api/resource-annotations.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { KubeObject } from "../../objects/object.ts";
import { assessAutoscaler } from "./autoscaler.ts";
import { builtInChecks, type HealthChecks } from "./checks.ts";
import { assessConditions } from "./conditions.ts";
import { type Health, health } from "./health.ts";
import { assessJob } from "./job.ts";
import { assessPod } from "./pod.ts";
import { runHealthScript } from "./script.ts";
import {
  assessApiService,
  assessClaim,
  assessCronJob,
  assessDefinition,
  assessDisruptionBudget,
  assessIngress,
  assessRollout,
  assessService,
  assessWorkflow,
} from "./small-kinds.ts";
import { assessDaemonSet, assessDeployment, assessReplicaSet, assessStatefulSet } from "./workloads.ts";

type Check = (object: KubeObject) => Health | undefined;

interface KindCheck {
  /** Of other versions nothing is known. Absent: any version. */
  readonly versions?: readonly string[];
  readonly check: Check;
}

/** By `group/Kind`. */
const checks: Readonly<Record<string, KindCheck>> = {
  "apps/Deployment": { versions: ["v1"], check: assessDeployment },
  "apps/StatefulSet": { versions: ["v1"], check: assessStatefulSet },
  "apps/DaemonSet": { versions: ["v1"], check: assessDaemonSet },
  "apps/ReplicaSet": { versions: ["v1"], check: assessReplicaSet },
  "/Pod": { versions: ["v1"], check: assessPod },
  "batch/Job": { versions: ["v1"], check: assessJob },
  "batch/CronJob": { check: assessCronJob },
  "/Service": { versions: ["v1"], check: assessService },
  "/PersistentVolumeClaim": { versions: ["v1"], check: assessClaim },
  "extensions/Ingress": { check: assessIngress },
  "networking.k8s.io/Ingress": { check: assessIngress },
  "autoscaling/HorizontalPodAutoscaler": { versions: ["v1", "v2"], check: assessAutoscaler },
  "apiregistration.k8s.io/APIService": { versions: ["v1", "v1beta1"], check: assessApiService },
  "apiextensions.k8s.io/CustomResourceDefinition": { check: assessDefinition },
  "policy/PodDisruptionBudget": { check: assessDisruptionBudget },
  "argoproj.io/Workflow": { check: assessWorkflow },
  "argoproj.io/Rollout": { check: assessRollout },
  // A parent waits for its children only where the user says so, by a script.
  "argoproj.io/Application": { check: () => undefined },
};

/** `health` is absent for kinds that have none. `problem`: it could not be found out; then `health` is Unknown. */
export interface Assessment {
  readonly health?: Health;
  readonly problem?: string;
}

/**
 * The state of one live object: what deletes it, a script of the user, the built-in check of its kind, else its conditions
 * (spec argo-cd-engine 5.1, 5.2). Does not throw: fields of a wrong type count as absent,
 * and what cannot be found out is Unknown.
 */
export function assessObject(object: KubeObject, users: HealthChecks = builtInChecks): Assessment {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  if (deletionTimestamp && !finalizers.includes(hookFinalizer))
    return { health: health("Progressing", "Pending deletion") };
  const script = users.scriptOf(object);
  try {
    if (script === undefined) return assessBuiltIn(object);
    const found = runHealthScript(script, object, { nowMs: users.nowMs() });
    return found === undefined ? {} : { health: found };
  } catch (error) {
    if (error instanceof EngineError) return unknown(messageOf(error));
    throw error;
  }
}

/** The health of one live object; undefined for kinds that have none. */
export function assessHealth(object: KubeObject, users: HealthChecks = builtInChecks): Health | undefined {
  return assessObject(object, users).health;
}

function assessBuiltIn(object: KubeObject): Assessment {
  const { apiVersion, kind } = object;
  const at = apiVersion.indexOf("/");
  const [group, version] = [apiVersion.slice(0, Math.max(at, 0)), apiVersion.slice(at + 1)];
  const key = `${group}/${kind}`;
  const known = Object.hasOwn(checks, key) ? checks[key] : undefined;
  if (known?.versions?.includes(version) === false)
    return unknown(`unsupported ${kind} GVK: ${group}/${version}, Kind=${kind}`);
  const found = known === undefined ? assessConditions(object) : known.check(object);
  return found === undefined ? {} : { health: found };
}

function unknown(problem: string): Assessment {
  return { health: health("Unknown", problem), problem };
}

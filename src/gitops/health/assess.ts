import { hookFinalizer } from "../../api/resource-annotations.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { fieldsOf, listOf, textOf } from "./fields.ts";
import { type Health, health } from "./health.ts";
import { assessJob } from "./job.ts";
import { assessPod } from "./pod.ts";
import { assessDaemonSet, assessDeployment, assessReplicaSet, assessStatefulSet } from "./workloads.ts";

type Check = (object: KubeObject) => Health;

interface KindCheck {
  /** Of other versions nothing is known. Absent: any version. */
  readonly version?: string;
  readonly check: Check;
}

/** By `group/Kind`. */
const checks: Readonly<Record<string, KindCheck>> = {
  "apps/Deployment": { version: "v1", check: assessDeployment },
  "apps/StatefulSet": { version: "v1", check: assessStatefulSet },
  "apps/DaemonSet": { version: "v1", check: assessDaemonSet },
  "apps/ReplicaSet": { version: "v1", check: assessReplicaSet },
  "/Pod": { version: "v1", check: assessPod },
  "batch/Job": { version: "v1", check: assessJob },
  "/Service": { version: "v1", check: assessService },
  "/PersistentVolumeClaim": { version: "v1", check: assessClaim },
  "extensions/Ingress": { check: assessIngress },
  "networking.k8s.io/Ingress": { check: assessIngress },
};

/**
 * The health of one live object; undefined for kinds that have none (spec argo-cd-engine 5.1, 5.2). Does not throw: fields
 * of a wrong type count as absent.
 */
export function assessHealth(object: KubeObject): Health | undefined {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  if (deletionTimestamp && !finalizers.includes(hookFinalizer)) return health("Progressing", "Pending deletion");
  const [group, version] = splitVersion(object.apiVersion);
  const key = `${group}/${object.kind}`;
  const kind = Object.hasOwn(checks, key) ? checks[key] : undefined;
  if (kind === undefined) return undefined;
  if (kind.version !== undefined && kind.version !== version) {
    const name = `${object.apiVersion}, Kind=${object.kind}`;
    return health("Unknown", `unsupported ${object.kind} GVK: ${name}`);
  }
  return kind.check(object);
}

function splitVersion(apiVersion: string): readonly [string, string] {
  const at = apiVersion.indexOf("/");
  return at < 0 ? ["", apiVersion] : [apiVersion.slice(0, at), apiVersion.slice(at + 1)];
}

function assessService(service: KubeObject): Health {
  const isBalanced = textOf(fieldsOf(service.spec).type) === "LoadBalancer";
  return health(isBalanced && ingressOf(service).length === 0 ? "Progressing" : "Healthy");
}

function assessIngress(ingress: KubeObject): Health {
  return health(ingressOf(ingress).length > 0 ? "Healthy" : "Progressing");
}

function ingressOf(object: KubeObject): readonly JsonObject[] {
  return listOf(fieldsOf(fieldsOf(object.status).loadBalancer).ingress);
}

function assessClaim(claim: KubeObject): Health {
  switch (textOf(fieldsOf(claim.status).phase)) {
    case "Bound":
      return health("Healthy");
    case "Pending":
      return health("Progressing");
    case "Lost":
      return health("Degraded");
    default:
      return health("Unknown");
  }
}

import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "../../base/json.ts";
import type { ObjectKey } from "../stored-object.ts";
import {
  type Cluster,
  controllerReference,
  countOf,
  isDeleted,
  keyOfObject,
  metaOf,
  objectOf,
  specOf,
  statusOf,
} from "./cluster.ts";
import { deploymentStatus } from "./deployment-status.ts";
import { hashOf, replicasOf } from "./pods.ts";
import { countOrPercent, planRollout, type RolloutRules, type RolloutSet } from "./rollout.ts";

const sets = "apps/replicasets";
const hashLabel = "pod-template-hash";
const revisionAnnotation = "deployment.kubernetes.io/revision";
const ownAnnotations = [
  "kubectl.kubernetes.io/last-applied-configuration",
  revisionAnnotation,
  "deployment.kubernetes.io/desired-replicas",
  "deployment.kubernetes.io/max-replicas",
];

/** One step of a rollout: the ReplicaSet of the template, replicas of all of them, the status. */
export async function reconcileDeployment(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const deployment = cluster.read(key);
  if (deployment === undefined || isDeleted(deployment)) return {};
  const rules = rulesOf(deployment);
  const isPaused = specOf(deployment).paused === true;
  const owned = cluster.listOwned(deployment, sets).filter((set) => !isDeleted(set));
  const current = owned.find((set) => isDeepStrictEqual(templateOf(set), templateOf(deployment)));
  const old = owned.filter((set) => set !== current);
  if (current === undefined && !isPaused) await cluster.create(sets, newSet(deployment, owned, rules, old));
  else if (current !== undefined && !isPaused) await moveOn(cluster, deployment, { current, old, rules });
  else if (isPaused) await scaleAlone(cluster, owned, rules.replicas);
  return writeStatus(cluster, key, rules);
}

function templateOf(object: JsonObject): JsonObject {
  const template = objectOf(specOf(object).template);
  const metadata = metaOf(template);
  const { [hashLabel]: _hash, ...labels } = objectOf(metadata.labels);
  return { ...template, metadata: { ...metadata, labels } };
}

function rulesOf(deployment: JsonObject): RolloutRules {
  const replicas = replicasOf(deployment);
  const strategy = objectOf(specOf(deployment).strategy);
  const rolling = objectOf(strategy.rollingUpdate);
  const maxSurge = countOrPercent(rolling.maxSurge, replicas, "up");
  const maxUnavailable = countOrPercent(rolling.maxUnavailable, replicas, "down");
  const isStuck = maxSurge === 0 && maxUnavailable === 0;
  const isRecreate = strategy.type === "Recreate";
  return {
    replicas,
    strategy: isRecreate ? "Recreate" : "RollingUpdate",
    maxSurge,
    maxUnavailable: isRecreate ? replicas : isStuck ? 1 : Math.min(maxUnavailable, replicas),
  };
}

function revisionOf(object: JsonObject): number {
  return Number(objectOf(metaOf(object).annotations)[revisionAnnotation] ?? 0) || 0;
}

function annotationsFor(deployment: JsonObject, revision: number, rules: RolloutRules): JsonObject {
  const given = Object.entries(objectOf(metaOf(deployment).annotations));
  return {
    ...Object.fromEntries(given.filter(([name]) => !ownAnnotations.includes(name))),
    [revisionAnnotation]: String(revision),
    "deployment.kubernetes.io/desired-replicas": String(rules.replicas),
    "deployment.kubernetes.io/max-replicas": String(rules.replicas + rules.maxSurge),
  };
}

/** A new ReplicaSet starts with what the strategy lets run beside the old ones. */
function newSet(
  deployment: JsonObject,
  owned: readonly JsonObject[],
  rules: RolloutRules,
  old: readonly JsonObject[],
): JsonObject {
  const { name, namespace = "" } = metaOf(deployment);
  const { selector, template, minReadySeconds } = specOf(deployment);
  const hash = hashOf(templateOf(deployment));
  const labels = { ...objectOf(metaOf(objectOf(template)).labels), [hashLabel]: hash };
  const matchLabels = { ...objectOf(objectOf(selector).matchLabels), [hashLabel]: hash };
  const set = { name: "", wanted: 0, replicas: 0, available: 0 };
  const replicas = planRollout(rules, set, old.map(rolloutSet)).get("") ?? 0;
  const revision = Math.max(0, ...owned.map(revisionOf)) + 1;
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${String(name)}-${hash}`,
      namespace,
      labels,
      annotations: annotationsFor(deployment, revision, rules),
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...objectOf(selector), matchLabels },
      template: { ...objectOf(template), metadata: { ...metaOf(objectOf(template)), labels } },
    },
  };
}

function rolloutSet(set: JsonObject): RolloutSet {
  const { replicas, availableReplicas } = statusOf(set);
  return {
    name: String(metaOf(set).name),
    wanted: replicasOf(set),
    replicas: countOf(replicas),
    available: countOf(availableReplicas),
  };
}

interface Rollout {
  readonly current: JsonObject;
  readonly old: readonly JsonObject[];
  readonly rules: RolloutRules;
}

async function moveOn(cluster: Cluster, deployment: JsonObject, { current, old, rules }: Rollout): Promise<void> {
  const revision = Math.max(revisionOf(current), ...old.map((set) => revisionOf(set) + 1));
  const annotations = annotationsFor(deployment, revision, rules);
  const present = objectOf(metaOf(current).annotations);
  const isAnnotated = Object.entries(annotations).every(([name, value]) => present[name] === value);
  if (!isAnnotated) await annotate(cluster, keyOfObject(sets, current), annotations);
  const steps = planRollout(rules, rolloutSet(current), old.map(rolloutSet));
  const writes = [...steps].map(([name, replicas]) =>
    scale(cluster, { ...keyOfObject(sets, current), name }, replicas),
  );
  await Promise.all([...writes, removeHistory(cluster, deployment, old), writeRevision(cluster, deployment, revision)]);
}

async function annotate(cluster: Cluster, key: ObjectKey, annotations: JsonObject): Promise<void> {
  await cluster.change(key, (old) => {
    const all = { ...objectOf(metaOf(old).annotations), ...annotations };
    return { ...old, metadata: { ...metaOf(old), annotations: all } };
  });
}

async function scale(cluster: Cluster, key: ObjectKey, replicas: number): Promise<void> {
  await cluster.change(key, (set) => ({ ...set, spec: { ...specOf(set), replicas } }));
}

/** A paused Deployment still scales, as long as only one ReplicaSet runs. */
async function scaleAlone(cluster: Cluster, owned: readonly JsonObject[], replicas: number): Promise<void> {
  const [only, ...more] = owned.filter((set) => replicasOf(set) > 0);
  if (only !== undefined && more.length === 0) await scale(cluster, keyOfObject(sets, only), replicas);
}

async function writeRevision(cluster: Cluster, deployment: JsonObject, revision: number): Promise<void> {
  if (revisionOf(deployment) === revision) return;
  await annotate(cluster, keyOfObject("apps/deployments", deployment), { [revisionAnnotation]: String(revision) });
}

async function removeHistory(cluster: Cluster, deployment: JsonObject, old: readonly JsonObject[]): Promise<void> {
  const { revisionHistoryLimit } = specOf(deployment);
  const idle = old
    .filter((set) => replicasOf(set) === 0 && countOf(statusOf(set).replicas) === 0)
    .toSorted((a, b) => revisionOf(b) - revisionOf(a));
  const surplus = idle.slice(countOf(revisionHistoryLimit));
  await Promise.all(surplus.map((set) => cluster.delete(keyOfObject(sets, set))));
}

/** From what is stored now, so that the steps just taken count. */
async function writeStatus(cluster: Cluster, key: ObjectKey, rules: RolloutRules): Promise<{ againAfterMs?: number }> {
  const deployment = cluster.read(key);
  if (deployment === undefined) return {};
  const owned = cluster.listOwned(deployment, sets).filter((set) => !isDeleted(set));
  const current = owned.find((set) => isDeepStrictEqual(templateOf(set), templateOf(deployment)));
  const { status, againAfterMs } = deploymentStatus({
    deployment,
    current,
    old: owned.filter((set) => set !== current),
    maxUnavailable: rules.maxUnavailable,
    now: cluster.now(),
    nowText: cluster.nowText(),
  });
  await cluster.setStatus(key, () => status);
  return againAfterMs === undefined ? {} : { againAfterMs };
}

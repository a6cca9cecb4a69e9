import type { JsonObject } from "../../base/json.ts";
import type { ObjectKey } from "../stored-object.ts";
import { type Cluster, countOf, isDeleted, keyOfObject, metaOf, objectOf, specOf, statusOf } from "./cluster.ts";
import { availabilityOf, isActive, isReady, podOf } from "./pods.ts";
import { keepRevisions, revisionLabel, revisionOf } from "./revisions.ts";
import { countOrPercent } from "./rollout.ts";

/** One Pod on each Node that the template selects. */
export async function reconcileDaemonSet(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const set = cluster.read(key);
  if (set === undefined || isDeleted(set)) return {};
  const revision = revisionOf(set).label;
  const pods = (): readonly JsonObject[] => cluster.listOwned(set, "/pods").filter((pod) => !isDeleted(pod));
  const before = pods();
  const name = String(metaOf(set).name);
  await keepRevisions(cluster, set, new Set(before.map((pod) => `${name}-${revisionIn(pod)}`)));
  const nodes = cluster
    .list("/nodes")
    .filter((node) => isSelected(set, node))
    .map((node) => String(metaOf(node).name));
  await place(cluster, set, { nodes, pods: before, revision });
  return writeStatus(cluster, key, { set, pods: pods().filter(isActive), wanted: nodes.length, revision });
}

function revisionIn(pod: JsonObject): string {
  return String(objectOf(metaOf(pod).labels)[revisionLabel] ?? "");
}

function isSelected(set: JsonObject, node: JsonObject): boolean {
  const { nodeSelector } = specOf(objectOf(specOf(set).template));
  const labels = objectOf(metaOf(node).labels);
  return Object.entries(objectOf(nodeSelector)).every(([name, value]) => labels[name] === value);
}

interface Placement {
  readonly nodes: readonly string[];
  readonly pods: readonly JsonObject[];
  readonly revision: string;
}

async function place(cluster: Cluster, set: JsonObject, { nodes, pods, revision }: Placement): Promise<void> {
  const nodeOf = (pod: JsonObject): string => String(specOf(pod).nodeName);
  const kept = pods.filter((pod) => isActive(pod) && nodes.includes(nodeOf(pod)));
  const misplaced = pods.filter((pod) => !kept.includes(pod));
  const missing = nodes.filter((node) => !kept.some((pod) => nodeOf(pod) === node));
  const gone = [...misplaced, ...outdated(set, { nodes, pods: kept, revision })];
  await Promise.all([
    ...gone.map((pod) => cluster.delete(keyOfObject("/pods", pod))),
    ...missing.map((nodeName) => {
      const pod = podOf(set, { [revisionLabel]: revision, "pod-template-generation": generationOf(set) });
      return cluster.create("/pods", { ...pod, spec: { ...specOf(pod), nodeName } });
    }),
  ]);
}

function generationOf(set: JsonObject): string {
  return String(countOf(metaOf(set).generation) || 1);
}

/** As many as may be unavailable; those that are so already go first. */
function outdated(set: JsonObject, { nodes, pods, revision }: Placement): readonly JsonObject[] {
  const strategy = objectOf(specOf(set).updateStrategy);
  if (strategy.type === "OnDelete") return [];
  const old = pods.filter((pod) => revisionIn(pod) !== revision);
  const { maxUnavailable = 1 } = objectOf(strategy.rollingUpdate);
  const allowed = Math.max(1, countOrPercent(maxUnavailable, nodes.length, "up"));
  const unavailable = nodes.length - pods.filter(isReady).length;
  const broken = old.filter((pod) => !isReady(pod));
  const ready = old.filter(isReady).slice(0, Math.max(0, allowed - unavailable));
  return [...broken, ...ready];
}

async function writeStatus(
  cluster: Cluster,
  key: ObjectKey,
  { set, pods, wanted, revision }: { set: JsonObject; pods: readonly JsonObject[]; wanted: number; revision: string },
): Promise<{ againAfterMs?: number }> {
  const availability = availabilityOf(pods, countOf(specOf(set).minReadySeconds), cluster.now());
  const unavailable = wanted - availability.available;
  await cluster.setStatus(key, (old) => {
    const { numberUnavailable: _old, ...rest } = statusOf(old);
    return {
      ...rest,
      observedGeneration: metaOf(set).generation ?? 0,
      desiredNumberScheduled: wanted,
      currentNumberScheduled: pods.length,
      numberMisscheduled: 0,
      numberReady: availability.ready,
      numberAvailable: availability.available,
      updatedNumberScheduled: pods.filter((pod) => revisionIn(pod) === revision).length,
      ...(unavailable > 0 ? { numberUnavailable: unavailable } : {}),
    };
  });
  return availability.againAfterMs === undefined ? {} : { againAfterMs: availability.againAfterMs };
}

import type { JsonObject } from "../../base/json.ts";
import type { ObjectKey } from "../stored-object.ts";
import { type Cluster, countOf, isDeleted, metaOf, objectOf, specOf } from "./cluster.ts";
import { availabilityOf, isActive, keepPods, podOf, replicasOf } from "./pods.ts";

/** Keeps as many Pods as the ReplicaSet says. */
export async function reconcileReplicaSet(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const set = cluster.read(key);
  if (set === undefined) return {};
  const active = (): readonly JsonObject[] => cluster.listOwned(set, "/pods").filter(isActive);
  if (!isDeleted(set)) await keepPods(cluster, { active: active(), wanted: replicasOf(set), make: () => podOf(set) });
  const pods = active();
  const availability = availabilityOf(pods, countOf(specOf(set).minReadySeconds), cluster.now());
  await cluster.setStatus(key, (old) => ({
    ...withoutZeros({
      ...objectOf(old.status),
      fullyLabeledReplicas: pods.length,
      readyReplicas: availability.ready,
      availableReplicas: availability.available,
    }),
    replicas: pods.length,
    observedGeneration: metaOf(set).generation ?? 0,
  }));
  return availability.againAfterMs === undefined ? {} : { againAfterMs: availability.againAfterMs };
}

/** Counts of zero are not written. */
export function withoutZeros(status: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0));
}

import { isJsonObject, type JsonObject } from "../../base/json.ts";
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
import { availabilityOf, isActive, isReady, podOf, replicasOf } from "./pods.ts";
import { keepRevisions, revisionLabel, revisionOf } from "./revisions.ts";

/** One Pod of a StatefulSet, as its next step sees it. */
interface Member {
  readonly ordinal: number;
  readonly isReady: boolean;
  readonly isCurrent: boolean;
}

interface Rules {
  readonly start: number;
  readonly replicas: number;
  readonly isParallel: boolean;
  /** Pods below it keep their revision; Infinity: all of them do (OnDelete). */
  readonly partition: number;
}

/** What to do next: ordinals to make and to delete. */
export interface SetStep {
  readonly create: readonly number[];
  readonly remove: readonly number[];
}

/** Of one step; the changes that it makes cause the next. */
const maxParallel = 100;

/** Pure. In order, one Pod after the other: up from the first, down and over to a new revision from the last. */
export function planStatefulSet(rules: Rules, members: readonly Member[]): SetStep {
  const end = rules.start + rules.replicas;
  const present = new Set(members.map(({ ordinal }) => ordinal));
  const missing: number[] = [];
  for (let ordinal = rules.start; ordinal < end && missing.length < maxParallel; ordinal++) {
    if (!present.has(ordinal)) missing.push(ordinal);
  }
  const inRange = members.filter(({ ordinal }) => ordinal >= rules.start && ordinal < end);
  const surplus = members.filter((member) => !inRange.includes(member)).map(({ ordinal }) => ordinal);
  const descending = surplus.toSorted((a, b) => b - a);
  if (rules.isParallel && (missing.length > 0 || surplus.length > 0)) return { create: missing, remove: descending };
  const [next] = missing;
  if (next !== undefined) {
    const isBlocked = inRange.some((member) => member.ordinal < next && !member.isReady);
    return { create: isBlocked ? [] : [next], remove: [] };
  }
  if (inRange.some((member) => !member.isReady && member.isCurrent)) return { create: [], remove: [] };
  if (descending.length > 0) return { create: [], remove: descending.slice(0, 1) };
  const outdated = inRange
    .filter(({ ordinal, isCurrent }) => !isCurrent && ordinal >= rules.partition)
    .toSorted((a, b) => b.ordinal - a.ordinal);
  return { create: [], remove: outdated.slice(0, 1).map(({ ordinal }) => ordinal) };
}

export async function reconcileStatefulSet(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const set = cluster.read(key);
  if (set === undefined || isDeleted(set)) return {};
  const revision = revisionOf(set);
  const pods = (): readonly JsonObject[] => cluster.listOwned(set, "/pods").filter((pod) => !isDeleted(pod));
  const before = pods();
  // A Pod that ended is made anew under its name.
  const ended = before.filter((pod) => !isActive(pod));
  await Promise.all(ended.map((pod) => cluster.delete(keyOfObject("/pods", pod))));
  const active = before.filter(isActive);
  await keepRevisions(cluster, set, new Set(active.map(revisionIn)));
  const members = active.map((pod) => ({
    ordinal: ordinalOf(pod),
    isReady: isReady(pod),
    isCurrent: revisionIn(pod) === revision.label,
  }));
  const { create, remove } = planStatefulSet(rulesOf(set), members);
  await Promise.all(create.map((ordinal) => createMember(cluster, set, ordinal, revision.label)));
  const name = String(metaOf(set).name);
  await Promise.all(remove.map((ordinal) => cluster.delete({ ...key, resource: "/pods", name: `${name}-${ordinal}` })));
  return writeStatus(cluster, key, set, pods(), revision.label);
}

function rulesOf(set: JsonObject): Rules {
  const { podManagementPolicy, updateStrategy, ordinals } = specOf(set);
  const strategy = objectOf(updateStrategy);
  const partition = countOf(objectOf(strategy.rollingUpdate).partition);
  return {
    start: countOf(objectOf(ordinals).start),
    replicas: replicasOf(set),
    isParallel: podManagementPolicy === "Parallel",
    partition: strategy.type === "OnDelete" ? Number.POSITIVE_INFINITY : partition,
  };
}

function ordinalOf(pod: JsonObject): number {
  return Number(/-(\d+)$/.exec(String(metaOf(pod).name))?.[1] ?? -1);
}

function revisionIn(pod: JsonObject): string {
  return String(objectOf(metaOf(pod).labels)[revisionLabel] ?? "");
}

async function createMember(cluster: Cluster, set: JsonObject, ordinal: number, revision: string): Promise<void> {
  const name = `${String(metaOf(set).name)}-${ordinal}`;
  const claims = claimTemplates(set);
  for (const claim of claims) await keepClaim(cluster, set, claim, name);
  const labels = {
    [revisionLabel]: revision,
    "statefulset.kubernetes.io/pod-name": name,
    "apps.kubernetes.io/pod-index": String(ordinal),
  };
  const pod = podOf(set, labels, name);
  const volumes = claims.map((claim) => {
    const volume = String(metaOf(claim).name);
    return { name: volume, persistentVolumeClaim: { claimName: `${volume}-${name}` } };
  });
  const { volumes: given } = specOf(pod);
  const all = [...(Array.isArray(given) ? given : []), ...volumes];
  const { serviceName } = specOf(set);
  const spec = {
    ...specOf(pod),
    hostname: name,
    ...(typeof serviceName === "string" && serviceName !== "" ? { subdomain: serviceName } : {}),
    ...(all.length === 0 ? {} : { volumes: all }),
  };
  await cluster.create("/pods", { ...pod, spec });
}

function claimTemplates(set: JsonObject): readonly JsonObject[] {
  const { volumeClaimTemplates } = specOf(set);
  return Array.isArray(volumeClaimTemplates) ? volumeClaimTemplates.filter(isJsonObject) : [];
}

/** Claims outlive their set, unless it says otherwise. */
async function keepClaim(cluster: Cluster, set: JsonObject, template: JsonObject, pod: string): Promise<void> {
  const { name, labels, annotations } = metaOf(template);
  const namespace = String(metaOf(set).namespace ?? "");
  const claim = `${String(name)}-${pod}`;
  if (cluster.read({ resource: "/persistentvolumeclaims", namespace, name: claim }) !== undefined) return;
  const isDeletedToo = objectOf(specOf(set).persistentVolumeClaimRetentionPolicy).whenDeleted === "Delete";
  const matchLabels = objectOf(objectOf(specOf(set).selector).matchLabels);
  await cluster.create("/persistentvolumeclaims", {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: claim,
      namespace,
      labels: { ...objectOf(labels), ...matchLabels },
      ...(annotations === undefined ? {} : { annotations }),
      ...(isDeletedToo ? { ownerReferences: [controllerReference(set)] } : {}),
    },
    spec: specOf(template),
  });
}

async function writeStatus(
  cluster: Cluster,
  key: ObjectKey,
  set: JsonObject,
  pods: readonly JsonObject[],
  revision: string,
): Promise<{ againAfterMs?: number }> {
  const active = pods.filter(isActive);
  const updated = active.filter((pod) => revisionIn(pod) === revision).length;
  const availability = availabilityOf(active, countOf(specOf(set).minReadySeconds), cluster.now());
  const wanted = replicasOf(set);
  const isDone = updated === wanted && active.length === wanted && availability.ready === wanted;
  await cluster.setStatus(key, (old) => {
    const known = statusOf(old).currentRevision;
    const current = isDone || typeof known !== "string" ? revision : known;
    return {
      ...statusOf(old),
      observedGeneration: metaOf(set).generation ?? 0,
      replicas: active.length,
      readyReplicas: availability.ready,
      availableReplicas: availability.available,
      currentReplicas: active.filter((pod) => revisionIn(pod) === current).length,
      updatedReplicas: updated,
      currentRevision: current,
      updateRevision: revision,
      collisionCount: 0,
    };
  });
  return availability.againAfterMs === undefined ? {} : { againAfterMs: availability.againAfterMs };
}

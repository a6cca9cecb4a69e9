import { createHash } from "node:crypto";
import type { JsonObject } from "../../base/json.ts";
import {
  type Cluster,
  controllerReference,
  countOf,
  isDeleted,
  keyOfObject,
  metaOf,
  nodeName,
  objectOf,
  specOf,
  statusOf,
} from "./cluster.ts";
import { findCondition } from "./conditions.ts";
import { wishesToPass } from "./wishes.ts";

/** On every Pod that a simulated controller makes. */
export const simulatedLabel = "tiphys.io/simulated";

const hashLetters = "bcdfghjklmnpqrstvwxz2456789";
/** Of one reconcile; the changes that these make cause the next one. */
const maxPodWrites = 100;

/** Ten letters that stand for a value, whatever the order of its fields. */
export function hashOf(value: JsonObject): string {
  const sorted = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  const digest = createHash("sha256").update(sorted).digest().subarray(0, 10);
  return [...digest].map((byte) => hashLetters[byte % hashLetters.length]).join("");
}

/** A Pod of a workload's template. `name` undefined: one is generated. */
export function podOf(owner: JsonObject, labels: JsonObject = {}, name?: string): JsonObject {
  const template = objectOf(specOf(owner).template);
  const { labels: own, annotations } = metaOf(template);
  const { name: ownerName, namespace = "" } = metaOf(owner);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...(name === undefined ? { generateName: `${String(ownerName)}-` } : { name }),
      namespace,
      labels: { ...objectOf(own), ...labels, [simulatedLabel]: "true" },
      annotations: { ...wishesToPass(objectOf(metaOf(owner).annotations)), ...objectOf(annotations) },
      ownerReferences: [controllerReference(owner)],
    },
    spec: { ...objectOf(template.spec), nodeName },
  };
}

export function isReady(pod: JsonObject): boolean {
  return !isDeleted(pod) && findCondition(statusOf(pod), "Ready")?.status === "True";
}

/** Neither gone nor over. */
export function isActive(pod: JsonObject): boolean {
  const { phase } = statusOf(pod);
  return !isDeleted(pod) && phase !== "Succeeded" && phase !== "Failed";
}

export interface Availability {
  readonly ready: number;
  readonly available: number;
  /** Until one more is available; undefined when none will be by waiting. */
  readonly againAfterMs: number | undefined;
}

/** Ready for `minReadySeconds` is available. */
export function availabilityOf(pods: readonly JsonObject[], minReadySeconds: number, nowMs: number): Availability {
  const ready = pods.filter(isReady);
  const waits = ready.map((pod) => {
    const since = Date.parse(String(findCondition(statusOf(pod), "Ready")?.lastTransitionTime));
    return since + minReadySeconds * 1_000 - nowMs;
  });
  const left = minReadySeconds === 0 ? [] : waits.filter((wait) => wait > 0);
  const againAfterMs = left.length === 0 ? undefined : Math.min(...left);
  return { ready: ready.length, available: ready.length - left.length, againAfterMs };
}

/** Makes or deletes Pods until `wanted` are active; those not ready go first. */
export async function keepPods(
  cluster: Cluster,
  { active, wanted, make }: { active: readonly JsonObject[]; wanted: number; make: () => JsonObject },
): Promise<void> {
  const missing = Math.min(wanted - active.length, maxPodWrites);
  const surplus = active
    .toSorted((a, b) => Number(isReady(a)) - Number(isReady(b)))
    .slice(0, Math.min(Math.max(0, active.length - wanted), maxPodWrites));
  const creates = Array.from({ length: Math.max(0, missing) }, () => cluster.create("/pods", make()));
  await Promise.all([...creates, ...surplus.map((pod) => cluster.delete(keyOfObject("/pods", pod)))]);
}

export function replicasOf(object: JsonObject): number {
  return countOf(specOf(object).replicas);
}

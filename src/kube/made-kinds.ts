import type { GroupVersionKind } from "../objects/object.ts";

const pod = { apiVersion: "v1", kind: "Pod" };
const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim" };
const replicaSet = { apiVersion: "apps/v1", kind: "ReplicaSet" };
const job = { apiVersion: "batch/v1", kind: "Job" };

/** By `group/Kind`, whatever the version: controllers make what they make. */
const madeBy: Readonly<Record<string, readonly GroupVersionKind[]>> = {
  "apps/Deployment": [replicaSet],
  "apps/ReplicaSet": [pod],
  "apps/StatefulSet": [pod, claim],
  "apps/DaemonSet": [pod],
  "batch/CronJob": [job],
  "batch/Job": [pod],
  "/ReplicationController": [pod],
  "argoproj.io/Rollout": [replicaSet],
};

/** `apiVersion/kind`. */
export function kindKey({ apiVersion, kind }: GroupVersionKind): string {
  return `${apiVersion}/${kind}`;
}

/** `group/kind`: the same objects are served in several versions. */
export function groupKind({ apiVersion, kind }: GroupVersionKind): string {
  const at = apiVersion.indexOf("/");
  return `${at < 0 ? "" : apiVersion.slice(0, at)}/${kind}`;
}

/** The kinds and those that workloads among them make, and so on; each once, by `apiVersion/kind`. */
export function withMadeKinds(kinds: Iterable<GroupVersionKind>): ReadonlyMap<string, GroupVersionKind> {
  const all = new Map<string, GroupVersionKind>();
  const open = [...kinds].toReversed();
  for (let kind = open.pop(); kind !== undefined; kind = open.pop()) {
    const key = kindKey(kind);
    if (all.has(key)) continue;
    all.set(key, kind);
    const name = groupKind(kind);
    if (Object.hasOwn(madeBy, name)) open.push(...(madeBy[name] ?? []));
  }
  return all;
}

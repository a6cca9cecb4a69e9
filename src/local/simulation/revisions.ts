import type { JsonObject } from "../../base/json.ts";
import { type Cluster, controllerReference, countOf, keyOfObject, metaOf, objectOf, specOf } from "./cluster.ts";
import { hashOf } from "./pods.ts";

const revisions = "apps/controllerrevisions";
/** On the Pods of a StatefulSet or DaemonSet: the revision that they are of. */
export const revisionLabel = "controller-revision-hash";

/** What a set's template is called. */
export interface Revision {
  readonly name: string;
  /** The value of `revisionLabel`. */
  readonly label: string;
}

/** Of a StatefulSet the label is the whole name, of a DaemonSet the hash alone. */
export function revisionOf(set: JsonObject): Revision {
  const hash = hashOf(objectOf(specOf(set).template));
  const name = `${String(metaOf(set).name)}-${hash}`;
  return { name, label: set.kind === "StatefulSet" ? name : hash };
}

/** Stores the template as a ControllerRevision, which `kubectl rollout history` and `undo` read; old ones go. */
export async function keepRevisions(cluster: Cluster, set: JsonObject, inUse: ReadonlySet<string>): Promise<void> {
  const { name, label } = revisionOf(set);
  const { namespace = "" } = metaOf(set);
  const owned = cluster.listOwned(set, revisions);
  const newest = Math.max(0, ...owned.map((one) => countOf(one.revision)));
  const current = owned.find((one) => metaOf(one).name === name);
  if (current === undefined) {
    // They are found by the labels of the Pods.
    const labels = objectOf(metaOf(objectOf(specOf(set).template)).labels);
    const template = { ...objectOf(specOf(set).template), $patch: "replace" };
    await cluster.create(revisions, {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: {
        name,
        namespace,
        labels: { ...labels, [revisionLabel]: label },
        ownerReferences: [controllerReference(set)],
      },
      data: { spec: { template } },
      revision: newest + 1,
    });
  } else if (countOf(current.revision) < newest) {
    await cluster.change(keyOfObject(revisions, current), (old) => ({ ...old, revision: newest + 1 }));
  }
  const idle = owned
    .filter((one) => one !== current && !inUse.has(String(metaOf(one).name)))
    .toSorted((a, b) => countOf(b.revision) - countOf(a.revision));
  const surplus = idle.slice(countOf(specOf(set).revisionHistoryLimit));
  await Promise.all(surplus.map((one) => cluster.delete(keyOfObject(revisions, one))));
}

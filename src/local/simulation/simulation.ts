import { isJsonObject } from "../../base/json.ts";
import { createKeyedQueue } from "../../base/keyed-queue.ts";
import type { Logger } from "../../base/log.ts";
import type { Change } from "../store.ts";
import type { ObjectKey, WriteDeps } from "../stored-object.ts";
import { type Cluster, createCluster } from "./cluster.ts";
import { reconcileDeployment } from "./deployment.ts";
import { reconcileClaim, reconcileJob } from "./job.ts";
import { reconcilePod } from "./pod.ts";
import { reconcileReplicaSet } from "./replica-set.ts";

/** Moves one object toward what it says, from what is stored; asked again after each change of it or what it owns. */
export type Controller = (cluster: Cluster, key: ObjectKey) => Promise<{ readonly againAfterMs?: number }>;

/** By resource; `kind` is how what they own names them. */
const controllers: Readonly<Record<string, { readonly kind: string; readonly reconcile: Controller }>> = {
  "apps/deployments": { kind: "Deployment", reconcile: reconcileDeployment },
  "apps/replicasets": { kind: "ReplicaSet", reconcile: reconcileReplicaSet },
  "batch/jobs": { kind: "Job", reconcile: reconcileJob },
  "/persistentvolumeclaims": { kind: "PersistentVolumeClaim", reconcile: reconcileClaim },
  "/pods": { kind: "Pod", reconcile: reconcilePod },
};
const resourceOfKind = new Map(Object.entries(controllers).map(([resource, { kind }]) => [kind, resource]));

/** Enough that the writes of a round share their fsync. */
const concurrency = 64;

export interface Simulation {
  /** Told every committed change, in order. */
  notify(changes: readonly Change[]): void;
  /** Looks at everything that is stored, then at what changes. Settles once `signal` aborted and nothing is under way. */
  run(signal: AbortSignal): Promise<void>;
  /** Objects that wait for their controller or are with it. */
  readonly size: number;
}

/** Workloads without a cluster. Idle while nothing changes and no Pod is due. */
export function createSimulation(deps: WriteDeps & { readonly log: Logger }): Simulation {
  const cluster = createCluster(deps);
  const queue = createKeyedQueue({
    concurrency,
    clock: deps.clock,
    work: async (text) => {
      const key = parseKey(text);
      return (await controllers[key.resource]?.reconcile(cluster, key)) ?? {};
    },
    onError: (key, error) => deps.log.error("simulated controller failed", { key, error }),
  });
  return {
    notify(changes) {
      for (const change of changes) for (const key of keysOf(change)) queue.add(keyText(key));
    },
    async run(signal) {
      for (const resource of Object.keys(controllers)) {
        for (const { namespace, name } of deps.store.list(resource, { limit: -1 })) {
          queue.add(keyText({ resource, namespace, name }));
        }
      }
      await queue.run(signal);
    },
    get size() {
      return queue.size;
    },
  };
}

/** The object itself and its owners. */
function keysOf({ resource, namespace, name, object, type }: Change): readonly ObjectKey[] {
  const own = Object.hasOwn(controllers, resource) && type !== "DELETED" ? [{ resource, namespace, name }] : [];
  const references: readonly unknown[] = object.metadata.ownerReferences ?? [];
  const owners = references.flatMap((reference): ObjectKey[] => {
    if (!isJsonObject(reference)) return [];
    const owner = resourceOfKind.get(String(reference.kind));
    return owner === undefined ? [] : [{ resource: owner, namespace, name: String(reference.name) }];
  });
  return [...own, ...owners];
}

function keyText({ resource, namespace, name }: ObjectKey): string {
  return [resource, namespace, name].join(" ");
}

function parseKey(text: string): ObjectKey {
  const [resource = "", namespace = "", name = ""] = text.split(" ");
  return { resource, namespace, name };
}

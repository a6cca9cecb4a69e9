import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import { createKeyedQueue } from "../../base/keyed-queue.ts";
import type { Logger } from "../../base/log.ts";
import type { Change } from "../store.ts";
import type { ObjectKey, WriteDeps } from "../stored-object.ts";
import { type Cluster, createCluster } from "./cluster.ts";
import { reconcileCronJob } from "./cron-job.ts";
import { reconcileDaemonSet } from "./daemon-set.ts";
import { reconcileDeployment } from "./deployment.ts";
import { reconcileClaim, reconcileJob } from "./job.ts";
import { ensureNode } from "./node.ts";
import { reconcilePod } from "./pod.ts";
import { PodIndex } from "./pod-index.ts";
import { reconcileReplicaSet } from "./replica-set.ts";
import { isSelectedBy, reconcileIngress, reconcileService, removeEndpoints } from "./service.ts";
import { reconcileStatefulSet } from "./stateful-set.ts";
import { reconcileWorkflow } from "./workflow.ts";

/** Moves one object toward what it says, from what is stored; asked again after each change of it or what it owns. */
export type Controller = (cluster: Cluster, key: ObjectKey) => Promise<{ readonly againAfterMs?: number }>;

/** By resource; `kind` is how what they own names them. */
const controllers: Readonly<Record<string, { readonly kind: string; readonly reconcile: Controller }>> = {
  "apps/deployments": { kind: "Deployment", reconcile: reconcileDeployment },
  "apps/replicasets": { kind: "ReplicaSet", reconcile: reconcileReplicaSet },
  "apps/statefulsets": { kind: "StatefulSet", reconcile: reconcileStatefulSet },
  "apps/daemonsets": { kind: "DaemonSet", reconcile: reconcileDaemonSet },
  "batch/cronjobs": { kind: "CronJob", reconcile: reconcileCronJob },
  "networking.k8s.io/ingresses": { kind: "Ingress", reconcile: reconcileIngress },
  "/services": { kind: "Service", reconcile: reconcileService },
  "argoproj.io/workflows": { kind: "Workflow", reconcile: reconcileWorkflow },
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
  const pods = new PodIndex();
  const cluster = createCluster(deps, pods);
  const services = new ServiceIndex();
  const queue = createKeyedQueue({
    concurrency,
    clock: deps.clock,
    work: async (text) => {
      const key = parseKey(text);
      if (key.resource === "/services" && cluster.read(key) === undefined) await removeEndpoints(cluster, key);
      return (await controllers[key.resource]?.reconcile(cluster, key)) ?? {};
    },
    onError: (key, error) => deps.log.error("simulated controller failed", { key, error }),
  });
  return {
    notify(changes) {
      for (const change of changes) {
        services.see(change);
        pods.see(change);
        for (const key of [...keysOf(change), ...services.of(change)]) queue.add(keyText(key));
        if (change.resource === "/nodes" && change.type !== "MODIFIED") for (const key of setsOf(deps)) queue.add(key);
      }
    },
    async run(signal) {
      await ensureNode(cluster);
      for (const { namespace, name, text } of deps.store.list("/services", { limit: -1 })) {
        services.set(namespace, name, parseJson(text));
      }
      for (const { namespace, name, text } of deps.store.list("/pods", { limit: -1 })) {
        pods.set(namespace, name, parseJson(text));
      }
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

/** Which Services select a Pod: asked at each change of one. */
class ServiceIndex {
  /** Selectors by namespace and name. */
  readonly #selectors = new Map<string, Map<string, JsonObject>>();

  set(namespace: string, name: string, service: unknown): void {
    const spec = isJsonObject(service) ? service.spec : undefined;
    const selector = isJsonObject(spec) ? spec.selector : undefined;
    const known = this.#selectors.get(namespace) ?? new Map<string, JsonObject>();
    this.#selectors.set(namespace, known);
    if (isJsonObject(selector) && Object.keys(selector).length > 0) known.set(name, selector);
    else known.delete(name);
    if (known.size === 0) this.#selectors.delete(namespace);
  }

  see({ resource, namespace, name, object, type }: Change): void {
    if (resource === "/services") this.set(namespace, name, type === "DELETED" ? undefined : object);
  }

  of({ resource, namespace, object, previous }: Change): readonly ObjectKey[] {
    const selectors = resource === "/pods" ? this.#selectors.get(namespace) : undefined;
    if (selectors === undefined) return [];
    const all = [object.metadata.labels, ...(previous === undefined ? [] : [previous.metadata.labels])];
    return [...selectors]
      .filter(([, selector]) => all.some((labels) => isSelectedBy(selector, labels)))
      .map(([name]) => ({ resource: "/services", namespace, name }));
  }
}

/** DaemonSets look again when a Node comes or goes. */
function setsOf({ store }: WriteDeps): readonly string[] {
  const resource = "apps/daemonsets";
  return store.list(resource, { limit: -1 }).map(({ namespace, name }) => keyText({ resource, namespace, name }));
}

/** The object itself and its owners. */
function keysOf({ resource, namespace, name, object, type }: Change): readonly ObjectKey[] {
  const isOver = type === "DELETED" && resource !== "/services";
  const own = Object.hasOwn(controllers, resource) && !isOver ? [{ resource, namespace, name }] : [];
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

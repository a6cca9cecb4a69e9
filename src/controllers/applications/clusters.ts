import { isTrue, skipReconcile } from "../../api/resource-annotations.ts";
import type { Clock } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import type { Nursery } from "../../base/nursery.ts";
import type { DestinationCluster } from "../../gitops/reconcile/destination.ts";
import { createKubeClient } from "../../kube/client.ts";
import { scopedClient, scopeOf } from "../../kube/cluster-scope.ts";
import { type ClusterSecretData, readClusterSecret } from "../../kube/cluster-secret.ts";
import { createClusterVersions } from "../../kube/cluster-versions.ts";
import type { WatchCache } from "../../kube/kube.ts";
import type { RemoteCluster } from "../../kube/kubeconfig.ts";
import type { KubeconfigContext } from "../../kube/kubeconfig-file.ts";
import { createLeavesOut, type RespectRbac } from "../../kube/list-rights.ts";
import { createLiveState, type LiveState, type LiveStateOptions } from "../../kube/live-state.ts";
import type { KubeObject } from "../../objects/object.ts";

/** The cluster that the engine itself uses, by the names that Applications have for it. */
export const ownCluster = { server: "https://kubernetes.default.svc", name: "in-cluster" } as const;

export interface ClustersDeps {
  /** Secrets of the controller's namespace that declare clusters; synced. */
  readonly secrets: Pick<WatchCache, "items" | "onChange">;
  readonly own: Pick<DestinationCluster, "kube" | "live" | "versions">;
  /** `cluster.inClusterEnabled` of `argocd-cm`. */
  readonly isOwnEnabled: () => boolean;
  readonly open: (context: KubeconfigContext) => Promise<RemoteCluster>;
  readonly live: Pick<LiveStateOptions, "groupOf" | "trim">;
  /** `resource.respectRBAC` of `argocd-cm`; default: not set. */
  readonly respectRbac?: () => RespectRbac;
  /** Follows what changes in a cluster, until it is called back. */
  readonly follow: (live: LiveState) => () => void;
  /** What Applications have for this server or name is another cluster now, or none. */
  readonly onChange: (cluster: { readonly server: string; readonly name: string }) => void;
  readonly nursery: Nursery;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Clusters that Applications may name. Disposal ends what runs for those of Secrets. */
export interface Clusters extends AsyncDisposable {
  list(): readonly DestinationCluster[];
}

/** A newer one has what is known of the cluster read anew. */
const refreshAnnotation = "argocd.argoproj.io/refresh";
/** One that could not be opened is tried again after this long. */
const reopenMs = 10_000;

/**
 * One cluster for each Secret (spec argo-cd-engine 6.1), reached when the first Application needs it. A Secret that
 * cannot be used, or a server that is away, is an error of the requests to it: only its own Applications see that.
 */
export function createClusters(deps: ClustersDeps): Clusters {
  return new SecretClusters(deps);
}

interface Declared {
  readonly fingerprint: string;
  cluster: DestinationCluster;
  close(): Promise<void>;
}

class SecretClusters implements Clusters {
  readonly #deps: ClustersDeps;
  /** By the Secret's name. */
  readonly #declared = new Map<string, Declared>();
  readonly #closing = new Set<Promise<void>>();
  readonly #unfollow: () => void;

  constructor(deps: ClustersDeps) {
    this.#deps = deps;
    for (const secret of deps.secrets.items()) this.#take(secret);
    this.#unfollow = deps.secrets.onChange(({ type, object, isInitial }) => {
      if (isInitial) return;
      const changed = type === "deleted" ? this.#drop(object) : this.#take(object);
      for (const cluster of changed) deps.onChange(cluster);
    });
  }

  list(): readonly DestinationCluster[] {
    const declared = [...this.#declared.values()].map(({ cluster }) => cluster);
    const isOwnThere = declared.some(({ server }) => server === ownCluster.server) || !this.#deps.isOwnEnabled();
    return isOwnThere ? declared : [{ ...ownCluster, ...this.#deps.own }, ...declared];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unfollow();
    for (const { metadata } of this.#deps.secrets.items()) this.#close(metadata.name ?? "");
    for (const name of [...this.#declared.keys()]) this.#close(name);
    await Promise.all(this.#closing);
  }

  /** Those whose Applications have to be looked at again. */
  #take(secret: KubeObject): readonly DestinationCluster[] {
    const { name = "" } = secret.metadata;
    const data = dataOf(secret);
    const refresh = secret.metadata.annotations?.[refreshAnnotation] ?? "";
    const fingerprint = JSON.stringify([refresh, Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1))]);
    const isPaused = isTrue(secret.metadata.annotations?.[skipReconcile]);
    const known = this.#declared.get(name);
    if (known?.fingerprint === fingerprint) {
      if ((known.cluster.isPaused ?? false) === isPaused) return [];
      known.cluster = { ...known.cluster, isPaused }; // what watches it goes on: an operation may be in progress
      return [known.cluster];
    }
    this.#close(name);
    const declared = this.#open(data, fingerprint);
    declared.cluster = { ...declared.cluster, isPaused };
    this.#declared.set(name, declared);
    return known === undefined ? [declared.cluster] : [known.cluster, declared.cluster];
  }

  #drop({ metadata: { name = "" } }: KubeObject): readonly DestinationCluster[] {
    const known = this.#declared.get(name);
    this.#close(name);
    return known === undefined ? [] : [known.cluster];
  }

  #close(name: string): void {
    const known = this.#declared.get(name);
    if (known === undefined) return;
    this.#declared.delete(name);
    const closing: Promise<void> = known.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #open(data: ClusterSecretData, fingerprint: string): Declared {
    const { own, nursery, follow, clock, log } = this.#deps;
    const server = (data.server ?? "").replace(/\/+$/, "");
    const project = data.project ?? "";
    const scope = scopeOf(data);
    const head = {
      ...{ server, name: data.name || server },
      ...(project === "" ? {} : { project }),
      ...(scope === undefined ? {} : { scope }),
    };
    if (server === ownCluster.server && scope === undefined) {
      return { fingerprint, cluster: { ...head, ...own }, close: async () => undefined };
    }
    const door = server === ownCluster.server ? undefined : openDoor(data, this.#deps);
    const kube = door ? createKubeClient({ fetch: door.fetch, baseUrl: door.baseUrl, log }) : own.kube;
    const client = scope === undefined ? kube : scopedClient(kube, scope);
    const leavesOut = createLeavesOut(kube, this.#deps.respectRbac ?? (() => ""), scope?.namespaces);
    const live = createLiveState({ ...this.#deps.live, client, leavesOut, clock, log });
    const running = nursery.start(`live state of ${head.name}`, (signal) => live.run(signal));
    const unfollow = follow(live);
    return {
      fingerprint,
      cluster: { ...head, kube, live, versions: createClusterVersions(kube, clock) },
      async close() {
        unfollow();
        await running[Symbol.asyncDispose]();
        await door?.[Symbol.asyncDispose]();
      },
    };
  }
}

interface Door extends AsyncDisposable {
  readonly baseUrl: string;
  /** @throws EngineError API_UNAVAILABLE, also for a Secret that cannot be used */
  fetch: RemoteCluster["fetch"];
}

/** Opens the cluster at the first request. */
function openDoor(data: ClusterSecretData, { open, clock }: Pick<ClustersDeps, "open" | "clock">): Door {
  const context = contextOf(data);
  let opened: Promise<RemoteCluster> | undefined;
  let failedAtMs = Number.NEGATIVE_INFINITY;

  function remote(): Promise<RemoteCluster> {
    if (context instanceof EngineError) return Promise.reject(context);
    if (opened !== undefined && clock.monotonicMs() - failedAtMs < reopenMs) return opened;
    if (opened !== undefined && failedAtMs === Number.NEGATIVE_INFINITY) return opened;
    failedAtMs = Number.NEGATIVE_INFINITY;
    opened = open(context);
    opened.catch(() => {
      failedAtMs = clock.monotonicMs();
    });
    return opened;
  }

  return {
    baseUrl: context instanceof EngineError ? "https://cluster.invalid" : context.cluster.baseUrl,
    async fetch(request, beforeSend) {
      const cluster = await remote().catch((error: unknown) => {
        throw new EngineError("API_UNAVAILABLE", messageOf(error), error);
      });
      return cluster.fetch(request, beforeSend);
    },
    async [Symbol.asyncDispose]() {
      const cluster = await opened?.catch(() => undefined);
      await cluster?.[Symbol.asyncDispose]();
    },
  };
}

function contextOf(data: ClusterSecretData): KubeconfigContext | EngineError {
  try {
    return readClusterSecret(data);
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
}

/** Without what says nothing about the way there. */
function dataOf({ data }: KubeObject): ClusterSecretData {
  if (!isJsonObject(data)) return {};
  const texts = Object.entries(data).flatMap(([key, value]) =>
    typeof value === "string" && key !== "shard" ? [[key, Buffer.from(value, "base64").toString("utf8")] as const] : [],
  );
  return Object.fromEntries(texts);
}

import { argoApiVersion, type PodTemplate } from "../api/resources.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import type { ProxyRules } from "../base/http-proxy.ts";
import type { Logger } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Nursery } from "../base/nursery.ts";
import type { BusHandle, MutableBusDirectory } from "../controllers/bus-directory.ts";
import { conditionsOf } from "../controllers/conditions.ts";
import { type Controller, type ControllerOptions, createController } from "../controllers/controller.ts";
import type { Reconciler } from "../controllers/reconciler.ts";
import type { SourceLeases } from "../controllers/source-leases.ts";
import type { WriteStatus } from "../controllers/status.ts";
import type { BusCredentials } from "../events/bus/jetstream-credentials.ts";
import type { DeadStore } from "../events/sensor/dead-store.ts";
import type { Partitions } from "../events/sensor/partition.ts";
import type { Redrives } from "../events/sensor/redrives.ts";
import type { ClientPool } from "../events/triggers/trigger.ts";
import type { Plugin } from "../gitops/render/plan.ts";
import type { KubeClient, WatchCache } from "../kube/kube.ts";
import type { RemoteCluster } from "../kube/kubeconfig.ts";
import { createWatchCache } from "../kube/watch-cache.ts";
import type { SpanExport } from "../ledger/export/span-exporter.ts";
import type { Projection } from "../ledger/projection.ts";
import type { DataDir } from "../local/data-dir.ts";
import type { KubeObject } from "../objects/object.ts";
import type { Ledger } from "../record/records.ts";
import type { ListedKind, ListedResource } from "../server/listed-routes.ts";
import type { AdapterConfig } from "./adapters.ts";
import type { Kinds } from "./kinds.ts";
import type { Outcomes } from "./outcomes.ts";

export interface EngineConfig {
  /** Of the program, as `/metrics` tells it. */
  readonly version?: string;
  readonly dataDir: string;
  /** Manifests to apply and follow: a directory or a file. */
  readonly manifests?: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly ingressPort: number;
  readonly kubePort: number;
  /** Where each change of the embedded API is recorded; absent: nowhere. */
  readonly kubeAuditLog?: string;
  /** Of the repositories that the engine serves. */
  readonly gitPort: number;
  /** Git, and the environment that it gets: PATH, proxies. */
  readonly git: { readonly command: string; readonly env: Readonly<Record<string, string>> };
  /** What a cloud says of this process in its environment: `AZURE_*`, `AWS_*`. */
  readonly identity?: Readonly<Record<string, string>>;
  /** The only folder whose files sources and artifacts may name. Default: `files/<namespace>` of the data directory. */
  readonly fileRoot?: string;
  /** Tools, options and plugins that make manifests of sources. */
  readonly rendering?: RenderingConfig;
  /** Between waves of a sync: so that other controllers can act on what one wave did. */
  readonly waveDelayMs: number;
  /** Whether projects may want signed commits. */
  readonly verifiesSignatures: boolean;
  /** A real cluster in place of the embedded one; disposed of by the caller. */
  readonly remote?: RemoteCluster & { readonly kubeconfig: string };
  /** Where triggers write objects in place of that API, as whoever it names; disposed of by the caller. */
  readonly triggerCluster?: RemoteCluster;
  /** Of this program, for Pods of that cluster. */
  readonly image?: string;
  /** Of this engine for other Pods of a cluster: an IP on which the ports that EventSources name are served. */
  readonly address?: string;
  /** `nats://…`; absent: the embedded bus. */
  readonly bus?: string;
  /** Beside what its URL says; asked again and again. */
  readonly busCredentials?: () => Promise<BusCredentials>;
  /** Kinds of source and trigger of third parties. */
  readonly adapters?: readonly AdapterConfig[];
  /** Where spans go; absent: nowhere. */
  readonly traces?: SpanExport;
  readonly log: Logger;
}

export interface RenderingConfig {
  /** By `helm`, `kustomize`, `jsonnet`, or with a version: `kustomize@5.4.3`. */
  readonly toolPaths: ReadonlyMap<string, string>;
  readonly kustomizeBuildOptions: readonly string[];
  readonly plugins: readonly Plugin[];
}

export const host = "127.0.0.1";
/** Where Argo CD lives: Applications of other namespaces have theirs in the names of their trackings. */
export const controllerNamespace = "argocd";

/** How long the start waits for the first reconcile of every object; the rest goes on behind. */
export const settleMs = 10_000;
/** How long reading stored state and the ledger may take at the start. */
export const startReadMs = 120_000;

/** What most parts need, opened first and closed last. */
export interface Base {
  readonly kinds: Kinds;
  readonly config: EngineConfig;
  readonly stack: AsyncDisposableStack;
  readonly nursery: Nursery;
  readonly dataDir: DataDir;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Of requests that triggers and sources send. */
  readonly proxies: ProxyRules;
}

export interface Records {
  readonly ledger: Ledger;
  readonly projection: Projection;
}

export interface Cluster {
  readonly kube: KubeClient;
  readonly url: string;
  /** The path of a file for `kubectl`. */
  readonly kubeconfig: string;
  readonly isSimulated: boolean;
}

/** What this engine works on, when several share a system bus. */
export interface EngineLeases {
  /** The state of Sensors, and who runs them. */
  readonly partitions: Partitions;
  readonly sensors: WorkLeases;
  readonly applications: WorkLeases;
  readonly sources: SourceLeases & { onChange(listener: (namespace: string, name: string) => void): void };
}

/** Partitions of one kind of work. */
export interface WorkLeases {
  owns(partition: number): boolean;
  /** Sets who starts and stops the work; before it is set there is none. */
  workBy(worker: PartitionWorker): void;
  /** Who does more by partition than the worker, such as writing status. */
  onChange(listener: (partition: number) => void): void;
}

export interface PartitionWorker {
  /** It is this engine's now, or it is no longer. */
  changed(partition: number): void;
  /** Ends the work in order; another engine has it once this resolves. */
  stop(partition: number): Promise<void>;
}

/** Everything that Sensors and sources are made of. */
export interface Parts extends Base, Records {
  readonly kube: KubeClient;
  /** What triggers write objects with; absent: `kube`, as the Sensor's service account. */
  readonly hands?: KubeClient;
  /** The cluster is the embedded one. */
  readonly isSimulated: boolean;
  readonly directory: MutableBusDirectory;
  readonly system: BusHandle;
  readonly leases: EngineLeases;
  readonly partitions: Partitions;
  readonly writeStatus: WriteStatus;
  readonly dead: DeadStore;
  readonly redrives: Redrives;
  readonly outcomes: Outcomes;
  /** Connections of triggers. */
  readonly clients: ClientPool;
}

export interface RunningController<R extends Reconciler> extends Controller {
  readonly reconciler: R;
  readonly listed: ListedKind;
}

/** A controller with its watch cache; both stop, and what the reconciler runs ends, when the engine is disposed of. */
export function runController<R extends Reconciler & { stopAll(): Promise<void> }>(
  { stack, nursery, kube, clock, log }: Parts,
  kind: string,
  create: (deps: { cache: WatchCache; request: (namespace: string, name: string) => void }) => R,
  options: Pick<ControllerOptions, "concurrency" | "patience" | "lanes"> = {},
): RunningController<R> {
  const gvk = { apiVersion: argoApiVersion, kind };
  const cache = createWatchCache({ client: kube, kind: gvk, clock, log, trim: withoutManagedFields });
  let controller: Controller | undefined;
  const reconciler = create({ cache, request: (namespace, name) => controller?.request(namespace, name) });
  controller = createController({ kind: gvk, cache, reconciler, clock, log, ...options });
  const { run } = controller;
  stack.use(nursery.start(`${kind} cache`, (signal) => cache.run(signal)));
  stack.defer(() => reconciler.stopAll());
  stack.use(nursery.start(`${kind} controller`, run));
  const listed: ListedKind = {
    all: () => [...cache.items()].map(toListed),
    find: (namespace, name) => cache.find(namespace, name),
  };
  return { ...controller, reconciler, listed };
}

function toListed(object: KubeObject): ListedResource {
  const { namespace = "", name = "", uid = "" } = object.metadata;
  return { namespace, name, uid, conditions: conditionsOf(object) };
}

/** Who wrote which field is as long as the object itself, and no controller asks. */
function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Waits for `settled`, but not longer than `ms`: an object that is slow to settle must not hold up the rest. */
export async function within(clock: Clock, ms: number, settled: Promise<unknown>): Promise<void> {
  const enough = new AbortController();
  const late = sleepFor(clock, ms, enough.signal).catch(() => undefined);
  await Promise.race([settled, late]);
  enough.abort();
}

/** An engine of a cluster acts for everybody there: nobody may act as its Pod. */
export function surroundingsOf({ config, isSimulated }: Parts): Readonly<Record<string, string>> | undefined {
  return isSimulated ? (config.identity ?? {}) : undefined;
}

export function serviceAccountUser(namespace: string, { serviceAccountName }: PodTemplate): string {
  return `system:serviceaccount:${namespace}:${serviceAccountName || "default"}`;
}

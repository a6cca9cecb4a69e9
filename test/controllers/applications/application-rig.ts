import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isJsonObject, type JsonObject } from "../../../src/base/json.ts";
import type { LogFields, Logger } from "../../../src/base/log.ts";
import { createMetrics } from "../../../src/base/metrics.ts";
import {
  type ApplicationController,
  createApplicationController,
} from "../../../src/controllers/applications/application.ts";
import {
  type ApplicationDoor,
  createApplicationDoor,
} from "../../../src/controllers/applications/application-access.ts";
import { createApplicationIndex } from "../../../src/controllers/applications/application-index.ts";
import { applicationLane } from "../../../src/controllers/applications/application-lane.ts";
import { applicationPartition } from "../../../src/controllers/applications/application-partition.ts";
import { localEvent } from "../../../src/controllers/applications/application-requests.ts";
import { createApplicationStore } from "../../../src/controllers/applications/application-store.ts";
import { createGitOpsTarget } from "../../../src/controllers/applications/gitops-target.ts";
import { followLiveChanges, groupOf } from "../../../src/controllers/applications/live-changes.ts";
import { createProjects } from "../../../src/controllers/applications/projects.ts";
import { refEvents } from "../../../src/controllers/applications/push-events.ts";
import { createPushIntake, type SeenPush } from "../../../src/controllers/applications/push-intake.ts";
import { createReconcileStream, type ReconcileStream } from "../../../src/controllers/applications/reconcile-stream.ts";
import { createRepositoryPoller } from "../../../src/controllers/applications/repository-poller.ts";
import { defaultSyncSettings, type SyncSettings } from "../../../src/controllers/applications/sync-settings.ts";
import { takeTold } from "../../../src/controllers/applications/told.ts";
import { createController } from "../../../src/controllers/controller.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";
import type { GitOpsTarget } from "../../../src/events/triggers/trigger.ts";
import { createClaims } from "../../../src/gitops/reconcile/claims.ts";
import { createRenderCache } from "../../../src/gitops/reconcile/render-cache.ts";
import { createChartSources } from "../../../src/gitops/source/chart-sources.ts";
import { openGitSources } from "../../../src/gitops/source/git-sources.ts";
import { anonymousAccess, type GitSources } from "../../../src/gitops/source/source.ts";
import { createKubeClient } from "../../../src/kube/client.ts";
import type { KubeClient, WatchCache } from "../../../src/kube/kube.ts";
import { createLiveState } from "../../../src/kube/live-state.ts";
import { trimLive } from "../../../src/kube/trim-live.ts";
import { createWatchCache } from "../../../src/kube/watch-cache.ts";
import type { KubeObject, ObjectRef } from "../../../src/objects/object.ts";
import type {
  DecisionRecord,
  Ledger,
  LedgerRecord,
  ObservationRecord,
  SyncRecord,
} from "../../../src/record/records.ts";
import { gitOpsCrds } from "../../../src/validate/crds.ts";
import { adminToken, openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { createTestRepository, type TestRepository } from "../../harness/git-repository.ts";
import { createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { renderSettings } from "../../harness/render-tools.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { createVirtualClock, type VirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { createHandle } from "../fakes.ts";

const kind = { apiVersion: "argoproj.io/v1alpha1", kind: "Application" };
export const applicationRef = { ...kind, namespace: "argocd", name: "web" };

/** One request of the engine to the API. */
export interface Call {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly body: string;
}

/** What outlives an engine: the cluster, the repository, the bus, the ledger; and time, which moves in `until`. */
export interface World extends AsyncDisposable {
  readonly plane: TestPlane;
  readonly kube: KubeClient;
  readonly repository: TestRepository;
  readonly clock: VirtualClock;
  bus: MemoryBus;
  readonly records: LedgerRecord[];
  readonly logged: { readonly level: string; readonly message: string; readonly fields: LogFields | undefined }[];
  start(options?: EngineOptions): Promise<TestEngine>;
  /** Lets time pass until `probe` gives something else than undefined or false; at most 60 s of real time. */
  until<T>(
    what: string,
    probe: () => Promise<T | undefined | false> | T | undefined | false,
    stepMs?: number,
  ): Promise<T>;
  /** Lets `ms` of virtual time pass, with time for real I/O in between. */
  pass(ms: number, stepMs?: number): Promise<void>;
  application(name?: string): Promise<KubeObject & { readonly status: JsonObject; readonly operation?: JsonObject }>;
  decisions(): readonly DecisionRecord[];
  syncs(): readonly SyncRecord[];
  observations(): readonly ObservationRecord[];
}

export interface EngineOptions {
  readonly syncSettings?: SyncSettings;
  /** Which partitions of Applications are the engine's; default: all. */
  readonly owns?: (partition: number) => boolean;
  /** How often repositories are polled, by the controller's own poller; default: never. */
  readonly pollMs?: number;
  /** Called before each request; what it throws is how the request fails. Awaited. */
  readonly fault?: (call: Call) => void | Promise<void>;
  /** What answers in the API's place; undefined: the API. */
  readonly refuse?: (call: Call) => Response | undefined;
  /** Called after each request was answered, before the engine sees the answer. */
  readonly answered?: (call: Call) => void | Promise<void>;
  /** Clusters beside the engine's own, `https://<name>.example`: what answers for each, by its name. */
  readonly clusters?: Readonly<Record<string, (request: Request) => Promise<Response>>>;
  /** Awaited before each rendering of the folder; what it throws is how it fails. */
  readonly onRender?: (folder: string) => void | Promise<void>;
}

/** The parts of the engine's reconcile flow, assembled as `src/engine/gitops.ts` does. */
export interface TestEngine extends AsyncDisposable {
  readonly controller: ApplicationController;
  readonly door: ApplicationDoor;
  readonly target: GitOpsTarget;
  readonly requests: ReconcileStream;
  readonly push: (push: SeenPush) => Promise<void>;
  /** In the order in which they reached the API. */
  readonly calls: Call[];
  /** Requests to Git servers, by type. */
  readonly gitRequests: string[];
  /** Writes to Applications so far. */
  writes(): number;
  metrics(): Promise<string>;
  /** The watch of Applications stands still: the store sees what was there, until it is called again. */
  freeze(isFrozen: boolean): void;
  /** Ends it as a crash does: nothing that it does from now on reaches anything. */
  kill(): Promise<void>;
}

export async function openWorld(options: { readonly simulate?: boolean } = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const clock = createVirtualClock("2026-11-29T10:00:00Z");
  const plane = stack.use(await openTestPlane({ clock, ...options }));
  for (const crd of gitOpsCrds()) await plane.client.create(crd as unknown as KubeObject);
  await waitFor("the kinds", () => plane.client.isNamespaced(kind).catch(() => false));
  const repository = stack.use(await createTestRepository());
  const records: LedgerRecord[] = [];
  const logged: World["logged"] = [];
  const owned = stack.move();
  const of = <K extends LedgerRecord["kind"]>(name: K) =>
    records.filter((record): record is Extract<LedgerRecord, { kind: K }> => record.kind === name);
  const world: World = {
    plane,
    kube: plane.client,
    repository,
    clock,
    bus: createMemoryBus(),
    records,
    logged,
    start: async (engineOptions = {}) => owned.use(await startEngine(world, engineOptions)),
    async until(what, probe, stepMs = 20) {
      const deadline = performance.now() + 60_000;
      for (;;) {
        const found = await probe();
        if (found !== undefined && found !== false) return found;
        if (performance.now() > deadline)
          throw new Error(`waited for ${what}; logged: ${JSON.stringify(logged.slice(-5))}`);
        await clock.advance(stepMs);
        await sleep(2);
      }
    },
    async pass(ms, stepMs = 1_000) {
      for (let left = ms; left > 0; left -= stepMs) {
        await clock.advance(Math.min(stepMs, left));
        await sleep(2);
      }
      await sleep(30);
      await clock.advance(0);
    },
    async application(name = "web") {
      const found = await plane.client.get({ ...applicationRef, name });
      if (found === undefined) throw new Error(`there is no Application ${name}`);
      return { ...found, status: isJsonObject(found.status) ? found.status : {} } as never;
    },
    decisions: () => of("decision"),
    syncs: () => of("sync"),
    observations: () => of("observation"),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  return world;
}

function memoryLedger(records: LedgerRecord[], isDead: () => boolean): Ledger {
  return {
    write(draft) {
      const id = `test-${records.length + 1}.0`;
      if (!isDead()) records.push({ ...draft, id } as LedgerRecord);
      return { id, kept: Promise.resolve() };
    },
    readEffects: () => {
      throw new Error("nobody reads effects here");
    },
    hasRoom: () => true,
    room: async () => undefined,
    mark: () => ({ epoch: "", after: 0 }),
  };
}

function logTo(logged: World["logged"]): Logger {
  const log = (level: string) => (message: string, fields?: LogFields) => void logged.push({ level, message, fields });
  return { error: log("error"), warn: log("warn"), info: log("info"), debug: log("debug") } as Logger;
}

/** A client whose requests are written down, can fail, and reach nothing once the engine is dead. */
function watchedClient(world: World, calls: Call[], options: EngineOptions, isDead: () => boolean): KubeClient {
  const alive = (): void => {
    if (isDead()) throw new TypeError("fetch failed: the process is dead");
  };
  return createKubeClient({
    baseUrl: "http://kube.local",
    token: adminToken,
    log: logTo([]),
    async fetch(request) {
      alive();
      const call = { method: request.method, path: new URL(request.url).pathname, body: await request.clone().text() };
      await options.fault?.(call);
      alive();
      calls.push(call);
      const response = options.refuse?.(call) ?? (await world.plane.plane.fetch(request));
      await options.answered?.(call);
      alive();
      return response;
    },
  });
}

/** `find` and `items` as they were when it froze. */
function freezable(cache: WatchCache): { readonly cache: WatchCache; freeze(isFrozen: boolean): void } {
  let frozen: Map<string, KubeObject> | undefined;
  const keyOf = (namespace = "", name = ""): string => `${namespace}/${name}`;
  return {
    cache: {
      ...cache,
      run: (signal) => cache.run(signal),
      synced: cache.synced,
      failure: undefined,
      find: (namespace, name) => (frozen ? frozen.get(keyOf(namespace, name)) : cache.find(namespace, name)),
      items: () => (frozen ? frozen.values() : cache.items()),
      onChange: (listener) => cache.onChange(listener),
    },
    freeze(isFrozen) {
      const all = [...cache.items()].map((object) => {
        const { namespace, name } = object.metadata;
        return [keyOf(namespace, name), object] as const;
      });
      frozen = isFrozen ? new Map(all) : undefined;
    },
  };
}

async function startEngine(world: World, options: EngineOptions): Promise<TestEngine> {
  await using stack = new AsyncDisposableStack();
  const { clock, bus, logged } = world;
  const stop = new AbortController();
  let isDead = false;
  const calls: Call[] = [];
  const kube = watchedClient(world, calls, options, () => isDead);
  const log = logTo(logged);
  const ledger = memoryLedger(world.records, () => isDead);
  const metrics = createMetrics();
  const directory = stack.use(await tempDir());
  const tool = { command: "git", env: { PATH: process.env.PATH ?? "" } };
  const gitRequests: string[] = [];
  const onRequest = (_repository: string, type: string): void => void gitRequests.push(type);
  const git = {
    directory: directory.path,
    tool,
    access: () => anonymousAccess,
    allowLocal: true,
    clock,
    log,
    onRequest,
  };
  const sources = stack.use(await openGitSources(git));
  const live = createLiveState({ client: kube, clock, log, groupOf, trim: trimLive });
  const real = createWatchCache({ client: kube, kind, clock, log });
  const { cache, freeze } = freezable(real);
  const projects = createWatchCache({ client: kube, kind: { ...kind, kind: "AppProject" }, clock, log });
  const { owns = () => true, syncSettings = defaultSyncSettings } = options;
  const store = createApplicationStore(cache, kube, (key) => owns(applicationPartition(key)));
  const index = createApplicationIndex();
  const found = createProjects(projects, { configMaps: { find: () => undefined }, namespace: "argocd", log });
  const cluster = { server: "https://kubernetes.default.svc", name: "in-cluster", kube, live };
  const others = Object.entries(options.clusters ?? {}).map(([name, fetch]) => {
    const server = `https://${name}.example`;
    const client = createKubeClient({ baseUrl: server, token: adminToken, log, fetch });
    return { server, name, kube: client, live: createLiveState({ client, clock, log, groupOf, trim: trimLive }) };
  });
  const renders = createRenderCache({ settings: renderSettings(directory.path) });
  const placed = { isNamespaceEnabled: syncSettings.isNamespaceEnabled, controllerNamespace: "argocd" };
  const controller: ApplicationController = createApplicationController({
    store,
    index,
    ledger,
    log,
    clock,
    metrics,
    request: (namespace, name) => queue.request(namespace, name),
    schemas: triggerSchemas(),
    sources,
    charts: createChartSources({
      directory: join(directory.path, "charts"),
      access: () => anonymousAccess,
      env: {},
      clock,
    }),
    renders: {
      ...renders,
      async render(...asked) {
        await options.onRender?.(asked[0].path ?? "");
        return renders.render(...asked);
      },
    },
    claims: createClaims(),
    controllerNamespace: "argocd",
    owns,
    directory: { project: found.find, clusters: () => [cluster, ...others], ...placed },
    graceMs: syncSettings.repositoryGraceMs,
    selfHeal: syncSettings.selfHeal,
    isApplication: (key) => store.find(key) !== undefined,
    pollMs: 250,
    waveDelayMs: 2_000,
    syncSettings,
  });
  const lanes = { of: (key: string) => applicationLane(store.find(key)), own: 4 };
  const queue = createController({ kind, cache, reconciler: controller, lanes, clock, log });
  const unfollow = followLiveChanges({
    live,
    applicationOf: (instance) => controller.byInstance(instance),
    onDrift: (reason) => void controller.offerLocal(reason),
    ledger,
    clock,
    log,
  });
  const requests = createReconcileStream({
    bus,
    clock,
    log,
    owns,
    onTold: (received) => takeTold(received, controller),
    onRequest: (application, received, done) => controller.offerStored(application, received, done),
  });
  const running = [live, real, projects, ...others.map((one) => one.live)].map((one) => one.run(stop.signal));
  await Promise.all([real.synced, projects.synced]);
  await controller.readAll(stop.signal);
  running.push(queue.run(stop.signal), requests.run(stop.signal));
  if (options.pollMs !== undefined) {
    const { poller } = polling({ sources, controller, requests, log, clock }, options.pollMs);
    running.push(poller.run(stop.signal));
  }
  const end = async (): Promise<void> => {
    stop.abort();
    unfollow();
    await Promise.allSettled([controller.stopAll(), ...running]);
  };
  stack.defer(end);
  const owned = stack.move();
  return {
    controller,
    door: createApplicationDoor({ store, controller, clock }),
    target: createGitOpsTarget({ requests, clock }),
    requests,
    push: createPushIntake({
      system: createHandle("system", bus),
      controllerNamespace: "argocd",
      index,
      requests,
      clock,
    }),
    calls,
    gitRequests,
    writes: () => calls.filter(({ method, path }) => method === "PATCH" && path.includes("/applications/")).length,
    metrics: () => metrics.text(),
    freeze,
    async kill() {
      isDead = true;
      world.bus = bus.clone();
      await owned.disposeAsync();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Polling {
  readonly sources: GitSources;
  readonly controller: ApplicationController;
  readonly requests: ReconcileStream;
  readonly log: Logger;
  readonly clock: VirtualClock;
}

/** As `src/engine/polls.ts` does. */
function polling({ sources, controller, requests, log, clock }: Polling, intervalMs: number) {
  const poller = createRepositoryPoller({
    sources,
    repositories: () => controller.polled(),
    async onMoved({ url, refs, defaultBranch: headRef }) {
      const now = clock.now();
      for (const event of refEvents({ kind: "poll", repositoryUrl: url, refs, headRef, id: () => "", now })) {
        const { head } = localEvent({ reason: "timer", application: "", id: event.id, what: "", level: 2 }, now);
        await requests.tell({ event, head: { ...head, event: event.subject, type: event.type } });
      }
    },
    pace: () => ({ intervalMs, jitterMs: 0 }),
    random: () => 0,
    clock,
    log,
  });
  return { poller };
}

export const configMap = (name: string, data: Readonly<Record<string, string>>, more = ""): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: shop${more}}\ndata: ${JSON.stringify(data)}\n`;

/** A Job that nobody runs: a test says how it ends. */
export const hookJob = (name: string, hook: string, more = ""): string =>
  `apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}
  namespace: shop
  annotations: {argocd.argoproj.io/hook: ${hook}${more}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}
`;

export const automated = { syncPolicy: { automated: {} } };
export const selfHealing = { syncPolicy: { automated: { selfHeal: true, prune: true } } };

/** Creates the Application `web` for folder `web` of the world's repository. */
export async function createApplication(
  { kube, repository }: World,
  spec: JsonObject = {},
  metadata: JsonObject = {},
  top: JsonObject = {},
): Promise<KubeObject> {
  return kube.create({
    ...kind,
    metadata: { name: "web", namespace: "argocd", ...metadata },
    spec: {
      project: "default",
      source: { repoURL: repository.url, path: "web", targetRevision: "main" },
      destination: { server: "https://kubernetes.default.svc", namespace: "shop" },
      ...spec,
    },
    ...top,
  } as KubeObject);
}

export const configRef: ObjectRef = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "settings" };

/** A world with the namespace `shop` and a repository that holds one ConfigMap `settings`. */
export async function openShop(options: { readonly simulate?: boolean } = {}): Promise<World> {
  const world = await openWorld(options);
  await world.kube.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "1" }) });
  return world;
}

/** As if the definition were an older one, or another's: Applications of any form are stored. */
export async function allowAnyField(kube: KubeClient): Promise<void> {
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    name: "applications.argoproj.io",
  };
  const value = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  await kube.patch(definition, "application/json-patch+json", [
    { op: "replace", path: "/spec/versions/0/schema", value },
  ]);
}

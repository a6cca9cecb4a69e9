import { existsSync } from "node:fs";
import { objectOf } from "../api/fields.ts";
import { argoApiVersion } from "../api/resources.ts";
import { createActiveWhile } from "../base/active-while.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { type ApplicationController, createApplicationController } from "../controllers/applications/application.ts";
import { type ApplicationDoor, createApplicationDoor } from "../controllers/applications/application-access.ts";
import { type ApplicationEdits, createApplicationEdits } from "../controllers/applications/application-edits.ts";
import { type ApplicationIndex, createApplicationIndex } from "../controllers/applications/application-index.ts";
import { type ApplicationLooks, createApplicationLooks } from "../controllers/applications/application-looks.ts";
import { localEvent } from "../controllers/applications/application-requests.ts";
import { type ApplicationStore, createApplicationStore } from "../controllers/applications/application-store.ts";
import { createGitOpsTarget } from "../controllers/applications/gitops-target.ts";
import { followLiveChanges } from "../controllers/applications/live-changes.ts";
import { followNeeds } from "../controllers/applications/needed-applications.ts";
import {
  createHopStore,
  type HopStore,
  hopStore,
  tellOutcomes,
  withHops,
} from "../controllers/applications/outcome-teller.ts";
import { createProjects, type Projects } from "../controllers/applications/projects.ts";
import { refEvents } from "../controllers/applications/push-events.ts";
import { createPushIntake, type PushIntakeDeps, type SeenPush } from "../controllers/applications/push-intake.ts";
import { createReconcileStream, type ReconcileStream } from "../controllers/applications/reconcile-stream.ts";
import { createRepositoryPoller, type RepositoryChange } from "../controllers/applications/repository-poller.ts";
import { createResourceActions, type ResourceActions } from "../controllers/applications/resource-actions.ts";
import { settingsName } from "../controllers/applications/resource-settings.ts";
import { everyApplication } from "../controllers/webhooks/hook-event.ts";
import { createHookIntake } from "../controllers/webhooks/hook-intake.ts";
import { createHookReceiver, type HookReceiver } from "../controllers/webhooks/hook-receiver.ts";
import { createHookSettings } from "../controllers/webhooks/hook-settings.ts";
import { changedFiles, createTouched } from "../controllers/webhooks/refresh-paths.ts";
import type { ReceivedEvent } from "../events/sensor/state.ts";
import { triggerSchemas } from "../events/triggers/registry.ts";
import type { EmittedEvent, GitFiles, GitOpsTarget } from "../events/triggers/trigger.ts";
import { createClaims } from "../gitops/reconcile/claims.ts";
import type { DestinationCluster, Directory } from "../gitops/reconcile/destination.ts";
import type { RenderCache } from "../gitops/reconcile/render-cache.ts";
import { createChartSources } from "../gitops/source/chart-sources.ts";
import { openGitSources } from "../gitops/source/git-sources.ts";
import { normaliseRepositoryUrl } from "../gitops/source/repository-url.ts";
import type { ChartSources, GitSources } from "../gitops/source/source.ts";
import type { WatchCache } from "../kube/kube.ts";
import { createLiveState, type LiveState } from "../kube/live-state.ts";
import { trimLive } from "../kube/trim-live.ts";
import { createWatchCache } from "../kube/watch-cache.ts";
import type { Push } from "../local/git-server.ts";
import { openServedRepositories, type ServedRepositories } from "../local/served-repositories.ts";
import type { WatchApplications } from "../server/application-stream.ts";
import type { TestRepository } from "../server/repository-routes.ts";
import { openClusters } from "./clusters.ts";
import { createGitFiles } from "./git-files.ts";
import { controllerNamespace, host, type Parts, runController } from "./parts.ts";
import { openRenders } from "./rendering.ts";
import { openRepositoryAccess } from "./repositories.ts";
import { openSettings, type Settings } from "./settings.ts";

/** The reconcile flow, before anything runs: Sensors need it to store requests. */
export interface GitOps {
  readonly target: GitOpsTarget;
  readonly requests: ReconcileStream;
  readonly served: ServedRepositories;
  readonly sources: GitSources;
  readonly charts: ChartSources;
  /** What triggers read of repositories. */
  readonly files: GitFiles;
  /** Set while it runs here. */
  running?: RunningGitOps;
}

export interface RunningGitOps {
  readonly controller: ApplicationController;
  readonly applications: ApplicationDoor;
  readonly edits: ApplicationEdits;
  readonly looks: ApplicationLooks;
  readonly actions: ResourceActions;
  readonly watch: WatchApplications;
  readonly clusters: () => readonly DestinationCluster[];
  readonly testRepository: TestRepository;
  readonly onPush: (push: SeenPush) => Promise<void>;
  /** The keys that are known changed. */
  readonly onKeyring: () => void;
  readonly onHook: (received: ReceivedEvent, done: () => void) => void;
}

/** The original's `timeout.reconciliation` and its jitter (spec argo-cd-engine 0.3). */
const pollMs = 120_000;
const pollJitterMs = 60_000;
/** Between looks at objects that a sync waits for. */
const waitPollMs = 250;
/** A look mostly waits, for Git servers above all: those that hang must not keep the others from being looked at. */
const looksAtOnce = 256;
/** How long a repository may take to answer whoever asks whether it does. */
const testTimeoutMs = 20_000;
/** How long a repository that fails for a moment is not told of (spec argo-cd-engine 2.6). */
const graceMs = 180_000;

export async function openGitOps(parts: Parts): Promise<GitOps> {
  const { config, stack, dataDir, clock, log, system, metrics } = parts;
  const requests = createReconcileStream({
    bus: system.bus,
    clock,
    log,
    onRequest: (application, received, done) => {
      const { running } = gitOps;
      if (running === undefined) return; // it stays stored: the stream is read once it runs
      if (application === everyApplication) running.onHook(received, done);
      else running.controller.offerStored(application, received, done);
    },
  });
  const served = stack.use(
    await openServedRepositories({
      dataDir,
      host,
      port: config.gitPort,
      tool: config.git,
      clock,
      log,
      onPush: (push) => passOn(push, gitOps),
      ...(config.manifests === undefined ? {} : { manifests: config.manifests }),
    }),
  );
  const { access, keyring } = openRepositoryAccess(parts, {
    onAccess: () => gitOps.running?.controller.lookAgain("failed", "credentials of repositories changed"),
    onKeyring: () => gitOps.running?.onKeyring(),
  });
  const sources = stack.use(
    await openGitSources({
      directory: dataDir.file("git"),
      tool: config.git,
      access,
      keyring,
      allowLocal: config.remote === undefined,
      localPathOf: (url) => {
        const path = served.localPathOf(url);
        return path !== undefined && existsSync(path) ? path : undefined;
      },
      clock,
      log,
      onRequest: (repo, request_type) => metrics.gitRequests.add({ repo, request_type }),
    }),
  );
  const charts = createChartSources({
    directory: dataDir.file("charts"),
    access,
    env: config.git.env,
    clock,
  });
  const files = stack.use(createGitFiles(parts, served, access));
  const target = withHops(
    createGitOpsTarget({
      requests,
      clock,
      preview: async (request, signal) => gitOps.running?.looks.preview(request, signal),
    }),
    hopsOf(parts),
  );
  const gitOps: GitOps = { target, requests, served, sources, charts, files };
  return gitOps;
}

/** A push while they do not run here is found when they are looked at first, or by the poll of the engine that has them. */
async function passOn({ url, refs, repository }: Push, { running, served }: GitOps): Promise<void> {
  if (running === undefined) return;
  const headRef = await served.headRefOf(repository);
  const path = served.localPathOf(url);
  // Applications may name this machine in another way.
  const used = [...running.controller.repositories()]
    .map(({ url: one }) => one)
    .filter((one) => served.localPathOf(one) === path);
  const spellings = new Map([url, ...used].map((one) => [normaliseRepositoryUrl(one), one]));
  for (const one of spellings.values()) await running.onPush({ url: one, refs, headRef });
}

/** What takes pushes of Git providers: in every engine, whoever has the Applications. */
export function createWebhooks({ kube, clock, log }: Parts, { requests }: GitOps): HookReceiver {
  const settings = createHookSettings({ kube, controllerNamespace, clock });
  return createHookReceiver({ settings, requests, clock, log });
}

/** The partition whose lease says which of the engines on one bus has the Applications. */
const gitOpsPartition = 0;

/**
 * Applications are looked at while this engine has their lease: two engines would begin the same operations. Resolves once
 * they run, or once another engine is known to have them; nobody waits for the Applications themselves.
 */
export async function runGitOps(parts: Parts, gitOps: GitOps): Promise<void> {
  const { nursery, stack, leases } = parts;
  const active = createActiveWhile(
    () => leases.applications.owns(gitOpsPartition),
    async () => {
      const own = new AsyncDisposableStack();
      own.defer(() => void delete gitOps.running);
      await startGitOps({ ...parts, stack: own }, gitOps);
      return own;
    },
  );
  const isOurs = (partition: number): boolean => partition === gitOpsPartition;
  leases.applications.workBy({
    changed: (partition) => void (isOurs(partition) && active.look()),
    stop: (partition) => (isOurs(partition) ? active.look() : Promise.resolve()),
  });
  stack.use(nursery.start("applications", (signal) => active.run(signal)));
  await Promise.race([active.look(), nursery.failed]);
}

async function startGitOps(parts: Parts, gitOps: GitOps): Promise<void> {
  const { stack, nursery, kube, clock, log, metrics } = parts;
  const settings = await openSettings(parts);
  const live = createLiveState({ client: kube, clock, log, groupOf: settings.groupOf, trim: trimLive });
  stack.use(nursery.start("live state", (signal) => live.run(signal)));
  const { projects, onProject } = await openProjects(parts, settings.configMaps);
  const index = createApplicationIndex();
  const renders = await openRenders(parts, () => metrics.renders.add({}));
  const follow = (one: LiveState) => followLive(one, settings, parts, gitOps);
  let store: ApplicationStore | undefined;
  const requestAll = (what: string, id: string, concerns: (spec: JsonObject) => boolean): void =>
    requestAllOf(store, gitOps, { what, id, concerns });
  const clusters = await openClusters(parts, live, settings, {
    follow,
    onChange: ({ server, name }) =>
      requestAll(`cluster ${name} changed`, `spec/cluster/${server}`, ({ destination }) => {
        const { server: wanted, name: named } = objectOf(destination);
        return wanted === server || named === name;
      }),
  });
  let applications: WatchCache | undefined;
  const directory: Directory = { project: projects.find, clusters: () => clusters.list(), controllerNamespace };
  const isApplication = (key: string): boolean => store?.find(key) !== undefined;
  const running = runController(
    parts,
    "Application",
    ({ cache, request }) => {
      store = createApplicationStore(cache, kube);
      applications = cache;
      startTelling(parts, cache);
      followNeeds(cache, (application, what) => {
        const id = `spec/${application}/needs`;
        void gitOps.running?.controller.offerLocal({ reason: "spec", application, id, what, level: 1 });
      });
      return createApplicationController({
        ...parts,
        store,
        index,
        request,
        schemas: triggerSchemas(),
        sources: gitOps.sources,
        charts: gitOps.charts,
        verifiesSignatures: parts.config.verifiesSignatures,
        renders,
        claims: createClaims(),
        isApplication,
        applicationAt: (key) => store?.find(key),
        controllerNamespace,
        settings: settings.reconcile,
        syncSettings: settings.sync,
        directory,
        graceMs,
        pollMs: waitPollMs,
        waveDelayMs: parts.config.waveDelayMs,
      });
    },
    { concurrency: looksAtOnce },
  );
  const controller = running.reconciler;
  onProject((name) =>
    requestAll(`AppProject ${name} changed`, `spec/project/${name}`, ({ project }) => (project || "default") === name),
  );
  stack.defer(follow(live));
  settings.onChange((isTrackedAnew) => {
    if (isTrackedAnew) for (const cluster of [{ live }, ...clusters.list()]) cluster.live.regroup();
    requestAll(`${settingsName} changed`, `spec/settings/${settingsName}`, () => true);
  });
  if (store === undefined || applications === undefined) throw new Error("a controller is made with its cache");
  const { reconcile } = settings;
  takeReasons(parts, gitOps, { controller, store, index, applications, renders, directory, isApplication, reconcile });
}

interface Running {
  readonly controller: ApplicationController;
  readonly store: ApplicationStore;
  readonly index: ApplicationIndex;
  readonly applications: WatchCache;
  readonly renders: RenderCache;
  readonly directory: Directory;
  readonly isApplication: (key: string) => boolean;
  readonly reconcile: Settings["reconcile"];
}

/** From now on pushes, polls, stored requests and people reach the Applications. */
function takeReasons(parts: Parts, gitOps: GitOps, running: Running): void {
  const { stack, nursery, kube, clock, log, system } = parts;
  const { controller, store, index, applications, renders, directory, isApplication, reconcile } = running;
  const { requests } = gitOps;
  const concerned = concernedBy(store);
  const onPush = createPushIntake({ system, controllerNamespace, index, requests, concerned, clock });
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  const repositories = () => [...controller.repositories()].map(({ url }) => url);
  const onHook = createHookIntake({ repositories, onPush, clock, log, signal: stop.signal });
  const onKeyring = () =>
    requestAllOf(store, gitOps, {
      what: "the keys that sign commits changed",
      id: "spec/gpg-keys",
      concerns: () => true,
    });
  const { sources, charts } = gitOps;
  const all = { sources, charts, renders, controllerNamespace, store, directory, isApplication, settings: reconcile };
  const { synced } = applications;
  gitOps.running = {
    controller,
    applications: createApplicationDoor(store, controller),
    edits: createApplicationEdits({ kube, ...all }),
    looks: createApplicationLooks({ clock, ...all }),
    actions: createResourceActions(reconcile),
    watch: watchApplications(applications),
    clusters: () => directory.clusters(),
    testRepository: (repository) => testRepository(repository, gitOps.sources),
    onPush,
    onHook,
    onKeyring,
  };
  startPolling(parts, gitOps, controller);
  stack.use(nursery.start("chart poller", (signal) => pollCharts(clock, controller, signal)));
  // Not after the first look at each: a repository that does not answer would hold up all others.
  stack.use(
    nursery.start("stored requests", async (signal) => {
      await Promise.race([synced, aborted(signal)]);
      await controller.readAll(signal);
      if (!signal.aborted) await gitOps.requests.run(signal);
    }),
  );
}

/** Drifts and observations of one cluster, until it is called back. */
function followLive(
  live: LiveState,
  { reconcile, groupOf }: Settings,
  { ledger, clock, log }: Parts,
  gitOps: GitOps,
): () => void {
  return followLiveChanges({
    live,
    checks: () => reconcile().checks,
    groupOf,
    applicationOf: (instance) => gitOps.running?.controller.byInstance(instance),
    onDrift: (reason) => void gitOps.running?.controller.offerLocal(reason),
    ledger,
    clock,
    log,
  });
}

/** Has all Applications looked at whose spec is concerned. */
function requestAllOf(
  store: ApplicationStore | undefined,
  { running }: GitOps,
  { what, id, concerns }: { what: string; id: string; concerns: (spec: JsonObject) => boolean },
): void {
  for (const { metadata, spec } of store?.list() ?? []) {
    if (!concerns(objectOf(spec as JsonValue | undefined))) continue;
    const application = `${metadata.namespace}/${metadata.name}`;
    void running?.controller.offerLocal({ reason: "spec", application, id, what, level: 2 });
  }
}

/** By one `ls-remote`, with the credentials given. */
async function testRepository(repository: Parameters<TestRepository>[0], sources: GitSources): Promise<void> {
  const url = URL.parse(repository.url);
  const isHttp = url !== null && /^https?:$/.test(url.protocol);
  if (isHttp && repository.password !== "") {
    url.username = encodeURIComponent(repository.username);
    url.password = encodeURIComponent(repository.password);
  }
  await sources.tips(isHttp ? url.href : repository.url, AbortSignal.timeout(testTimeoutMs));
}

function watchApplications(cache: WatchCache): WatchApplications {
  return (listener) =>
    cache.onChange(({ type, object: application, previous }) => {
      const isNew = previous === undefined || previous.metadata.uid !== application.metadata.uid;
      listener({ type: type === "deleted" ? "DELETED" : isNew ? "ADDED" : "MODIFIED", application });
    });
}

/** What the files of a push concern, by the annotations of Applications. */
function concernedBy(store: ApplicationStore): NonNullable<PushIntakeDeps["concerned"]> {
  const isTouched = createTouched();
  return (repository, files) => {
    const changed = changedFiles(files);
    return (key) => {
      const application = store.find(key);
      return application === undefined || isTouched(application, repository, changed);
    };
  };
}

async function openProjects(
  { stack, nursery, kube, clock, log }: Parts,
  configMaps: WatchCache,
): Promise<{
  readonly projects: Projects;
  onProject(listener: (name: string) => void): void;
}> {
  const cache = createWatchCache({
    client: kube,
    kind: { apiVersion: argoApiVersion, kind: "AppProject" },
    clock,
    log,
  });
  stack.use(nursery.start("AppProject cache", (signal) => cache.run(signal)));
  await cache.synced;
  return {
    projects: createProjects(cache, { configMaps, namespace: controllerNamespace, log }),
    onProject: (listener) => void cache.onChange(({ object }) => listener(object.metadata.name ?? "")),
  };
}

/** Outcomes as events, for Sensors of the Application's namespace. */
function startTelling(parts: Parts, cache: WatchCache): void {
  const { stack, nursery, system, outcomes, clock, log } = parts;
  const told = {
    cache,
    store: system.bus.state("application-outcomes"),
    hops: hopsOf(parts),
    isHeard: outcomes.isHeard,
    publish: (event: EmittedEvent, namespace: string) => outcomes.publish(event, { namespace, own: "default" }),
    clock,
    log,
  };
  stack.use(nursery.start("application outcomes", (signal) => tellOutcomes(told, signal)));
}

function hopsOf({ system }: Parts): HopStore {
  return createHopStore(system.bus.state(hopStore.name, { ttlMs: hopStore.ttlMs }));
}

/** The safety net below pushes. */
function startPolling(
  { stack, nursery, clock, log }: Parts,
  { sources }: GitOps,
  controller: ApplicationController,
): void {
  const poller = createRepositoryPoller({
    sources,
    repositories: () => controller.repositories(),
    onMoved: ({ url, refs, defaultBranch }: RepositoryChange) => {
      const now = clock.now();
      const events = refEvents({ kind: "poll", repositoryUrl: url, refs, headRef: defaultBranch, id: () => "", now });
      for (const event of events) {
        const { head } = localEvent({ reason: "timer", application: "", id: event.id, what: "", level: 2 }, now);
        controller.offer({ event, head: { ...head, event: event.subject, type: event.type } });
      }
    },
    intervalMs: pollMs,
    jitterMs: pollJitterMs,
    random: Math.random,
    clock,
    log,
  });
  stack.use(nursery.start("repository poller", (signal) => poller.run(signal)));
}

/** Nobody tells when a chart is published: what names a range of versions is looked at again. */
async function pollCharts(clock: Clock, controller: ApplicationController, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleepFor(clock, pollMs + pollJitterMs * Math.random(), signal);
    controller.lookAgain("charts", "charts are looked at from time to time");
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

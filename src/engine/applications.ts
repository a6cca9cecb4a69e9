import { join } from "node:path";
import { objectOf } from "../api/fields.ts";
import { argoApiVersion } from "../api/resources.ts";
import type { Clock } from "../base/clock.ts";
import type { JsonObject } from "../base/json.ts";
import { type ApplicationController, createApplicationController } from "../controllers/applications/application.ts";
import { createApplicationDoor } from "../controllers/applications/application-access.ts";
import { createApplicationEdits } from "../controllers/applications/application-edits.ts";
import { type ApplicationIndex, createApplicationIndex } from "../controllers/applications/application-index.ts";
import { applicationLane } from "../controllers/applications/application-lane.ts";
import { createApplicationLooks } from "../controllers/applications/application-looks.ts";
import { applicationPartition } from "../controllers/applications/application-partition.ts";
import { localEvent } from "../controllers/applications/application-requests.ts";
import { type ApplicationStore, createApplicationStore } from "../controllers/applications/application-store.ts";
import { createApplicationWhy } from "../controllers/applications/application-why.ts";
import type { Clusters } from "../controllers/applications/clusters.ts";
import { createGitRevert } from "../controllers/applications/git-revert.ts";
import { createHolds, type Holds } from "../controllers/applications/holds.ts";
import { writeKubeEvents } from "../controllers/applications/kube-event-writer.ts";
import { followLiveChanges } from "../controllers/applications/live-changes.ts";
import { followNeeds } from "../controllers/applications/needed-applications.ts";
import { tellOutcomes } from "../controllers/applications/outcome-teller.ts";
import { type ProjectReleaseDeps, releaseProjects } from "../controllers/applications/project-release.ts";
import { createProjects, type Projects, type ScopedToProject } from "../controllers/applications/projects.ts";
import { createPushIntake, type PushIntakeDeps } from "../controllers/applications/push-intake.ts";
import { createRepositoryLooks } from "../controllers/applications/repository-looks.ts";
import { createResourceActions } from "../controllers/applications/resource-actions.ts";
import { settingsName } from "../controllers/applications/resource-settings.ts";
import { takeTold } from "../controllers/applications/told.ts";
import { createHookIntake, type HookIntakeDeps } from "../controllers/webhooks/hook-intake.ts";
import { changedFiles, createTouched } from "../controllers/webhooks/refresh-paths.ts";
import { followsRegistry } from "../controllers/webhooks/registry-push.ts";
import { triggerSchemas } from "../events/triggers/registry.ts";
import type { EmittedEvent } from "../events/triggers/trigger.ts";
import { createClaims } from "../gitops/reconcile/claims.ts";
import type { Directory } from "../gitops/reconcile/destination.ts";
import type { Hold } from "../gitops/reconcile/holds.ts";
import { createOrphanMonitors, type OrphanMonitors } from "../gitops/reconcile/orphans.ts";
import type { RenderCache } from "../gitops/reconcile/render-cache.ts";
import { createGitWriter } from "../gitops/source/git-writer.ts";
import type { WatchCache } from "../kube/kube.ts";
import { createLeavesOut } from "../kube/list-rights.ts";
import { createLiveState, type LiveState } from "../kube/live-state.ts";
import { trimLive } from "../kube/trim-live.ts";
import { createWatchCache } from "../kube/watch-cache.ts";
import type { WatchApplications } from "../server/application-stream.ts";
import { openClusters } from "./clusters.ts";
import { type GitOps, hopsOf } from "./gitops.ts";
import { controllerNamespace, type Parts, runController } from "./parts.ts";
import { startPolling } from "./polls.ts";
import { openRenders, renderWorkDir } from "./rendering.ts";
import { createRepositoryTest } from "./repository-test.ts";
import { requestAllOf, requestHeld, requestNeedy } from "./requests.ts";
import { openSettings, type Settings } from "./settings.ts";
import { createWriteRights } from "./write-rights.ts";

/** Between looks at objects that a sync waits for. */
const waitPollMs = 250;
/** A look mostly waits, for Git servers above all: those that hang must not keep the others from being looked at. */
const looks = { concurrency: 256, patience: { afterMs: 15_000, max: 1_024 } };
/** Beside those, for each cluster and Git server: one that hangs may have more Applications than there are places. */
const looksOfLane = 16;

/**
 * Applications are looked at by the engine that has their partition: two would begin the same operations. Every engine
 * knows all of them, so that whoever is asked can answer. Resolves once they are followed; nobody waits for the
 * Applications themselves.
 */
export async function runApplications(parts: Parts, gitOps: GitOps): Promise<void> {
  const { stack, kube, leases, clock, metrics } = parts;
  const settings = await openSettings(parts);
  const live = startLive(parts, settings);
  let clusters: Clusters | undefined;
  const own = await openProjects(parts, settings.configMaps, gitOps, () => clusters?.list() ?? []);
  const index = createApplicationIndex();
  const orphanMonitors = createOrphanMonitors(() => clock.monotonicMs());
  const follow = (one: LiveState) => followLive(one, settings, parts, gitOps, orphanMonitors);
  let store: ApplicationStore | undefined;
  const requestAll = (what: string, id: string, concerns: (spec: JsonObject) => boolean): void =>
    requestAllOf(store, gitOps, { what, id, concerns });
  const lookAtAll = (): void => requestAll(`${settingsName} changed`, `spec/settings/${settingsName}`, () => true);
  const { renders, rendering } = await openRenders(parts, {
    configMaps: settings.configMaps,
    access: gitOps.access,
    git: gitOps.sources,
    onMade: () => metrics.renders.add({}),
    onSettings: lookAtAll,
  });
  gitOps.rendering = rendering;
  clusters = await openClusters(parts, live, settings, {
    follow,
    onChange: ({ server, name }) =>
      requestAll(`cluster ${name} changed`, `spec/cluster/${server}`, (spec) => goesTo(spec, server, name)),
  });
  const onHold = (changed: readonly Hold[], what: string) => requestHeld(store, gitOps, directory, changed, what);
  const holds = createHolds({ ...parts, cache: settings.configMaps, namespace: controllerNamespace, onChange: onHold });
  let applications: WatchCache | undefined;
  const directory = directoryOf(own.projects, clusters, settings);
  const isApplication = (key: string): boolean => store?.find(key) !== undefined;
  const { reconciler: controller } = runController(
    parts,
    "Application",
    ({ cache, request }) => {
      store = createApplicationStore(cache, kube, (key) => leases.applications.owns(applicationPartition(key)));
      applications = cache;
      startTelling(parts, cache);
      startReleasing(parts, { ...own, applications: cache });
      followNeeds(cache, (application, what) => requestNeedy(gitOps, application, what));
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
        holds: holds.active,
        orphanMonitors,
        controllerNamespace,
        owns: leases.applications.owns,
        ...settingsOf(settings),
        directory,
        pollMs: waitPollMs,
        waveDelayMs: parts.config.waveDelayMs,
      });
    },
    { ...looks, lanes: { of: (key) => applicationLane(store?.find(key)), own: looksOfLane } },
  );
  shareApplications(parts, gitOps, controller);
  own.onProject((name) =>
    requestAll(`AppProject ${name} changed`, `spec/project/${name}`, ({ project }) => (project || "default") === name),
  );
  stack.defer(follow(live));
  settings.onChange((isTrackedAnew) => {
    if (isTrackedAnew) for (const cluster of [{ live }, ...clusters.list()]) cluster.live.regroup();
    lookAtAll();
  });
  if (store === undefined || applications === undefined) throw new Error("a controller is made with its cache");
  const found = { controller, store, index, applications, renders, directory, isApplication, holds };
  takeReasons(parts, gitOps, { ...found, settings });
}

function directoryOf({ find: project }: Projects, clusters: Clusters, { sync }: Settings): Directory {
  const { isNamespaceEnabled } = sync;
  return { project, clusters: () => clusters.list(), isNamespaceEnabled, controllerNamespace };
}

function settingsOf({ reconcile, sync }: Settings) {
  const { repositoryGraceMs: graceMs, selfHeal } = sync;
  return { settings: reconcile, syncSettings: sync, graceMs, selfHeal };
}

function scopedBy({ scoped }: GitOps, clusters: Directory["clusters"]): (project: string) => ScopedToProject {
  return (project) => ({
    repositories: scoped(project),
    clusters: clusters().filter((one) => one.project === project),
  });
}

function startLive({ stack, nursery, kube, clock, log }: Parts, { groupOf, sync }: Settings): LiveState {
  const leavesOut = createLeavesOut(kube, sync.respectRbac);
  const live = createLiveState({ client: kube, clock, log, groupOf, trim: trimLive, leavesOut });
  stack.use(nursery.start("live state", (signal) => live.run(signal)));
  return live;
}

function goesTo({ destination }: JsonObject, server: string, name: string): boolean {
  const wanted = objectOf(destination);
  return wanted.server === server || wanted.name === name;
}

/** Takes up, and gives up, partitions as the leases come and go. */
function shareApplications({ leases, stack }: Parts, { requests }: GitOps, controller: ApplicationController): void {
  let isOver = false;
  stack.defer(() => {
    isOver = true;
  });
  leases.applications.workBy({
    changed(partition) {
      if (isOver) return;
      controller.partitionChanged(partition);
      requests.changed();
    },
    async stop(partition) {
      await controller.leavePartition(partition);
      await requests.leave(partition);
    },
  });
}

interface Running {
  readonly controller: ApplicationController;
  readonly store: ApplicationStore;
  readonly index: ApplicationIndex;
  readonly applications: WatchCache;
  readonly renders: RenderCache;
  readonly directory: Directory;
  readonly isApplication: (key: string) => boolean;
  readonly settings: Settings;
  readonly holds: Holds;
}

/** From now on pushes, polls, stored requests and people reach the Applications. */
function takeReasons(parts: Parts, gitOps: GitOps, running: Running): void {
  const { stack, nursery, kube, clock, log, system, projection, dataDir } = parts;
  const { controller, store, index, applications, renders, directory, isApplication, holds } = running;
  const { reconcile, sync } = running.settings;
  const { requests } = gitOps;
  const { identity = {} } = parts.config;
  const concerned = concernedBy(store);
  const onPush = createPushIntake({ system, controllerNamespace, index, requests, concerned, clock });
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  const repositories = () => [...controller.repositories()].map(({ url }) => url);
  const onRegistry = registryIntake(store, requests, clock);
  const onHook = createHookIntake({ repositories, onPush, onRegistry, clock, log, signal: stop.signal });
  const onKeyring = () =>
    requestAllOf(store, gitOps, {
      what: "the keys that sign commits changed",
      id: "spec/gpg-keys",
      concerns: () => true,
    });
  const { sources, charts } = gitOps;
  const all = { sources, charts, renders, controllerNamespace, store, directory, isApplication, settings: reconcile };
  const { synced } = applications;
  const repositoryLooks = createRepositoryLooks(all);
  gitOps.running = {
    controller,
    applications: createApplicationDoor({ store, controller, clock }),
    edits: createApplicationEdits({ kube, ...all }),
    looks: createApplicationLooks({ clock, repositories: repositoryLooks, workDir: renderWorkDir(dataDir), ...all }),
    repositories: repositoryLooks,
    actions: createResourceActions(reconcile),
    explain: createApplicationWhy({
      ...{ store, directory, sources, clock, history: projection.history },
      decided: controller.decided,
      isOurs: controller.has,
      holds: holds.active,
    }),
    holds,
    watch: watchApplications(applications),
    clusters: () => directory.clusters(),
    testRepository: createRepositoryTest(gitOps),
    revert: createGitRevert({
      ...{ store, directory, onPush, log },
      writer: createGitWriter({
        directory: join(dataDir.file("git"), "work"),
        tool: parts.config.git,
        identity,
        clock,
      }),
      rightsTo: createWriteRights({
        ...{ kube, accessBy: gitOps.accessBy, localPathOf: gitOps.served.localPathOf },
        allowLocal: parts.config.remote === undefined,
      }),
    }),
    onPush,
    onHook,
    onKeyring,
    onTold: (received) => takeTold(received, controller),
  };
  startPolling(parts, gitOps, controller, sync);
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
  orphans: OrphanMonitors,
): () => void {
  return followLiveChanges({
    live,
    checks: () => reconcile().checks,
    ignoresUpdate: (before, after) => reconcile().ignoresUpdate(before, after),
    monitorsOf: (namespace) => orphans.of(live, namespace),
    groupOf,
    applicationOf: (instance) => gitOps.running?.controller.byInstance(instance),
    onDrift: (reason) => void gitOps.running?.controller.offerLocal(reason),
    ledger,
    clock,
    log,
  });
}

/** Asks each Application that follows what was pushed, whichever engine has it. */
function registryIntake(
  store: ApplicationStore,
  requests: GitOps["requests"],
  clock: Clock,
): HookIntakeDeps["onRegistry"] {
  return async (seen, id) => {
    const what = `${seen.provider} has ${seen.urls.join(", ")}: ${seen.tags?.join(", ")}`;
    const keys = store.list().flatMap((object) => {
      const { namespace, name } = object.metadata;
      return followsRegistry(object, seen) ? [`${namespace}/${name}`] : [];
    });
    const ask = (application: string): Promise<void> => {
      const reason = { reason: "timer", application, id: `registry/${id}`, what, level: 3 } as const;
      return requests.store(application, localEvent(reason, clock.now()));
    };
    await Promise.all(keys.map(ask));
  };
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
  gitOps: GitOps,
  clusters: Directory["clusters"],
): Promise<{
  readonly projects: Projects;
  readonly cache: WatchCache;
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
    cache,
    projects: createProjects(cache, {
      configMaps,
      namespace: controllerNamespace,
      scoped: scopedBy(gitOps, clusters),
      log,
    }),
    onProject: (listener) => void cache.onChange(({ object }) => listener(object.metadata.name ?? "")),
  };
}

/** Outcomes as events, for Sensors of the Application's namespace. */
function startTelling(parts: Parts, cache: WatchCache): void {
  const { stack, nursery, kube, system, outcomes, leases, clock, log } = parts;
  const { history } = parts.projection;
  const told = {
    cache,
    store: system.bus.state("application-outcomes"),
    hops: hopsOf(parts),
    async syncRecord(key: string) {
      await history.caughtUp();
      const record = await history.record(key);
      return record?.kind === "sync" ? record : undefined;
    },
    isHeard: outcomes.isHeard,
    publish: (event: EmittedEvent, namespace: string) => outcomes.publish(event, { namespace, own: "default" }),
    isOurs: (key: string) => leases.applications.owns(applicationPartition(key)),
    onCome: leases.applications.onChange,
    clock,
    log,
  };
  stack.use(nursery.start("application outcomes", (signal) => tellOutcomes(told, signal)));
  stack.use(nursery.start("Events of Applications", (signal) => writeKubeEvents({ ...told, kube }, signal)));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function startReleasing(
  { stack, nursery, kube, leases, clock, log }: Parts,
  from: Pick<ProjectReleaseDeps, "cache" | "projects" | "applications">,
): void {
  const { owns, onChange: onCome } = leases.applications;
  const isOurs = (name: string): boolean => owns(applicationPartition(`${controllerNamespace}/${name}`));
  const deps = { ...from, kube, namespace: controllerNamespace, isOurs, onCome, clock, log };
  stack.use(nursery.start("projects that are deleted", (signal) => releaseProjects(deps, signal)));
}

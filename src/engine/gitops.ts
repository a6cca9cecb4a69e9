import { existsSync } from "node:fs";
import { defaultRenderingSettings, listingOf, type RenderingSettings } from "../api/rendering-settings.ts";
import { EngineError } from "../base/errors.ts";
import type { ApplicationController } from "../controllers/applications/application.ts";
import type { ApplicationDoor } from "../controllers/applications/application-access.ts";
import type { ApplicationEdits } from "../controllers/applications/application-edits.ts";
import type { ApplicationLooks } from "../controllers/applications/application-looks.ts";
import type { ExplainApplication } from "../controllers/applications/application-why.ts";
import type { RevertInGit } from "../controllers/applications/git-revert.ts";
import { createGitOpsTarget } from "../controllers/applications/gitops-target.ts";
import type { Holds } from "../controllers/applications/holds.ts";
import { createHopStore, type HopStore, hopStore, withHops } from "../controllers/applications/outcome-teller.ts";
import type { SeenPush } from "../controllers/applications/push-intake.ts";
import { createReconcileStream, type ReconcileStream } from "../controllers/applications/reconcile-stream.ts";
import type { DeclaredRepositories } from "../controllers/applications/repository-access.ts";
import type { RepositoryLooks } from "../controllers/applications/repository-looks.ts";
import type { ResourceActions } from "../controllers/applications/resource-actions.ts";
import { everyApplication } from "../controllers/webhooks/hook-event.ts";
import { createHookReceiver, type HookReceiver } from "../controllers/webhooks/hook-receiver.ts";
import { createHookSettings } from "../controllers/webhooks/hook-settings.ts";
import type { ReceivedEvent } from "../events/sensor/state.ts";
import type { GitFiles, GitOpsTarget } from "../events/triggers/trigger.ts";
import type { DestinationCluster } from "../gitops/reconcile/destination.ts";
import { createChartSources } from "../gitops/source/chart-sources.ts";
import { openGitSources } from "../gitops/source/git-sources.ts";
import { normaliseRepositoryUrl } from "../gitops/source/repository-url.ts";
import type { ChartSources, FindAccess, GitSources } from "../gitops/source/source.ts";
import type { Push } from "../local/git-server.ts";
import { openServedRepositories, type ServedRepositories } from "../local/served-repositories.ts";
import type { WatchApplications } from "../server/application-stream.ts";
import type { TestRepository } from "../server/repository-routes.ts";
import { createGitFiles } from "./git-files.ts";
import { controllerNamespace, host, type Parts } from "./parts.ts";
import { openRepositoryAccess } from "./repositories.ts";

/** The reconcile flow, before anything runs: Sensors need it to store requests. */
export interface GitOps {
  readonly target: GitOpsTarget;
  readonly requests: ReconcileStream;
  readonly served: ServedRepositories;
  readonly sources: GitSources;
  readonly charts: ChartSources;
  /** How repositories are reached, as users' Secrets say now. */
  readonly access: FindAccess;
  readonly accessBy: DeclaredRepositories["accessBy"];
  /** Repositories that belong to a project alone. */
  readonly scoped: (project: string) => readonly string[];
  /** What triggers read of repositories. */
  readonly files: GitFiles;
  /** How sources are rendered now; known once it runs. */
  rendering?: () => RenderingSettings;
  /** Set once it runs. */
  running?: RunningGitOps;
}

export interface RunningGitOps {
  readonly controller: ApplicationController;
  readonly applications: ApplicationDoor;
  readonly edits: ApplicationEdits;
  readonly looks: ApplicationLooks;
  readonly actions: ResourceActions;
  readonly explain: ExplainApplication;
  readonly holds: Holds;
  readonly watch: WatchApplications;
  readonly clusters: () => readonly DestinationCluster[];
  readonly testRepository: TestRepository;
  readonly repositories: RepositoryLooks;
  readonly revert: RevertInGit;
  readonly onPush: (push: SeenPush) => Promise<void>;
  /** The keys that are known changed. */
  readonly onKeyring: () => void;
  readonly onHook: (received: ReceivedEvent, done: () => void) => void;
  /** What the engine that polls a repository tells all. */
  readonly onTold: (received: ReceivedEvent) => void;
}

export async function openGitOps(parts: Parts): Promise<GitOps> {
  const { config, stack, dataDir, clock, log, system, leases, metrics } = parts;
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
    onTold: (received) => gitOps.running?.onTold(received),
    owns: leases.applications.owns,
  });
  const rendering = (): RenderingSettings => gitOps.rendering?.() ?? defaultRenderingSettings;
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
  const { access, accessBy, scoped, keyring } = openRepositoryAccess(parts, {
    onAccess: () => gitOps.running?.controller.lookAgain("failed", "credentials of repositories changed"),
    onKeyring: () => gitOps.running?.onKeyring(),
  });
  const sources = stack.use(
    await openGitSources({
      directory: dataDir.file("git"),
      tool: config.git,
      ...(config.identity === undefined ? {} : { identity: config.identity }),
      access,
      keyring,
      allowLocal: config.remote === undefined,
      readsSubmodules: () => rendering().readsSubmodules,
      listing: () => listingOf(rendering()),
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
    artifacts: () => rendering().fetching,
  });
  const files = stack.use(createGitFiles(parts, served, access));
  const target = withHops(
    createGitOpsTarget({
      requests,
      clock,
      preview: async (request, signal) => gitOps.running?.looks.preview(request, signal),
      async revert(ref, wish) {
        if (gitOps.running) return gitOps.running.revert(ref, wish);
        throw new EngineError("ENGINE_UNREACHABLE", "Applications are not read yet");
      },
    }),
    hopsOf(parts),
  );
  const gitOps: GitOps = { target, requests, served, sources, charts, access, accessBy, scoped, files };
  return gitOps;
}

/** A push before they run is found when they are looked at first. Whichever engine has the Applications is asked. */
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

export function hopsOf({ system }: Parts): HopStore {
  return createHopStore(system.bus.state(hopStore.name, { ttlMs: hopStore.ttlMs }));
}

/** What takes pushes of Git providers: in every engine, whoever has the Applications. */
export function createWebhooks({ kube, clock, log }: Parts, { requests }: GitOps): HookReceiver {
  const settings = createHookSettings({ kube, controllerNamespace, clock });
  return createHookReceiver({ settings, requests, clock, log });
}

import type { Application } from "../../api/application-types.ts";
import { systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { silentLogger } from "../../base/log.ts";
import type { Comparison } from "../../gitops/diff/compare.ts";
import { ownerOf } from "../../gitops/diff/tracking.ts";
import { defaultProject } from "../../gitops/project/project.ts";
import { createClaims } from "../../gitops/reconcile/claims.ts";
import { createMemory, lookAt } from "../../gitops/reconcile/look.ts";
import { createSettings, type ReconcileSettings, trackingOf } from "../../gitops/reconcile/settings.ts";
import { createKubeClient } from "../../kube/client.ts";
import { createClusterVersions } from "../../kube/cluster-versions.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { createLiveState, type LiveState } from "../../kube/live-state.ts";
import { readEndpoints } from "../engine-client.ts";
import { type Declared, withClusterSettings } from "../render/declared.ts";
import type { RenderingFlags } from "../rendering-flags.ts";
import { controllerNamespace, openSources, settingsIn } from "./desired.ts";

interface Options {
  readonly kubeconfig: string | undefined;
  readonly dataDir: string;
  readonly declared: Declared;
  readonly flags: RenderingFlags;
}

/** As an engine compares, over the cluster as it is now. @throws EngineError */
export async function compareWithLive(application: Application, options: Options): Promise<Comparison> {
  await using stack = new AsyncDisposableStack();
  const kube = await openCluster(options, stack);
  const declared = await withClusterSettings(options.declared, kube, controllerNamespace);
  const settings = createSettings(settingsIn(declared.main), () => systemClock.now());
  const live = openLive(kube, settings, stack);
  const deps = stack.use(await openSources(options.flags, options.dataDir, declared));
  const cluster = {
    server: application.destination.server ?? "",
    name: application.destination.name ?? "",
    kube,
    live,
    versions: createClusterVersions(kube, systemClock),
  };
  const look = await lookAt(
    application,
    { project: defaultProject(controllerNamespace), cluster },
    { level: 3, hard: false, seen: [] },
    [],
    createMemory(),
    {
      ...deps,
      settings: () => settings,
      claims: createClaims(),
      clock: systemClock,
      isApplication: () => false,
      metrics: { comparedObjects: { add: () => undefined } },
    },
    AbortSignal.timeout(timeoutMs),
  );
  const errors = look.conditions.filter(({ type }) => type === "ComparisonError" || type === "InvalidSpecError");
  if (errors.length > 0) throw new EngineError("MANIFEST_INVALID", errors.map(({ message }) => message).join("; "));
  return look.comparison;
}

const timeoutMs = 300_000;

async function openCluster({ kubeconfig, dataDir }: Options, stack: AsyncDisposableStack): Promise<KubeClient> {
  const path = kubeconfig || readEndpoints(dataDir)?.kubeconfig;
  if (path === undefined) {
    const message = `--against live: no cluster: no --kubeconfig, no KUBECONFIG, and no engine runs on "${dataDir}"`;
    throw new EngineError("USAGE", message);
  }
  const { openKubeconfig } = await import("../../kube/kubeconfig.ts");
  const opened = stack.use(await openKubeconfig({ path, env: process.env, clock: systemClock, log: silentLogger }));
  return createKubeClient({ fetch: opened.fetch, baseUrl: opened.baseUrl, log: silentLogger });
}

function openLive(kube: KubeClient, settings: ReconcileSettings, stack: AsyncDisposableStack): LiveState {
  const live = createLiveState({
    client: kube,
    clock: systemClock,
    log: silentLogger,
    groupOf: (object) => ownerOf(object, trackingOf(settings)),
    trim: (object) => object,
  });
  const stop = new AbortController();
  const running = live.run(stop.signal);
  running.catch(() => undefined); // whoever waits for a list sees the failure
  stack.defer(async () => {
    stop.abort();
    await running.catch(() => undefined);
  });
  return live;
}

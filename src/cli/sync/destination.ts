import { join } from "node:path";
import { parseAppProject } from "../../api/app-project.ts";
import type { AppProject } from "../../api/application-types.ts";
import { argoApiVersion } from "../../api/resources.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/log.ts";
import { ownerOf } from "../../gitops/diff/tracking.ts";
import { defaultProject } from "../../gitops/project/project.ts";
import type { Directory } from "../../gitops/reconcile/destination.ts";
import { createSettings, type ReconcileSettings, trackingOf } from "../../gitops/reconcile/settings.ts";
import { createKubeClient } from "../../kube/client.ts";
import { createClusterVersions } from "../../kube/cluster-versions.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { openKubeconfig } from "../../kube/kubeconfig.ts";
import { createLiveState } from "../../kube/live-state.ts";
import { trimLive } from "../../kube/trim-live.ts";
import { openControlPlane } from "../../local/control-plane.ts";
import type { KubeObject } from "../../objects/object.ts";
import { controllerNamespace, settingsIn } from "../diff/desired.ts";
import { type Declared, withClusterSettings } from "../render/declared.ts";

export interface OpenedDestination extends AsyncDisposable {
  /** What a reconcile would know of clusters and projects. */
  readonly directory: Directory;
  /** What is not in files is the cluster's. */
  readonly declared: Declared;
  /** Of `argocd-cm`. */
  readonly settings: ReconcileSettings;
}

/**
 * The cluster that the kubeconfig names; without one an empty cluster of the built-in kinds, kept in `folder`: then all is
 * new. Whatever server an Application names is taken for it.
 */
export async function openDestination(
  given: { readonly kubeconfig: string | undefined; readonly folder: string; readonly declared: Declared },
  destination: { readonly server?: string; readonly name?: string },
  project: string,
  projects: readonly AppProject[],
  signal: AbortSignal,
): Promise<OpenedDestination> {
  const { kubeconfig, folder } = given;
  await using stack = new AsyncDisposableStack();
  const clock = systemClock;
  const log = silentLogger;
  const kube = kubeconfig === undefined ? await openEmpty(folder, stack) : await openNamed(kubeconfig, stack);
  const declared = await withClusterSettings(given.declared, kube, controllerNamespace);
  const settings = createSettings(settingsIn(declared.main), () => clock.now());
  const groupOf = (object: KubeObject): string | undefined => ownerOf(object, trackingOf(settings));
  const live = createLiveState({ client: kube, clock, log, groupOf, trim: trimLive });
  const stop = new AbortController();
  const running = live.run(AbortSignal.any([stop.signal, signal]));
  stack.defer(async () => {
    stop.abort();
    await running;
  });
  const known =
    projects.find(({ metadata }) => metadata.name === project) ?? (await readProject(kube, project, signal));
  const { server = "https://kubernetes.default.svc", name = "in-cluster" } = destination;
  const owned = stack.move();
  return {
    declared,
    settings,
    directory: {
      controllerNamespace,
      project: (wanted) => (wanted === project ? known : undefined),
      clusters: () => [{ server, name, kube, live, versions: createClusterVersions(kube, clock) }],
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openNamed(path: string, stack: AsyncDisposableStack): Promise<KubeClient> {
  const log = silentLogger;
  const opened = stack.use(await openKubeconfig({ path, env: process.env, clock: systemClock, log }));
  return createKubeClient({ fetch: (request) => opened.fetch(request), baseUrl: opened.baseUrl, log });
}

async function openEmpty(folder: string, stack: AsyncDisposableStack): Promise<KubeClient> {
  const token = "nobody-else-reaches-it";
  const users = [{ token, name: "plan", groups: ["system:masters"] }];
  const log = silentLogger;
  const path = join(folder, "empty.db");
  const plane = stack.use(await openControlPlane({ path, clock: systemClock, log, users, simulate: false }));
  return createKubeClient({ fetch: plane.fetch, isInProcess: true, baseUrl: "http://empty.local", token, log });
}

/** Undefined: there is none. A cluster without the kind has none. */
async function readProject(kube: KubeClient, name: string, signal: AbortSignal): Promise<AppProject | undefined> {
  const ref = { apiVersion: argoApiVersion, kind: "AppProject", namespace: controllerNamespace, name };
  const isKnown = await kube.isNamespaced(ref, signal).catch(() => false);
  const object = isKnown ? await kube.get(ref, signal) : undefined;
  if (object !== undefined) return parseAppProject(object).resource;
  return name === "default" ? defaultProject(controllerNamespace) : undefined;
}

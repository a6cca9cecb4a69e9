import { textOf } from "../../api/fields.ts";
import { argoApiVersion } from "../../api/resources.ts";
import type { Clock } from "../../base/clock.ts";
import { isJsonObject } from "../../base/json.ts";
import { createKeyedQueue } from "../../base/keyed-queue.ts";
import type { Logger } from "../../base/log.ts";
import { isListed } from "../../gitops/project/namespace-check.ts";
import type { KubeClient, WatchCache } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { Projects } from "./projects.ts";

/** Keeps a project that is deleted until no Application names it: the same as that of Applications. */
const projectFinalizer = "resources-finalizer.argocd.argoproj.io";
const concurrency = 4;

export interface ProjectReleaseDeps {
  readonly cache: Pick<WatchCache, "find" | "items" | "onChange">;
  readonly applications: Pick<WatchCache, "items" | "onChange">;
  readonly projects: Projects;
  readonly kube: Pick<KubeClient, "patch">;
  readonly namespace: string;
  /** Whether a project is this engine's to release. */
  readonly isOurs: (name: string) => boolean;
  /** Calls when `isOurs` may say something else. */
  readonly onCome: (listener: (partition: number) => void) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Lets go of projects that are deleted, once no Application that may use them names them (spec argo-cd-engine 1.9). */
export async function releaseProjects(deps: ProjectReleaseDeps, signal: AbortSignal): Promise<void> {
  const { cache, applications, namespace, clock, log } = deps;
  const queue = createKeyedQueue({
    concurrency,
    clock,
    work: async (name) => {
      await release(name, deps, signal);
      return {};
    },
    onError: (project, error) => log.warn("a project cannot be released, will retry", { project, error }),
  });
  const ask = (name: string): void => {
    if (isLeaving(cache.find(namespace, name))) queue.add(name);
  };
  const askAll = (): void => {
    for (const { metadata } of cache.items()) ask(metadata.name ?? "");
  };
  using stack = new DisposableStack();
  stack.defer(cache.onChange(({ object }) => ask(object.metadata.name ?? "")));
  stack.defer(
    applications.onChange(({ previous }) => {
      if (previous !== undefined) ask(projectOf(previous));
    }),
  );
  deps.onCome(askAll);
  askAll();
  await queue.run(signal);
}

async function release(name: string, deps: ProjectReleaseDeps, signal: AbortSignal): Promise<void> {
  const { cache, kube, namespace, log } = deps;
  const project = cache.find(namespace, name);
  if (project === undefined || !isLeaving(project) || !deps.isOurs(name) || isUsed(name, deps)) return;
  const { resourceVersion = "", finalizers = [] } = project.metadata;
  const kept = finalizers.filter((finalizer) => finalizer !== projectFinalizer);
  const ref = { apiVersion: argoApiVersion, kind: "AppProject", namespace, name };
  const metadata = { resourceVersion, finalizers: kept.length > 0 ? kept : null };
  await kube.patch(ref, "application/merge-patch+json", { metadata }, {}, signal);
  log.info("a project that is deleted is let go", { project: name });
}

function isLeaving(project: KubeObject | undefined): boolean {
  const { deletionTimestamp, finalizers = [] } = project?.metadata ?? {};
  return deletionTimestamp !== undefined && finalizers.includes(projectFinalizer);
}

/** One in a namespace that the project does not list is none of its own. */
function isUsed(name: string, { applications, projects, namespace }: ProjectReleaseDeps): boolean {
  const project = projects.find(name);
  for (const application of applications.items()) {
    if (projectOf(application) !== name) continue;
    const { namespace: place = "" } = application.metadata;
    if (place === namespace || project === undefined || isListed(project.sourceNamespaces, place)) return true;
  }
  return false;
}

function projectOf({ spec }: KubeObject): string {
  return isJsonObject(spec) ? textOf(spec.project) || "default" : "default";
}

import { specProblems } from "../../api/application.ts";
import type { Application, AppProject } from "../../api/application-types.ts";
import type { ClusterScope } from "../../kube/cluster-scope.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { LiveState } from "../../kube/live-state.ts";
import { checkDestination } from "../project/destination-check.ts";
import { checkNamespace } from "../project/namespace-check.ts";
import { type Cluster, missingProjectMessage } from "../project/project.ts";
import { checkSource } from "../project/source-check.ts";
import type { ClusterVersions } from "../render/render.ts";

/** A cluster that Applications may name, with what is known of it. */
export interface DestinationCluster extends Cluster {
  readonly kube: KubeClient;
  readonly live: LiveState;
  /** Absent: all of it. */
  readonly scope?: ClusterScope;
  /** Its Secret says `skip-reconcile`: nothing is done about its Applications. */
  readonly isPaused?: boolean;
  /** What charts may ask of it; absent: they are not told. */
  readonly versions?: (signal: AbortSignal) => Promise<ClusterVersions>;
}

export interface Directory {
  /** Undefined: there is none. The project `default` is always there. */
  project(name: string): AppProject | undefined;
  clusters(): readonly DestinationCluster[];
  /** Whether Applications of a namespace are looked at; absent: all are. */
  isNamespaceEnabled?(namespace: string): boolean;
  /** Whose Applications may use any project. */
  readonly controllerNamespace: string;
}

export interface Place {
  readonly project: AppProject;
  readonly cluster: DestinationCluster;
}

/**
 * The project and the cluster of an Application, or the messages of InvalidSpecError (spec argo-cd-engine 1.7, 6.2): all
 * of a kind at once.
 */
export function placeOf(
  application: Application,
  directory: Directory,
): Place | { readonly problems: readonly string[] } {
  const spec = specProblems(application).map(({ message }) => message);
  if (spec.length > 0) return { problems: spec };
  const project = directory.project(application.project);
  if (project === undefined) return { problems: [missingProjectMessage(application.project)] };
  const use = checkNamespace(project, application, directory.controllerNamespace);
  if (!use.permitted) return { problems: [use.reason] };
  const cluster = clusterOf(application, directory.clusters());
  const repositories = new Set(application.sources.map(({ repoURL }) => repoURL));
  const refusals = [...repositories].flatMap((repoURL) => reasonOf(checkSource(project, repoURL)));
  if (typeof cluster === "string") return { problems: [...refusals, cluster] };
  const { namespace = "" } = application.destination;
  const problems = [...refusals, ...reasonOf(checkDestination(project, cluster, namespace))];
  return problems.length > 0 ? { problems } : { project, cluster };
}

function reasonOf(verdict: ReturnType<typeof checkSource>): readonly string[] {
  return verdict.permitted ? [] : [verdict.reason];
}

/** The cluster that the destination names, or why there is none. */
export function clusterOf(
  { destination: { server, name } }: Pick<Application, "destination">,
  clusters: readonly DestinationCluster[],
): DestinationCluster | string {
  if (server) {
    const found = clusters.find((cluster) => withoutSlash(cluster.server) === withoutSlash(server));
    return found ?? `error getting cluster by server "${server}": cluster "${server}" not found`;
  }
  const named = clusters.filter((cluster) => cluster.name === name);
  const [found] = named;
  if (found === undefined) return `there are no clusters with this name: ${name}`;
  if (named.length === 1) return found;
  const servers = named.map((cluster) => cluster.server).join(" ");
  return `there are ${named.length} clusters with the same name: [${servers}]`;
}

function withoutSlash(server: string): string {
  return server.endsWith("/") ? server.slice(0, -1) : server;
}

import { parseAppProject } from "../../api/app-project.ts";
import type { AppProject } from "../../api/application-types.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import { type GlobalProject, inherit, readGlobalProjects } from "../../gitops/project/global-projects.ts";
import { defaultProject } from "../../gitops/project/project.ts";
import type { DestinationCluster } from "../../gitops/reconcile/destination.ts";
import type { WatchCache } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";

/** AppProjects by name; each version of one is parsed once. */
export interface Projects {
  /** With what it inherits. `default` is there even if nobody made it. Undefined: there is none, or it cannot be read. */
  find(name: string): AppProject | undefined;
}

export interface ProjectsDeps {
  /** Of the controller's namespace: `argocd-cm` says what projects inherit. */
  readonly configMaps: Pick<WatchCache, "find">;
  readonly namespace: string;
  /** What belongs to a project alone; default: nothing does. */
  readonly scoped?: (project: string) => ScopedToProject;
  readonly log: Logger;
}

/** Repositories and clusters whose Secrets name a project: it may use them (spec argo-cd-engine 1.9). */
export interface ScopedToProject {
  readonly repositories: readonly string[];
  readonly clusters: readonly Pick<DestinationCluster, "server" | "scope">[];
}

export function createProjects(cache: WatchCache, { configMaps, namespace, scoped, log }: ProjectsDeps): Projects {
  const parsed = new WeakMap<KubeObject, AppProject | undefined>();
  const fallback = defaultProject(namespace);
  let globals: { readonly text: string; readonly list: readonly GlobalProject[] } = { text: "", list: [] };

  function read(object: KubeObject): AppProject | undefined {
    try {
      return parseAppProject(object).resource;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      log.warn("an AppProject cannot be used", { project: object.metadata.name, error });
      return undefined;
    }
  }

  function own(name: string): AppProject | undefined {
    const object = cache.find(namespace, name);
    if (object === undefined) return name === fallback.metadata.name ? fallback : undefined;
    if (!parsed.has(object)) parsed.set(object, read(object));
    return parsed.get(object);
  }

  /** Settings that cannot be read make nobody inherit: what is forbidden by a global project needs them to be right. */
  function declared(): readonly GlobalProject[] {
    const data = configMaps.find(namespace, "argocd-cm")?.data;
    const text = isJsonObject(data) && typeof data.globalProjects === "string" ? data.globalProjects : "";
    if (text === globals.text) return globals.list;
    let list: readonly GlobalProject[] = [];
    try {
      list = readGlobalProjects(text);
    } catch (error) {
      log.error("globalProjects of argocd-cm cannot be used: no project inherits", { error: messageOf(error) });
    }
    globals = { text, list };
    return list;
  }

  return {
    find(name) {
      const project = own(name);
      if (project === undefined) return undefined;
      const inherited = declared().flatMap((one) =>
        one.name !== name && one.appliesTo(project.metadata.labels) ? (own(one.name) ?? []) : [],
      );
      const whole = scoped === undefined ? project : withScoped(project, scoped(name));
      return inherited.length === 0 ? whole : inherit(whole, inherited);
    },
  };
}

function withScoped(project: AppProject, { repositories, clusters }: ScopedToProject): AppProject {
  if (repositories.length === 0 && clusters.length === 0) return project;
  const destinations = clusters.flatMap(({ server, scope }) =>
    (scope?.namespaces ?? ["*"]).map((namespace) => ({ server, namespace })),
  );
  return {
    ...project,
    sourceRepos: [...project.sourceRepos, ...repositories],
    destinations: [...project.destinations, ...destinations],
  };
}

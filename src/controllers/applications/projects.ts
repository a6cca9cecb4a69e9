import { parseAppProject } from "../../api/app-project.ts";
import type { AppProject } from "../../api/application-types.ts";
import { EngineError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { defaultProject } from "../../gitops/project/project.ts";
import type { WatchCache } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";

/** AppProjects by name; each version of one is parsed once. */
export interface Projects {
  /** `default` is there even if nobody made it. Undefined: there is none, or it cannot be read. */
  find(name: string): AppProject | undefined;
}

export function createProjects(cache: WatchCache, namespace: string, log: Logger): Projects {
  const parsed = new WeakMap<KubeObject, AppProject | undefined>();
  const fallback = defaultProject(namespace);

  function read(object: KubeObject): AppProject | undefined {
    try {
      return parseAppProject(object).resource;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      log.warn("an AppProject cannot be used", { project: object.metadata.name, error });
      return undefined;
    }
  }

  return {
    find(name) {
      const object = cache.find(namespace, name);
      if (object === undefined) return name === fallback.metadata.name ? fallback : undefined;
      if (!parsed.has(object)) parsed.set(object, read(object));
      return parsed.get(object);
    },
  };
}

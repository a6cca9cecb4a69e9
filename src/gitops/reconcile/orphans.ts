import type { AppProject } from "../../api/application-types.ts";
import type { IsExcluded } from "../../api/resource-filter.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { LiveState } from "../../kube/live-state.ts";
import { listNamespacedKinds } from "../../kube/namespaced-kinds.ts";
import type { KubeObject } from "../../objects/object.ts";
import { groupOf, keyOf, keyText, type ObjectKey } from "../diff/diff.ts";
import { checkKind } from "../project/kind-check.ts";
import type { FoundCondition } from "./conditions.ts";

export interface OrphansInput {
  readonly project: AppProject;
  /** Of the destination. */
  readonly namespace: string;
  /** Objects of the namespace that nobody owns. */
  readonly objects: readonly KubeObject[];
  /** What the Application manages, as `keyText`. */
  readonly managed: ReadonlySet<string>;
  /** Whether an Application that is there tracks it. */
  readonly isTracked: (object: KubeObject) => boolean;
}

/**
 * Objects in the destination's namespace that no Application manages (spec argo-cd-engine 2.13): without what a namespace
 * comes with, what the project does not permit, and what its ignore list matches. None where the project does not ask.
 */
export function orphansOf({ project, namespace, objects, managed, isTracked }: OrphansInput): readonly KubeObject[] {
  const { orphanedResources } = project;
  if (orphanedResources === undefined || namespace === "") return [];
  const ignored = (orphanedResources.ignore ?? []).map(ignoring);
  return objects.filter((object) => {
    const key = keyOf(object);
    if (managed.has(keyText(key)) || isGiven(key) || isTracked(object)) return false;
    if (!checkKind(project, { ...key, isNamespaced: true }).permitted) return false;
    return !ignored.some((matches) => matches(key));
  });
}

/** Undefined: the project does not ask to be told, or there is none. */
export function orphanCondition(project: AppProject, count: number): FoundCondition | undefined {
  if (project.orphanedResources?.warn !== true || count === 0) return undefined;
  return { type: "OrphanedResourceWarning", message: `Application has ${count} orphaned resources` };
}

/** What is in each namespace, and a Service that the cluster makes. */
function isGiven({ group, kind, namespace, name }: ObjectKey): boolean {
  if (group !== "") return false;
  if (kind === "ServiceAccount") return name === "default";
  if (kind === "ConfigMap") return name === "kube-root-ca.crt";
  return kind === "Service" && namespace === "default" && name === "kubernetes";
}

type IgnoreRule = NonNullable<NonNullable<AppProject["orphanedResources"]>["ignore"]>[number];

/** An empty kind or name stands for any; an empty group for the core's. */
function ignoring({ group = "", kind = "", name = "" }: IgnoreRule): (key: ObjectKey) => boolean {
  const matches = (pattern: string, text: string): boolean => compilePathGlob(pattern, { dialect: "gobwas" })(text);
  return (key) =>
    matches(group, key.group) && (kind === "" || matches(kind, key.kind)) && (name === "" || matches(name, key.name));
}

export interface MonitoredCluster {
  readonly server: string;
  readonly kube: KubeClient;
  readonly live: LiveState;
}

/** Which Applications look for orphans, and where: a new object of nobody is a reason to look again. */
export interface OrphanMonitors {
  /** `namespace` undefined: it does not look for any. */
  set(application: string, live: LiveState, namespace: string | undefined): void;
  of(live: LiveState, namespace: string): readonly string[];
  /**
   * Watches all kinds in namespaces from now on that are not excluded; those that are refused are left out. Asks what
   * there is once a minute.
   */
  ensure(cluster: MonitoredCluster, isExcluded: IsExcluded, signal: AbortSignal): Promise<void>;
}

const freshMs = 60_000;

export function createOrphanMonitors(monotonicMs: () => number): OrphanMonitors {
  const places = new Map<string, { readonly live: LiveState; readonly namespace: string }>();
  const asked = new WeakMap<LiveState, number>();
  return {
    set(application, live, namespace) {
      if (namespace === undefined) places.delete(application);
      else places.set(application, { live, namespace });
    },
    of(live, namespace) {
      return [...places].flatMap(([application, place]) =>
        place.live === live && place.namespace === namespace ? [application] : [],
      );
    },
    async ensure({ server, kube, live }, isExcluded, signal) {
      if (monotonicMs() - (asked.get(live) ?? Number.NEGATIVE_INFINITY) < freshMs) return;
      const kinds = (await listNamespacedKinds(kube, signal)).filter((kind) => {
        return !isExcluded({ group: groupOf(kind), kind: kind.kind }, server);
      });
      // One by one: a kind that may not be listed hides no other.
      await Promise.allSettled(kinds.map((kind) => live.ensure([kind], signal)));
      signal.throwIfAborted();
      asked.set(live, monotonicMs());
    },
  };
}

import { isDeepStrictEqual } from "node:util";
import type { FieldRules, ResourceSettings } from "../../api/resource-settings.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { fieldRemovals, type Removal } from "./ignore.ts";
import { kindMatcher } from "./rules.ts";

/** On an object: changes of its ignored fields are no reason to look, though no Application tracks it. */
export const ignoreUpdatesAnnotation = "argocd.argoproj.io/ignore-resource-updates";

/** Whether a change from `before` to `after` is in fields alone that do not count; health is the caller's to compare. */
export type IgnoresUpdate = (before: KubeObject, after: KubeObject) => boolean;

interface Rule {
  matches(object: KubeObject): boolean;
  readonly removals: readonly Removal[];
}

const always: FieldRules = {
  jsonPointers: ["/metadata/resourceVersion", "/metadata/generation", "/metadata/managedFields"],
};

const annotation = (name: string): string => `/metadata/annotations/${name.replaceAll("/", "~1")}`;
const hpa = "autoscaling.alpha.kubernetes.io";

/** As the original's `argocd-cm` comes (spec argo-cd-engine 2.10); users' rules of the same kind take their place. */
const shipped: Readonly<Record<string, readonly string[]>> = {
  "*/*": ["/status"],
  "argoproj.io/Application": [
    ...["argocd.argoproj.io/refresh", "argocd.argoproj.io/hydrate"].map(annotation),
    "/operation",
  ],
  "argoproj.io/Rollout": [annotation("notified.notifications.argoproj.io")],
  "autoscaling/HorizontalPodAutoscaler": ["behavior", "conditions", "metrics", "current-metrics"].map((name) =>
    annotation(`${hpa}/${name}`),
  ),
  "/ConfigMap": [
    annotation("cluster-autoscaler.kubernetes.io/last-updated"),
    annotation("control-plane.alpha.kubernetes.io/leader"),
  ],
  "apps/ReplicaSet": [
    annotation("deployment.kubernetes.io/desired-replicas"),
    annotation("deployment.kubernetes.io/max-replicas"),
    annotation("rollout.argoproj.io/desired-replicas"),
  ],
  "discovery.k8s.io/EndpointSlice": ["/metadata", "/endpoints", "/ports"],
  "/Endpoints": ["/metadata", "/subsets"],
};

/** `resource.customizations.ignoreResourceUpdates.*`; `resource.ignoreResourceUpdatesEnabled: "false"` ignores nothing. */
export function createUpdateFilter(settings: ResourceSettings): IgnoresUpdate {
  if (!settings.ignoresUpdates) return () => false;
  const { overrides, compare } = settings;
  const withDifferences = compare.ignoreDifferencesOnResourceUpdates;
  const users = [...overrides].flatMap(([key, { ignoreResourceUpdates, ignoreDifferences }]): Rule[] => {
    const all = [ignoreResourceUpdates, withDifferences ? ignoreDifferences : undefined];
    const removals = all.flatMap((rules) => (rules === undefined ? [] : fieldRemovals(rules)));
    return removals.length === 0 ? [] : [{ matches: kindMatcher(key), removals }];
  });
  const defaults = Object.entries(shipped).flatMap(([key, jsonPointers]): Rule[] => {
    const isReplaced = [key, key.replace(/^\//, "")].some((name) => overrides.get(name)?.ignoreResourceUpdates);
    return isReplaced ? [] : [{ matches: kindMatcher(key), removals: fieldRemovals({ jsonPointers }) }];
  });
  const rules = [{ matches: () => true, removals: fieldRemovals(always) }, ...defaults, ...users];
  return (before, after) => {
    const removals = rules.flatMap((rule) => (rule.matches(after) ? rule.removals : []));
    const reduced = (object: KubeObject): JsonObject =>
      removals.reduce<JsonObject>((rest, remove) => remove(rest), object as unknown as JsonObject);
    return isDeepStrictEqual(reduced(before), reduced(after));
  };
}

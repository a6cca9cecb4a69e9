import { needsOf, readinessOf } from "../../gitops/reconcile/needs.ts";
import type { WatchCache } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";

/**
 * Tells of Applications that need another one whose readiness changed, by `namespace/name`, with what happened. Follows
 * the cache as long as that runs.
 */
export function followNeeds(
  cache: Pick<WatchCache, "onChange">,
  tell: (application: string, what: string) => void,
): void {
  /** Who needs an Application. */
  const dependents = new Map<string, Set<string>>();

  function note(key: string, before: readonly string[], now: readonly string[]): void {
    for (const need of before) {
      const known = dependents.get(need);
      known?.delete(key);
      if (known?.size === 0) dependents.delete(need);
    }
    for (const need of now) dependents.set(need, (dependents.get(need) ?? new Set()).add(key));
  }

  cache.onChange(({ type, object, previous, isInitial }) => {
    const key = `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
    const now: KubeObject | undefined = type === "deleted" ? undefined : object;
    note(key, previous ? needsOf(previous) : [], now ? needsOf(now) : []);
    const [was, is] = [readinessOf(previous), readinessOf(now)];
    if (isInitial || was === is) return;
    for (const dependent of dependents.get(key) ?? []) tell(dependent, `Application ${key} is ${is}`);
  });
}

import { needsOf, readinessOf } from "../../gitops/reconcile/needs.ts";
import { comparedText } from "../../gitops/reconcile/needs-revision.ts";
import type { WatchCache } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";

/**
 * Tells of Applications that need another one whose readiness, or the commits that it is ready at, changed: by
 * `namespace/name`, with what happened. Follows the cache as long as that runs.
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
    const needy = dependents.get(key);
    if (isInitial || needy === undefined || isSame(previous, now)) return;
    for (const dependent of needy) tell(dependent, `Application ${key} is ${readinessOf(now)}`);
  });
}

function isSame(before: KubeObject | undefined, now: KubeObject | undefined): boolean {
  return readinessOf(before) === readinessOf(now) && comparedText(before) === comparedText(now);
}

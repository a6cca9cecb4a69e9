import { createResourceFilter, type IsExcluded } from "../../api/resource-filter.ts";
import { defaultResourceSettings, type ResourceSettings } from "../../api/resource-settings.ts";
import { createUpdateFilter, type IgnoresUpdate } from "../diff/resource-updates.ts";
import type { Tracking } from "../diff/tracking.ts";
import { createHealthChecks, type HealthChecks } from "../health/checks.ts";

/** What `argocd-cm` says, ready to be used. A change of it gives another object. */
export interface ReconcileSettings {
  readonly resources: ResourceSettings;
  readonly checks: HealthChecks;
  readonly ignoresUpdate: IgnoresUpdate;
  readonly isExcluded: IsExcluded;
}

/** @param nowMs what `os.time()` of scripts says, in milliseconds since 1970 */
export function createSettings(resources: ResourceSettings, nowMs: () => number): ReconcileSettings {
  return {
    resources,
    checks: createHealthChecks(resources, nowMs),
    ignoresUpdate: createUpdateFilter(resources),
    isExcluded: createResourceFilter(resources.filter),
  };
}

/** How objects are marked as an Application's. */
export function trackingOf({ resources }: ReconcileSettings): Omit<Tracking, "instance"> {
  const { trackingMethod: method, instanceLabel: label, installationId } = resources;
  return { method, label, installationId };
}

/** Where there is no `argocd-cm`. */
export const defaultSettings: ReconcileSettings = createSettings(defaultResourceSettings, () => 0);

import { isDeepStrictEqual } from "node:util";
import { sleepFor } from "../base/clock.ts";
import { followSettings } from "../controllers/applications/resource-settings.ts";
import { createSyncSettings, type SyncSettings } from "../controllers/applications/sync-settings.ts";
import { ownerOf } from "../gitops/diff/tracking.ts";
import { type ReconcileSettings, trackingOf } from "../gitops/reconcile/settings.ts";
import type { WatchCache } from "../kube/kube.ts";
import { createWatchCache } from "../kube/watch-cache.ts";
import type { KubeObject } from "../objects/object.ts";
import { controllerNamespace, type Parts } from "./parts.ts";

/** What the original's ConfigMaps say, as they are now. */
export interface Settings {
  /** Those of the controller's namespace. */
  readonly configMaps: WatchCache;
  readonly sync: SyncSettings;
  readonly reconcile: () => ReconcileSettings;
  /** The instance that an object is tracked as. */
  readonly groupOf: (object: KubeObject) => string | undefined;
  /** Sets who is told of a change, and whether objects are tracked in another way since. Earlier ones are forgotten. */
  onChange(listener: (isTrackedAnew: boolean) => void): void;
}

/** How long the start waits for ConfigMaps that cannot be read: then defaults count, and they are followed all the same. */
const waitMs = 5_000;

export async function openSettings({ stack, nursery, kube, clock, log }: Parts): Promise<Settings> {
  const kind = { apiVersion: "v1", kind: "ConfigMap" };
  const configMaps = createWatchCache({ client: kube, kind, options: { namespace: controllerNamespace }, clock, log });
  stack.use(nursery.start("settings cache", (signal) => configMaps.run(signal)));
  const isRead = configMaps.synced.catch((error: unknown) => log.warn("settings cannot be read", { error }));
  const stop = new AbortController();
  await Promise.race([isRead, sleepFor(clock, waitMs, stop.signal).catch(() => undefined)]);
  stop.abort();
  let tell: (isTrackedAnew: boolean) => void = () => undefined;
  const reconcile = followSettings({
    cache: configMaps,
    namespace: controllerNamespace,
    clock,
    log,
    onChange: (before) => tell(!isDeepStrictEqual(trackingOf(before), trackingOf(reconcile()))),
  });
  return {
    configMaps,
    sync: createSyncSettings(configMaps, controllerNamespace),
    reconcile,
    groupOf: (object) => ownerOf(object, trackingOf(reconcile())),
    onChange(listener) {
      tell = listener;
    },
  };
}

import { isJsonObject } from "../../base/json.ts";
import type { Impersonation } from "../../gitops/project/service-account.ts";
import type { WatchCache } from "../../kube/kube.ts";

const settingsName = "argocd-cm";
export const parametersName = "argocd-cmd-params-cm";

/** What the original's ConfigMaps say about syncs, as they are now (spec argo-cd-engine 0.3, 0.4). */
export interface SyncSettings {
  impersonation(): Impersonation;
  /** How long an operation may take, all attempts together; 0: no limit. */
  syncTimeoutMs(): number;
  /** Whether Applications may name the engine's own cluster without a Secret for it. */
  isOwnClusterEnabled(): boolean;
  /** Between waves; undefined: not set there. */
  waveDelayMs(): number | undefined;
}

/** `configMaps` holds those of the controller's namespace. */
export function createSyncSettings(configMaps: Pick<WatchCache, "find">, namespace: string): SyncSettings {
  const read = (configMap: string, key: string): string | undefined => {
    const data = configMaps.find(namespace, configMap)?.data;
    const value = isJsonObject(data) && Object.hasOwn(data, key) ? data[key] : undefined;
    return typeof value === "string" ? value.trim() : undefined;
  };
  const seconds = (key: string): number | undefined => {
    const text = read(parametersName, key) ?? "";
    return /^\d{1,7}$/.test(text) ? Number(text) * 1_000 : undefined;
  };
  return {
    impersonation() {
      if (read(settingsName, "application.sync.impersonation.enabled") !== "true") return "off";
      return read(settingsName, "application.sync.impersonation.enforced") === "false" ? "optional" : "enforced";
    },
    syncTimeoutMs: () => seconds("controller.sync.timeout.seconds") ?? 0,
    isOwnClusterEnabled: () => read(settingsName, "cluster.inClusterEnabled") !== "false",
    waveDelayMs: () => seconds("controller.sync.wave.delay.seconds"),
  };
}

/** Where nothing is set. */
export const defaultSyncSettings: SyncSettings = {
  impersonation: () => "off",
  syncTimeoutMs: () => 0,
  isOwnClusterEnabled: () => true,
  waveDelayMs: () => undefined,
};

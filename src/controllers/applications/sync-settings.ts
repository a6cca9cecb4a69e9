import { type Impersonation, impersonationIn } from "../../api/resource-settings.ts";
import { parseDuration } from "../../base/duration.ts";
import { isJsonObject } from "../../base/json.ts";
import { isListed } from "../../gitops/project/namespace-check.ts";
import { defaultSelfHealBackoff, type SelfHealBackoff } from "../../gitops/reconcile/auto-sync.ts";
import type { WatchCache } from "../../kube/kube.ts";
import type { RespectRbac } from "../../kube/list-rights.ts";
import type { PollPace } from "./repository-poller.ts";

const settingsName = "argocd-cm";
/** Of process parameters. */
export const parametersName = "argocd-cmd-params-cm";
/** Of those: namespaces whose Applications are looked at, beside the controller's own. */
export const namespacesKey = "application.namespaces";

/** What the original's ConfigMaps say about syncs, as they are now (spec argo-cd-engine 0.3, 0.4). */
export interface SyncSettings {
  impersonation(): Impersonation;
  /** How long an operation may take, all attempts together; 0: no limit. */
  syncTimeoutMs(): number;
  /** Whether Applications may name the engine's own cluster without a Secret for it. */
  isOwnClusterEnabled(): boolean;
  /** What becomes of kinds that may not be listed; anything else that is written there counts as not set. */
  respectRbac(): RespectRbac;
  /** Between waves; undefined: not set there. */
  waveDelayMs(): number | undefined;
  /** How long self-heal waits before it tries again (spec argo-cd-engine 2.7). */
  selfHeal(): SelfHealBackoff;
  /** How long a repository that fails for a moment is not told of (spec argo-cd-engine 2.6). */
  repositoryGraceMs(): number;
  /** Whether Applications of a namespace are looked at (`application.namespaces`); where nothing is said, all are. */
  isNamespaceEnabled(namespace: string): boolean;
  /** How often repositories and charts are looked at without anybody telling. */
  pollPace(): PollPace;
  /** How often everything is rendered and compared anew, whatever is kept; 0: never. */
  hardRefreshMs(): number;
}

/** `configMaps` holds those of the controller's namespace. */
export function createSyncSettings(configMaps: Pick<WatchCache, "find">, namespace: string): SyncSettings {
  const read = (configMap: string, key: string): string | undefined => {
    const data = configMaps.find(namespace, configMap)?.data;
    const value = isJsonObject(data) && Object.hasOwn(data, key) ? data[key] : undefined;
    return typeof value === "string" ? value.trim() : undefined;
  };
  const whole = (key: string): number | undefined => {
    const text = read(parametersName, key) ?? "";
    return /^\d{1,7}$/.test(text) ? Number(text) : undefined;
  };
  const seconds = (key: string): number | undefined => {
    const count = whole(key);
    return count === undefined ? undefined : count * 1_000;
  };
  return {
    impersonation: () => impersonationIn((key) => read(settingsName, key)),
    syncTimeoutMs: () => seconds("controller.sync.timeout.seconds") ?? 0,
    isOwnClusterEnabled: () => read(settingsName, "cluster.inClusterEnabled") !== "false",
    respectRbac() {
      const text = read(settingsName, "resource.respectRBAC");
      return text === "normal" || text === "strict" ? text : "";
    },
    waveDelayMs: () => seconds("controller.sync.wave.delay.seconds"),
    selfHeal() {
      const { firstMs, factor, maxMs, fixedMs } = defaultSelfHealBackoff;
      const backoff = "controller.self.heal.backoff";
      return {
        firstMs: seconds(`${backoff}.timeout.seconds`) ?? firstMs,
        // As Go's: without a factor it stays as it is, without a cap it grows on.
        factor: Math.max(1, whole(`${backoff}.factor`) ?? factor),
        maxMs: (seconds(`${backoff}.cap.seconds`) ?? maxMs) || mostMs,
        fixedMs: seconds("controller.self.heal.timeout.seconds") ?? fixedMs,
      };
    },
    isNamespaceEnabled(applications) {
      const enabled = (read(parametersName, namespacesKey) ?? "").split(",").map((one) => one.trim());
      const patterns = enabled.filter((one) => one !== "");
      return patterns.length === 0 || applications === namespace || isListed(patterns, applications);
    },
    repositoryGraceMs: () => seconds("controller.repo.error.grace.period.seconds") ?? graceMs,
    pollPace: () => ({
      intervalMs: paceOf(read(settingsName, "timeout.reconciliation"), defaultPace.intervalMs),
      jitterMs: paceOf(read(settingsName, "timeout.reconciliation.jitter"), defaultPace.jitterMs),
    }),
    hardRefreshMs: () => paceOf(read(settingsName, "timeout.hard.reconciliation"), 0),
  };
}

/** The original's. */
const defaultPace: PollPace = { intervalMs: 120_000, jitterMs: 60_000 };
const graceMs = 180_000;
const leastMs = 1_000;
const mostMs = 7 * 24 * 3_600_000;

/** In Go's way to write a duration; 0: off. What is none counts as not set. */
function paceOf(text: string | undefined, defaultMs: number): number {
  if (text === undefined || text === "") return defaultMs;
  try {
    const ms = parseDuration(text);
    return ms <= 0 ? 0 : Math.min(mostMs, Math.max(leastMs, ms));
  } catch {
    return defaultMs;
  }
}

/** Where nothing is set. */
export const defaultSyncSettings: SyncSettings = {
  impersonation: () => "off",
  syncTimeoutMs: () => 0,
  isOwnClusterEnabled: () => true,
  respectRbac: () => "",
  waveDelayMs: () => undefined,
  selfHeal: () => defaultSelfHealBackoff,
  repositoryGraceMs: () => graceMs,
  isNamespaceEnabled: () => true,
  pollPace: () => defaultPace,
  hardRefreshMs: () => 0,
};

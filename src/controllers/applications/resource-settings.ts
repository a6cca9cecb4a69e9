import { isDeepStrictEqual } from "node:util";
import { parseResourceSettings } from "../../api/resource-settings.ts";
import type { Clock } from "../../base/clock.ts";
import { isJsonObject } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import { createSettings, defaultSettings, type ReconcileSettings } from "../../gitops/reconcile/settings.ts";
import type { WatchCache } from "../../kube/kube.ts";
import { namespacesKey, parametersName } from "./sync-settings.ts";

export const settingsName = "argocd-cm";

export interface SettingsDeps {
  /** ConfigMaps, `argocd-cm` at least. */
  readonly cache: WatchCache;
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after a change that matters, with what counted before; not for what is there from the beginning. */
  onChange(before: ReconcileSettings): void;
}

/** The settings in `argocd-cm`, and those of comparisons in `argocd-cmd-params-cm`, as they are now. A map that has nothing to say, or is not there, is the default. */
export function followSettings({ cache, namespace, clock, log, onChange }: SettingsDeps): () => ReconcileSettings {
  let data: Readonly<Record<string, string>> = {};
  let settings = defaultSettings;
  const read = (isFirst: boolean): void => {
    const next = {
      ...settingsIn(cache.find(namespace, settingsName)?.data, isOfComparison),
      ...settingsIn(cache.find(namespace, parametersName)?.data, isParameter),
    };
    if (isDeepStrictEqual(next, data)) return;
    const before = settings;
    data = next;
    const resources = parseResourceSettings(next);
    settings = createSettings(resources, () => clock.now());
    for (const problem of resources.problems) log.warn("settings cannot be used, nothing is compared", { problem });
    if (!isFirst) onChange(before);
  };
  cache.onChange(({ object: { metadata } }) => {
    if (metadata.name === settingsName || metadata.name === parametersName) read(false);
  });
  read(true);
  return () => settings;
}

/** Only what changes comparison or health: other keys of the map are others' concern. */
function isOfComparison(key: string): boolean {
  return key.startsWith("resource.") || key.startsWith("application.") || key === "installationID";
}

/** Of process parameters, what says how, or whether, Applications are compared. */
function isParameter(key: string): boolean {
  return key === "controller.diff.server.side" || key === namespacesKey;
}

function settingsIn(data: unknown, isMeant: (key: string) => boolean): Readonly<Record<string, string>> {
  if (!isJsonObject(data)) return {};
  const entries = Object.entries(data).filter(([key]) => isMeant(key));
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
}

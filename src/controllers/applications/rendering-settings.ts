import { isDeepStrictEqual } from "node:util";
import { parseRenderingSettings, type RenderingSettings } from "../../api/rendering-settings.ts";
import type { Logger } from "../../base/log.ts";
import type { WatchCache } from "../../kube/kube.ts";
import { settingsName } from "./resource-settings.ts";
import { parametersName } from "./sync-settings.ts";

export interface RenderingSettingsDeps {
  /** ConfigMaps of the controller's namespace. */
  readonly configMaps: Pick<WatchCache, "find" | "onChange">;
  readonly namespace: string;
  /** What counts where they say nothing. */
  readonly base: RenderingSettings;
  readonly log: Logger;
  /** Called after a change that matters. */
  onChange(): void;
}

/** How sources are rendered, as `argocd-cm` and `argocd-cmd-params-cm` say it now; the same object until that changes. */
export function followRendering({ configMaps, namespace, base, log, onChange }: RenderingSettingsDeps) {
  let told: readonly string[] = [];
  const read = (): RenderingSettings => {
    const [main, parameters] = [settingsName, parametersName].map((name) => configMaps.find(namespace, name)?.data);
    const { settings, problems, notes } = parseRenderingSettings(main ?? {}, parameters ?? {}, base);
    for (const note of notes) if (!told.includes(note)) log.warn("a setting of rendering has no effect", { note });
    told = notes;
    for (const problem of problems) log.warn("a setting of rendering cannot be used", { problem });
    return settings;
  };
  let current = read();
  configMaps.onChange(({ object }) => {
    if (object.metadata.name !== settingsName && object.metadata.name !== parametersName) return;
    const next = read();
    if (isDeepStrictEqual(next, current)) return;
    current = next;
    onChange();
  });
  return (): RenderingSettings => current;
}

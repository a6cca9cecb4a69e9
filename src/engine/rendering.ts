import { rm } from "node:fs/promises";
import { join } from "node:path";
import { defaultRenderingSettings, type RenderingSettings } from "../api/rendering-settings.ts";
import { messageOf } from "../base/errors.ts";
import { followRendering } from "../controllers/applications/rendering-settings.ts";
import { createRenderCache, type RenderCache } from "../gitops/reconcile/render-cache.ts";
import { createRenderStore } from "../gitops/render/store.ts";
import { createTools } from "../gitops/render/tools.ts";
import type { FindAccess, GitSources } from "../gitops/source/source.ts";
import type { WatchCache } from "../kube/kube.ts";
import { type Base, controllerNamespace } from "./parts.ts";

export interface RenderParts {
  /** Those of the controller's namespace. */
  readonly configMaps: WatchCache;
  readonly access: FindAccess;
  readonly git: GitSources;
  /** Told of each rendering that was made. */
  readonly onMade: () => void;
  /** Told when sources are rendered in another way from now on. */
  readonly onSettings: () => void;
}

/** What is there is of a rendering under way. */
export function renderWorkDir(dataDir: Base["dataDir"]): string {
  return join(dataDir.file("render"), "work");
}

/** Tools, and what they rendered: in memory and under `<data-dir>/render`. Folders that a killed process left are removed. */
export async function openRenders(
  { config, dataDir, clock, log }: Pick<Base, "config" | "dataDir" | "clock" | "log">,
  { configMaps, access, git, onMade, onSettings }: RenderParts,
): Promise<{ readonly renders: RenderCache; readonly rendering: () => RenderingSettings }> {
  const { toolPaths = new Map(), kustomizeBuildOptions = [], plugins = [] } = config.rendering ?? {};
  const workDirectory = renderWorkDir(dataDir);
  const rendering = followRendering({
    configMaps,
    namespace: controllerNamespace,
    base: { ...defaultRenderingSettings, kustomizeBuildOptions },
    log,
    onChange: onSettings,
  });
  const { toolsAtOnce } = rendering();
  await rm(workDirectory, { recursive: true, force: true });
  const renders = createRenderCache({
    settings: {
      tools: createTools({
        paths: toolPaths,
        directory: dataDir.file("tools"),
        env: config.git.env,
        clock,
        ...(toolsAtOnce === undefined ? {} : { atOnce: toolsAtOnce }),
      }),
      workDirectory,
      rendering,
      access,
      git,
      plugins,
    },
    store: createRenderStore({
      directory: join(dataDir.file("render"), "kept"),
      clock,
      onFailure: (error) => log.warn("a rendering could not be kept on disk", { error: messageOf(error) }),
    }),
    onMade,
  });
  return { renders, rendering };
}

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import { createRenderCache, type RenderCache } from "../gitops/reconcile/render-cache.ts";
import { createRenderStore } from "../gitops/render/store.ts";
import { createTools } from "../gitops/render/tools.ts";
import type { Base } from "./parts.ts";

/** Tools, and what they rendered: in memory and under `<data-dir>/render`. Folders that a killed process left are removed. */
export async function openRenders(
  { config, dataDir, clock, log }: Pick<Base, "config" | "dataDir" | "clock" | "log">,
  onMade: () => void,
): Promise<RenderCache> {
  const { toolPaths = new Map(), kustomizeBuildOptions = [], plugins = [] } = config.rendering ?? {};
  const workDirectory = join(dataDir.file("render"), "work");
  await rm(workDirectory, { recursive: true, force: true });
  return createRenderCache({
    settings: {
      tools: createTools({ paths: toolPaths, directory: dataDir.file("tools"), env: config.git.env, clock }),
      workDirectory,
      kustomizeBuildOptions,
      plugins,
    },
    store: createRenderStore({
      directory: join(dataDir.file("render"), "kept"),
      clock,
      onFailure: (error) => log.warn("a rendering could not be kept on disk", { error: messageOf(error) }),
    }),
    onMade,
  });
}

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultRenderingSettings, listingOf } from "../../api/rendering-settings.ts";
import { systemClock } from "../../base/clock.ts";
import { createLogger } from "../../base/log.ts";
import { createRenderCache, type RenderCache } from "../../gitops/reconcile/render-cache.ts";
import { createRenderStore } from "../../gitops/render/store.ts";
import { createTools } from "../../gitops/render/tools.ts";
import { createChartSources } from "../../gitops/source/chart-sources.ts";
import { openGitSources } from "../../gitops/source/git-sources.ts";
import type { ChartSources, GitSources } from "../../gitops/source/source.ts";
import { cloudIdentity, type RenderingFlags, renderingOf, toolEnvironment } from "../rendering-flags.ts";
import { type Declared, nothingDeclared, renderingIn } from "./declared.ts";

/** What renders without an engine. Disposal removes what it wrote, but for results in the data directory. */
export interface Renderer extends AsyncDisposable {
  readonly renders: RenderCache;
  readonly sources: GitSources;
  readonly charts: ChartSources;
}

/** Mirrors are its own: those of the data directory may be an engine's. A data directory is used, never made. */
export async function openRenderer(
  flags: RenderingFlags,
  dataDir: string,
  declared: Declared = nothingDeclared,
): Promise<Renderer> {
  await using stack = new AsyncDisposableStack();
  const clock = systemClock;
  const log = createLogger("warn");
  const env = toolEnvironment();
  const directory = await mkdtemp(join(tmpdir(), "tiphys-render-"));
  stack.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  const { toolPaths, kustomizeBuildOptions, plugins } = await renderingOf(flags);
  const { access } = declared;
  const rendering = renderingIn(declared, { ...defaultRenderingSettings, kustomizeBuildOptions }, log);
  const { toolsAtOnce, readsSubmodules } = rendering;
  const charts = createChartSources({
    directory: join(directory, "charts"),
    access,
    env,
    clock,
    artifacts: () => rendering.fetching,
  });
  const sources = stack.use(
    await openGitSources({
      directory: join(directory, "git"),
      tool: { command: "git", env },
      identity: cloudIdentity(),
      access,
      allowLocal: true,
      readsSubmodules: () => readsSubmodules,
      listing: () => listingOf(rendering),
      clock,
      log,
    }),
  );
  const kept = join(dataDir, "render", "kept");
  const store = createRenderStore({ directory: kept, clock, onFailure: () => undefined });
  const renders = createRenderCache({
    settings: {
      tools: createTools({
        paths: toolPaths,
        directory: join(dataDir, "tools"),
        env,
        clock,
        ...(toolsAtOnce === undefined ? {} : { atOnce: toolsAtOnce }),
      }),
      workDirectory: join(directory, "work"),
      rendering: () => rendering,
      access,
      git: sources,
      plugins,
    },
    ...(existsSync(dataDir) ? { store } : {}),
  });
  const owned = stack.move();
  return { renders, sources, charts, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

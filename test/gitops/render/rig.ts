import { cp } from "node:fs/promises";
import { join } from "node:path";
import { after } from "node:test";
import type { ApplicationSource } from "../../../src/api/application-types.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { createRenderCache, type RenderCache, type RenderOptions } from "../../../src/gitops/reconcile/render-cache.ts";
import { parseOutput } from "../../../src/gitops/render/manifest-file.ts";
import type { RenderSettings } from "../../../src/gitops/render/plan.ts";
import type { RenderedSource, RenderFacts } from "../../../src/gitops/render/render.ts";
import { createRenderStore } from "../../../src/gitops/render/store.ts";
import type { ToolName } from "../../../src/gitops/render/tools.ts";
import { gitTree } from "../../../src/gitops/source/git-tree.ts";
import type { SourceTree } from "../../../src/gitops/source/source.ts";
import { createTestRepository, type TestRepository } from "../../harness/git-repository.ts";
import { renderSettings, runTool } from "../../harness/render-tools.ts";
import { openSources } from "../source/rig.ts";

export type Files = Readonly<Record<string, string>>;

export interface RenderRig extends AsyncDisposable {
  readonly repository: TestRepository;
  readonly cache: RenderCache;
  /** Where results stay on disk. */
  readonly directory: string;
  tree(commit: string): SourceTree;
  /** The folder `app` of a commit. */
  render(
    commit: string,
    source?: Partial<ApplicationSource>,
    options?: Partial<RenderOptions>,
  ): Promise<RenderedSource>;
  /** The same, with what `--explain` would say. */
  explain(
    commit: string,
    source?: Partial<ApplicationSource>,
    options?: Partial<RenderOptions>,
  ): Promise<RenderedSource & { readonly told: RenderFacts }>;
  /** Another cache over the same disk: the engine after a restart. */
  restart(): void;
  /** As if it was just opened: an empty repository, and nothing in memory or on disk. */
  clear(): Promise<void>;
  /** Commands run one after the other in a copy of the working folder; the objects that the last one wrote. */
  byHand(folder: string, commands: readonly (readonly [ToolName, ...string[]])[]): Promise<readonly JsonObject[]>;
}

export const context = {
  hard: false,
  appName: "web",
  instance: "web",
  project: "default",
  namespace: "shop",
  isMultiSource: false,
} as const satisfies RenderOptions;

/** A repository, and a cache with the real tools over it. */
export async function openRenderRig(
  tools: readonly ToolName[],
  settings: Partial<RenderSettings> = {},
): Promise<RenderRig> {
  await using stack = new AsyncDisposableStack();
  const repository = stack.use(await createTestRepository());
  const sources = stack.use(await openSources());
  let directory = join(sources.directory, "kept");
  const all = { ...renderSettings(sources.directory, { tools }), ...settings };
  const open = (): RenderCache =>
    createRenderCache({
      settings: all,
      store: createRenderStore({
        directory,
        clock: systemClock,
        onFailure: (error) => {
          throw error;
        },
      }),
    });
  let cache = open();
  let copies = 0;
  let cleared = 0;
  const owned = stack.move();
  const tree = (commit: string): SourceTree => gitTree(sources.sources, repository.url, commit);
  const render: RenderRig["render"] = (commit, source = {}, options = {}) =>
    cache.render(
      { repoURL: repository.url, path: "app", ...source },
      tree(commit),
      { ...context, ...options },
      AbortSignal.timeout(60_000),
    );
  return {
    repository,
    get directory() {
      return directory;
    },
    get cache() {
      return cache;
    },
    tree,
    render,
    async explain(commit, source, options) {
      const told: RenderFacts[] = [];
      const log = { step: () => undefined, found: (facts: RenderFacts) => void told.push(facts) };
      const rendered = await render(commit, source, { ...options, log });
      // An attempt that failed is told of, too.
      const facts = told.at(-1);
      if (facts === undefined) throw new Error("nothing was told");
      return { ...rendered, told: facts };
    },
    restart() {
      cache = open();
    },
    async clear() {
      cleared += 1;
      directory = join(sources.directory, `kept-${cleared}`);
      cache = open();
      await repository.clear();
    },
    async byHand(folder, commands) {
      copies += 1;
      const copy = join(sources.directory, `by-hand-${copies}`);
      await cp(repository.path, copy, { recursive: true, filter: (path) => !path.endsWith("/.git") });
      let output = "";
      for (const [name, ...args] of commands) output = await runTool(name, args, join(copy, folder));
      return parseOutput(output, "the tool by hand").map(({ object }) => object);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * One rig for the rows of a table: starting one costs as much as what most rows show. Each row finds it as if it was just
 * opened. Call it at the top of a file, before what looks for children that are left.
 */
export function shareRenderRig(
  tools: readonly ToolName[],
  settings: Partial<RenderSettings> = {},
): () => Promise<RenderRig> {
  let opened: Promise<RenderRig> | undefined;
  after(async () => (await opened)?.[Symbol.asyncDispose]());
  return async () => {
    opened ??= openRenderRig(tools, settings);
    const rig = await opened;
    await rig.clear();
    return rig;
  };
}

export function namesOf({ manifests }: RenderedSource): readonly unknown[] {
  return manifests.map(({ metadata }) => (metadata as JsonObject).name);
}

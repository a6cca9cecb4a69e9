import type { ApplicationSource } from "../../api/application-types.ts";
import type { Produced, RenderSettings } from "../render/plan.ts";
import { type Prepared, prepareSource } from "../render/prepare.ts";
import { type RenderContext, type RenderedSource, type RenderLog, ToolRefusal } from "../render/render.ts";
import type { RenderStore } from "../render/store.ts";
import type { SourceTree, TreesByRef } from "../source/source.ts";
import { type Asked, createRenderTraces, recipeOf } from "./render-traces.ts";
import { createSharing } from "./sharing.ts";

export interface RenderOptions extends RenderContext {
  /** What is kept does not count. */
  readonly hard: boolean;
  /** What `$name/…` in value files means. */
  readonly refs?: TreesByRef;
  readonly log?: RenderLog;
}

/** Manifests by what they are made of: the same inputs with the same options are rendered once, whatever commit names them. */
export interface RenderCache {
  /** The same array for the same content. Callers that meet share one rendering. @throws RenderError, EngineError GIT_*, TOOL_* */
  render(
    source: ApplicationSource,
    tree: SourceTree,
    options: RenderOptions,
    signal: AbortSignal,
  ): Promise<RenderedSource>;
  /** Renderings that were made, not found. */
  readonly made: number;
}

export interface RenderCacheOptions {
  readonly settings: RenderSettings;
  /** Where results of tools outlive the process. */
  readonly store?: RenderStore;
  /** Told of each rendering that was made, not found. */
  readonly onMade?: () => void;
  readonly maxKept?: number;
  /** Of the text that the manifests were read from. */
  readonly maxBytes?: number;
}

const defaults = { maxKept: 2_000, maxBytes: 256 * 1024 * 1024 };
/** Sources times Applications of which it is known what they look at. */
const maxRecipes = 10_000;

interface Rendering extends RenderedSource {
  readonly bytes: number;
}

const silent: RenderLog = { step: () => undefined };

/**
 * Three looks, from cheap to dear: a trace of an earlier rendering that still holds names its key; else what would be
 * rendered is worked out, which gives a key; only a key that neither memory nor disk holds is rendered. What a tool refuses
 * with its inputs alone is tried once more with the whole tree, and keyed by it (DESIGN section 5).
 */
export function createRenderCache(options: RenderCacheOptions): RenderCache {
  const {
    settings,
    store,
    onMade = () => undefined,
    maxKept = defaults.maxKept,
    maxBytes = defaults.maxBytes,
  } = options;
  const kept = createKept({ maxKept, maxBytes });
  const traces = createRenderTraces(settings, maxRecipes);
  const asking = createSharing<RenderedSource>();
  const running = createSharing<Rendering>();
  /** Recipes whose inputs alone were not enough. */
  const needWhole = new Set<string>();
  let made = 0;

  async function produce({ plan, key }: Prepared, stop: AbortSignal): Promise<Rendering> {
    made += 1;
    onMade();
    const produced: Produced = await plan.produce(stop);
    const rendering = { ...produced, type: plan.type };
    kept.set(key, rendering);
    if (plan.usesTool) await store?.keep(key, produced.manifests);
    return rendering;
  }

  async function result(
    prepared: Prepared,
    { hard, log = silent }: RenderOptions,
    signal: AbortSignal,
  ): Promise<Rendering> {
    const { key, plan, reads, facts } = prepared;
    const found = (from: "made" | "memory" | "disk"): void =>
      log.found?.({ key, from, reads, facts, isWhole: reads.some(({ path }) => path === "") });
    const known = hard ? undefined : kept.get(key);
    if (known !== undefined) {
      found("memory");
      return known;
    }
    const stored = hard || !plan.usesTool ? undefined : await store?.find(key);
    if (stored !== undefined) {
      const rendering = { ...stored, type: plan.type };
      kept.set(key, rendering);
      found("disk");
      return rendering;
    }
    const rendering = await running.join(key, (stop) => produce(prepared, stop), signal);
    found("made");
    return rendering;
  }

  /** What is known of the result from now on: where it comes from, and what it depends on. */
  async function finish(asked: Asked, ready: Prepared, given: RenderOptions, signal: AbortSignal): Promise<Rendering> {
    const rendering = await result(ready, given, signal);
    traces.keep(asked, { reads: ready.reads, facts: ready.facts }, ready.key);
    return rendering;
  }

  async function make(asked: Asked, given: RenderOptions, signal: AbortSignal): Promise<RenderedSource> {
    const recipe = recipeOf(asked);
    const { hard, log = silent } = given;
    const prepare = (isWhole: boolean): Promise<Prepared> =>
      prepareSource({ ...asked, isWhole, log }, settings, signal);
    const isWhole = needWhole.has(recipe) && !hard;
    const prepared = await prepare(isWhole);
    try {
      return await finish(asked, prepared, given, signal);
    } catch (error) {
      const isAll = isWhole || prepared.reads.some(({ ref, path }) => ref === "" && path === "");
      if (!(error instanceof ToolRefusal) || isAll) throw error;
    }
    const rendering = await finish(asked, await prepare(true), given, signal);
    if (needWhole.size >= maxRecipes) needWhole.clear();
    needWhole.add(recipe);
    return rendering;
  }

  return {
    get made() {
      return made;
    },
    async render(source, tree, given, signal) {
      signal.throwIfAborted();
      const { hard, refs = new Map(), log: _log, ...context } = given;
      const asked: Asked = { source, tree, refs, context };
      const key = hard || given.log !== undefined ? undefined : await traces.find(asked, signal);
      const known = key === undefined ? undefined : kept.get(key);
      if (known !== undefined) return known;
      return asking.join(questionOf(asked, hard), (stop) => make(asked, given, stop), signal);
    },
  };
}

/** Callers with the same question get one answer. */
function questionOf(asked: Asked, hard: boolean): string {
  const { source, tree, refs, context } = asked;
  const revisions = [tree, ...refs.values()].map(({ revision }) => revision);
  const { repoURL, targetRevision } = source;
  return JSON.stringify([hard, recipeOf(asked), repoURL, targetRevision, revisions, context.project]);
}

/** Those that were used last, so many and of so many bytes. */
function createKept({ maxKept, maxBytes }: { readonly maxKept: number; readonly maxBytes: number }) {
  const byKey = new Map<string, Rendering>();
  let bytes = 0;

  function remove(key: string): Rendering | undefined {
    const found = byKey.get(key);
    if (found === undefined) return undefined;
    byKey.delete(key);
    bytes -= found.bytes;
    return found;
  }

  function set(key: string, rendering: Rendering): void {
    remove(key);
    byKey.set(key, rendering);
    bytes += rendering.bytes;
    for (const oldest of byKey.keys()) {
      if (byKey.size <= maxKept && bytes <= maxBytes) return;
      remove(oldest);
    }
  }

  return {
    get(key: string): Rendering | undefined {
      const found = remove(key);
      if (found !== undefined) set(key, found);
      return found;
    },
    set,
  };
}

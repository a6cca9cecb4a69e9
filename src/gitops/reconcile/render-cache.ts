import type { ApplicationSource } from "../../api/application-types.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import type { RenderSettings } from "../render/plan.ts";
import { type Prepared, prepareSource } from "../render/prepare.ts";
import {
  type InputTree,
  type InputTreesByRef,
  type RenderContext,
  type RenderedSource,
  type RenderFacts,
  type RenderLog,
  ToolRefusal,
} from "../render/render.ts";
import type { RenderStore } from "../render/store.ts";
import { createKeptRenderings, type KeptRenderings, type Rendering } from "./kept-renderings.ts";
import { type Asked, createRenderTraces, type RenderTraces, recipeOf } from "./render-traces.ts";
import { createSharing } from "./sharing.ts";

export interface RenderOptions extends RenderContext {
  /** What is kept does not count. */
  readonly hard: boolean;
  /** What `$name/…` in value files means. */
  readonly refs?: InputTreesByRef;
  readonly log?: RenderLog;
}

/** Manifests by what they are made of: the same inputs with the same options are rendered once, whatever commit names them. */
export interface RenderCache {
  /** The same array for the same content. Callers that meet share one rendering. @throws RenderError, EngineError GIT_*, TOOL_* */
  render(
    source: ApplicationSource,
    tree: InputTree,
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

const silent: RenderLog = { step: () => undefined };

export function createRenderCache(options: RenderCacheOptions): RenderCache {
  return new Renders(options);
}

/**
 * Three looks, from cheap to dear: a trace of an earlier rendering that still holds names its key; else what would be
 * rendered is worked out, which gives a key; only a key that neither memory nor disk holds is rendered. What a tool refuses
 * with its inputs alone is tried once more with the whole tree, and keyed by it (DESIGN section 5).
 */
class Renders implements RenderCache {
  readonly #options: RenderCacheOptions;
  readonly #kept: KeptRenderings;
  readonly #traces: RenderTraces;
  readonly #asking = createSharing<RenderedSource>();
  readonly #running = createSharing<Rendering>();
  readonly #failures = createKeptFailures();
  /** Recipes whose inputs alone were not enough. */
  readonly #needWhole = new Set<string>();
  #made = 0;

  constructor(options: RenderCacheOptions) {
    const { settings, maxKept = defaults.maxKept, maxBytes = defaults.maxBytes } = options;
    this.#options = options;
    this.#kept = createKeptRenderings({ maxKept, maxBytes });
    this.#traces = createRenderTraces(settings, maxRecipes);
  }

  get made(): number {
    return this.#made;
  }

  async render(source: ApplicationSource, tree: InputTree, given: RenderOptions, signal: AbortSignal) {
    signal.throwIfAborted();
    const { hard, refs = new Map(), log, ...context } = given;
    const asked: Asked = { source, tree, refs, context };
    const key = hard || log !== undefined ? undefined : await this.#traces.find(asked, signal);
    const known = key === undefined ? undefined : this.#kept.get(key);
    if (known !== undefined) return known;
    return this.#asking.join(questionOf(asked, hard), (stop) => this.#make(asked, given, stop), signal);
  }

  async #make(asked: Asked, given: RenderOptions, signal: AbortSignal): Promise<RenderedSource> {
    const recipe = recipeOf(asked);
    const { hard, log = silent } = given;
    const prepare = (isWhole: boolean): Promise<Prepared> =>
      prepareSource({ ...asked, isWhole, log }, this.#options.settings, signal);
    const isWhole = this.#needWhole.has(recipe) && !hard;
    const prepared = await prepare(isWhole);
    const refused = await this.#finish(asked, prepared, given, signal).catch((error: unknown) => {
      if (!(error instanceof ToolRefusal) || prepared.isWhole) throw error;
      return error;
    });
    if (!(refused instanceof ToolRefusal)) return refused;
    const rendering = await prepare(true)
      .then((whole) => this.#finish(asked, whole, given, signal))
      .catch((error: unknown) => {
        throw isOfTree(error) ? refused : error;
      });
    if (this.#needWhole.size >= maxRecipes) this.#needWhole.clear();
    this.#needWhole.add(recipe);
    return rendering;
  }

  /** From now on it is known where the result comes from, and what it depends on. */
  async #finish(asked: Asked, ready: Prepared, given: RenderOptions, signal: AbortSignal): Promise<Rendering> {
    const { key, reads, facts } = ready;
    const isWhole = reads.some(({ path }) => path === "");
    const tell = (from: RenderFacts["from"]): void => given.log?.found?.({ key, from, reads, facts, isWhole });
    const began = performance.now();
    const { rendering, from } = await this.#result(ready, given.hard, signal).catch((error: unknown) => {
      tell("failed");
      throw error;
    });
    if (from === "disk") given.log?.step("read from disk", performance.now() - began);
    this.#traces.keep(asked, { reads, facts }, key);
    tell(from);
    return rendering;
  }

  async #result(prepared: Prepared, hard: boolean, signal: AbortSignal): Promise<Found> {
    const { key, plan } = prepared;
    const known = hard ? undefined : this.#kept.get(key);
    if (known !== undefined) return { rendering: known, from: "memory" };
    const stored = hard || !plan.usesTool ? undefined : await this.#options.store?.find(key);
    if (stored !== undefined) {
      const rendering = { ...stored, type: plan.type };
      this.#kept.set(key, rendering);
      return { rendering, from: "disk" };
    }
    const failure = hard ? undefined : this.#failures.find(key);
    if (failure !== undefined) throw failure;
    const rendering = await this.#running.join(key, (stop) => this.#produce(prepared, stop), signal);
    return { rendering, from: "made" };
  }

  async #produce({ plan, key }: Prepared, stop: AbortSignal): Promise<Rendering> {
    this.#made += 1;
    this.#options.onMade?.();
    const produced = await plan.produce(stop).catch((error: unknown) => {
      if (plan.usesTool && !plan.isVolatile && isOfInputs(error)) this.#failures.keep(key, error);
      throw error;
    });
    const rendering = { ...produced, type: plan.type };
    this.#kept.set(key, rendering);
    if (plan.usesTool) await this.#options.store?.keep(key, produced.manifests);
    return rendering;
  }
}

interface Found {
  readonly rendering: Rendering;
  readonly from: RenderFacts["from"];
}

/**
 * Whether the same inputs would most likely fail again: what a tool said, what it wrote, and the time, memory or output that
 * it took too much of.
 */
function isOfInputs(error: unknown): error is EngineError {
  if (!(error instanceof EngineError) || error.code === "TOOL_MISSING") return false;
  return error instanceof TerminalError || error.code === "TOOL_TIMEOUT";
}

/** A tool that failed with the same inputs is not asked again so soon. */
const failureMs = 300_000;
const maxFailures = 1_000;

/** An Application that fails is looked at again and again: nothing is run for it while nothing changed. */
function createKeptFailures() {
  const byKey = new Map<string, { readonly error: EngineError; readonly until: number }>();
  return {
    find(key: string): EngineError | undefined {
      const found = byKey.get(key);
      return found !== undefined && performance.now() < found.until ? found.error : undefined;
    },
    keep(key: string, error: EngineError): void {
      if (byKey.size >= maxFailures) byKey.clear();
      byKey.set(key, { error, until: performance.now() + failureMs });
    },
  };
}

/** A tree that cannot be handed out says nothing of the source: its link out of the repository may be anywhere. */
function isOfTree(error: unknown): boolean {
  return error instanceof TerminalError && !(error instanceof ToolRefusal);
}

/** Callers with the same question get one answer. */
function questionOf(asked: Asked, hard: boolean): string {
  const { source, tree, refs } = asked;
  const revisions = [tree, ...refs.values()].map(({ revision }) => revision);
  const { repoURL, targetRevision } = source;
  return JSON.stringify([hard, recipeOf(asked), repoURL, targetRevision, revisions]);
}

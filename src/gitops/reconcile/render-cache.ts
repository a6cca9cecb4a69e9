import type { ApplicationSource } from "../../api/application-types.ts";
import type { JsonObject } from "../../base/json.ts";
import { RenderError } from "../render/render.ts";
import { untilAborted } from "../source/joined.ts";
import type { SourceTree, TreesByRef } from "../source/source.ts";
import {
  checkTool,
  type RenderedSource,
  type Rendering,
  renderSource,
  type SourceAt,
  withOverrides,
} from "./render-source.ts";

export interface RenderOptions {
  /** What is kept does not count. */
  readonly hard: boolean;
  /** As trackings name the Application: its folder may hold a file for it. */
  readonly instance: string;
  /** What `$name/…` in value files means. */
  readonly refs?: TreesByRef;
}

/** Manifests by what they are made of: the same folder with the same options is read once, whatever commit names it. */
export interface RenderCache {
  /** The same array for the same content. Callers that meet share one rendering. @throws RenderError, EngineError GIT_* */
  render(
    source: ApplicationSource,
    tree: SourceTree,
    options: RenderOptions,
    signal: AbortSignal,
  ): Promise<RenderedSource>;
  /** Renderings that were made, not found. */
  readonly made: number;
}

export interface RenderCacheLimits {
  readonly maxKept: number;
  /** Of the text that the manifests were read from. */
  readonly maxBytes: number;
}

const defaultLimits: RenderCacheLimits = { maxKept: 2_000, maxBytes: 256 * 1024 * 1024 };
/** Folders times Applications of which it is known what they override. */
const maxOverrides = 10_000;

/** What one key is asked for at once by several. The last one that leaves ends it. */
interface Shared {
  readonly result: Promise<Rendering>;
  readonly stop: AbortController;
  callers: number;
}

/** `onMade` is told of each rendering that was made, not found. */
export function createRenderCache({
  onMade = () => undefined,
  ...limits
}: Partial<RenderCacheLimits> & { readonly onMade?: () => void } = {}): RenderCache {
  const kept = createKept({ ...defaultLimits, ...limits });
  const underWay = new Map<string, Shared>();
  const overrides = new Map<string, JsonObject>();
  let made = 0;

  function begin(key: string, at: SourceAt): Shared {
    made += 1;
    onMade();
    const stop = new AbortController();
    const result = renderSource(at, stop.signal)
      .then((rendering) => {
        kept.set(key, rendering);
        return rendering;
      })
      .finally(() => {
        if (underWay.get(key) === shared) underWay.delete(key);
      });
    const shared: Shared = { result, stop, callers: 0 };
    underWay.set(key, shared);
    return shared;
  }

  async function join(shared: Shared, key: string, signal: AbortSignal): Promise<Rendering> {
    shared.callers += 1;
    try {
      return await untilAborted(shared.result, signal);
    } finally {
      shared.callers -= 1;
      if (shared.callers === 0) {
        if (underWay.get(key) === shared) underWay.delete(key);
        shared.stop.abort(signal.reason);
      }
    }
  }

  /** The folder's tree does not tell what lies where its links lead. */
  async function isCurrent({ linked }: Rendering, { tree }: SourceAt, signal: AbortSignal): Promise<boolean> {
    for (const { path, id } of linked) {
      if ((await tree.treeId(path, signal)) !== id) return false;
    }
    return true;
  }

  async function effectiveSource(id: string, at: SourceAt, instance: string, signal: AbortSignal) {
    const key = JSON.stringify([id, instance, at.source]);
    const known = overrides.get(key);
    if (known !== undefined) return known as unknown as ApplicationSource;
    const source = await withOverrides(at, instance, signal);
    overrides.set(key, source as unknown as JsonObject);
    const [oldest] = overrides.keys();
    if (overrides.size > maxOverrides && oldest !== undefined) overrides.delete(oldest);
    return source;
  }

  return {
    get made() {
      return made;
    },
    async render(written, tree, { hard, instance }, signal) {
      signal.throwIfAborted();
      const path = written.path ?? "";
      const id = await tree.treeId(path, signal);
      if (id === undefined) throw new RenderError("Unknown", `${path}: app path does not exist`);
      const source = await effectiveSource(id, { source: written, tree }, instance, signal);
      checkTool(source);
      const at = { source, tree };
      const key = `${id} ${JSON.stringify(source.directory ?? {})}`;
      const known = hard ? undefined : kept.get(key);
      if (known !== undefined && (await isCurrent(known, at, signal))) return known;
      const shared = underWay.get(key);
      if (shared === undefined) return join(begin(key, at), key, signal);
      const rendering = await join(shared, key, signal);
      return (await isCurrent(rendering, at, signal)) ? rendering : join(begin(key, at), key, signal);
    },
  };
}

/** Those that were used last, so many and of so many bytes. */
function createKept({ maxKept, maxBytes }: RenderCacheLimits) {
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

import type { ApplicationSource, DirectoryOptions } from "../../api/application-types.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { maxDirectoryBytes, renderDirectory, selectFiles } from "../render/directory.ts";
import { decodeManifestText } from "../render/manifest-file.ts";
import { RenderError } from "../render/render.ts";
import type { GitSources, TreeEntry } from "../source/source.ts";

/** What one source says at one commit. */
export interface RenderedSource {
  readonly manifests: readonly JsonObject[];
  readonly type: "Directory";
}

/** Manifests by what they are made of: the same folder with the same options is read once, whatever commit names it. */
export interface RenderCache {
  /** The same array for the same content. @throws RenderError, EngineError GIT_* */
  render(source: ApplicationSource, commit: string, hard: boolean, signal: AbortSignal): Promise<RenderedSource>;
}

/** Folders kept; their manifests are bounded by `maxDirectoryBytes` each, and are small as a rule. */
const maxKept = 2_000;

/** `onMade` is told of each rendering that was made, not found. */
export function createRenderCache(sources: GitSources, onMade: () => void): RenderCache {
  const kept = new Map<string, RenderedSource>();
  const underWay = new Map<string, Promise<RenderedSource>>();

  async function make(source: ApplicationSource, commit: string, key: string, signal: AbortSignal) {
    onMade();
    const rendered = await renderSource(sources, source, commit, signal);
    kept.delete(key);
    kept.set(key, rendered);
    const [oldest] = kept.keys();
    if (kept.size > maxKept && oldest !== undefined) kept.delete(oldest);
    return rendered;
  }

  return {
    async render(source, commit, hard, signal) {
      checkTool(source);
      const path = source.path ?? "";
      const tree = await sources.treeId(source.repoURL, commit, path, signal);
      if (tree === undefined) throw new RenderError("Unknown", `${path}: app path does not exist`);
      const key = `${tree} ${JSON.stringify(source.directory ?? {})}`;
      const known = hard ? undefined : kept.get(key);
      if (known !== undefined) return known;
      const shared = underWay.get(key);
      if (shared !== undefined) {
        const rendered = await shared.catch(() => undefined); // who began it may have been cut off
        if (rendered !== undefined) return rendered;
      }
      const making = make(source, commit, key, signal).finally(() => underWay.delete(key));
      underWay.set(key, making);
      return making;
    },
  };
}

function checkTool({ chart, helm, kustomize, plugin }: ApplicationSource): void {
  if (chart) throw unsupported("Helm charts from a chart repository");
  if (helm) throw unsupported("Helm");
  if (kustomize) throw unsupported("kustomize");
  if (plugin) throw unsupported("plugins");
}

function unsupported(what: string): RenderError {
  return new RenderError("Unknown", `${what}: is not supported yet; plain manifests are`);
}

async function renderSource(
  sources: GitSources,
  { repoURL, path = "", directory = {} }: ApplicationSource,
  commit: string,
  signal: AbortSignal,
): Promise<RenderedSource> {
  const entries = await sources.listFiles(repoURL, commit, path, signal);
  const below = relativeTo(path);
  checkType(entries.map((entry) => below(entry.path)));
  const wanted = chosen(entries, below, directory);
  const contents = await sources.readFiles(repoURL, wanted, maxDirectoryBytes, signal).catch(asRenderError);
  const files = wanted.map((entry) => ({
    path: below(entry.path),
    text: decodeManifestText(contents.get(entry.path) ?? new Uint8Array()),
  }));
  return { manifests: renderDirectory(files, directory).map(({ object }) => object), type: "Directory" };
}

/** Only files that the options choose are fetched. */
function chosen(
  entries: readonly TreeEntry[],
  below: (path: string) => string,
  directory: DirectoryOptions,
): readonly TreeEntry[] {
  const files = entries.filter(({ kind }) => kind === "file" || kind === "executable");
  const byPath = new Map(files.map((entry) => [below(entry.path), entry]));
  const selected = selectFiles(
    [...byPath.keys()].map((path) => ({ path, text: "" })),
    directory,
  );
  return selected.flatMap(({ path }) => byPath.get(path) ?? []);
}

function relativeTo(path: string): (file: string) => string {
  const folder = path.split("/").filter((part) => part !== "" && part !== ".");
  const prefix = folder.length === 0 ? 0 : folder.join("/").length + 1;
  return (file) => file.slice(prefix);
}

/** Detection by files of the folder itself (spec argo-cd-engine 7.2). */
function checkType(paths: readonly string[]): void {
  const names = paths.filter((path) => !path.includes("/"));
  if (names.some((name) => ["kustomization.yaml", "kustomization.yml", "Kustomization"].includes(name))) {
    throw unsupported("kustomize");
  }
  if (names.some((name) => name.endsWith("Chart.yaml"))) throw unsupported("Helm");
}

function asRenderError(error: unknown): never {
  if (error instanceof EngineError && error.code === "GIT_TOO_LARGE") throw new RenderError("Unknown", error.message);
  throw error;
}

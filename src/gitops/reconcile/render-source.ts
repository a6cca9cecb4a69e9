import { sourceSchema } from "../../api/application-source-schema.ts";
import type { ApplicationSource, DirectoryOptions } from "../../api/application-types.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { createSchema } from "../../base/schema.ts";
import { parseYamlDocuments, YamlError } from "../../base/yaml.ts";
import { applyMergePatch } from "../../objects/merge-patch.ts";
import { maxDirectoryBytes, renderDirectory, selectFiles } from "../render/directory.ts";
import { decodeManifestText } from "../render/manifest-file.ts";
import { RenderError, type SourceFile } from "../render/render.ts";
import type { SourceTree, TreeEntry } from "../source/source.ts";
import { leavesTree } from "../source/symlink.ts";
import { parseSourcePath } from "../source/tree.ts";

/** What one source says at one commit. */
export interface RenderedSource {
  readonly manifests: readonly JsonObject[];
  readonly type: "Directory";
}

/** A file that a link below the folder leads to: a change of it is none of the folder's tree. */
export interface LinkedFile {
  readonly path: string;
  /** Git's id of it; undefined: there is none. */
  readonly id: string | undefined;
}

export interface Rendering extends RenderedSource {
  readonly linked: readonly LinkedFile[];
  /** Of the text that was read. */
  readonly bytes: number;
}

/** A source, and the files that it is read from. */
export interface SourceAt {
  readonly source: ApplicationSource;
  readonly tree: SourceTree;
}

type Tools = Pick<ApplicationSource, "helm" | "kustomize" | "directory" | "plugin">;

/** These say where a source is, not how it is rendered: a file within it cannot change them. */
const fixedFields = ["repoURL", "path", "chart", "targetRevision"] as const;
const maxOverrideBytes = 1024 * 1024;
const sourceShape = createSchema<JsonObject>(sourceSchema);

/** @throws RenderError for what is not supported yet, or says two things at once (spec argo-cd-engine 7.2) */
export function checkTool(source: ApplicationSource): void {
  if (source.chart) throw unsupported("Helm charts from a chart repository");
  const named = toolsOf(source).map(([name]) => name);
  if (named.length > 1) {
    throw new RenderError("Unknown", `multiple application sources defined: ${named.join(",")}`);
  }
  const [tool] = named;
  if (tool !== undefined && tool !== "Directory") throw unsupported(unsupportedNames[tool]);
}

const unsupportedNames = { Kustomize: "kustomize", Helm: "Helm", Plugin: "plugins" } as const;

/** Those whose block says something, in the original's order. */
function toolsOf({ kustomize, helm, directory, plugin }: Tools) {
  const all = [
    ["Kustomize", kustomize],
    ["Helm", helm],
    ["Directory", directory],
    ["Plugin", plugin],
  ] as const;
  return all.filter(([, block]) => block !== undefined && Object.keys(block).length > 0);
}

function unsupported(what: string): RenderError {
  return new RenderError("Unknown", `${what}: is not supported yet; plain manifests are`);
}

/**
 * The source with what `.argocd-source.yaml` and `.argocd-source-<instance>.yaml` in its folder say, as merge patches
 * (spec argo-cd-engine 7.2).
 */
export async function withOverrides(
  { source, tree }: SourceAt,
  instance: string,
  signal: AbortSignal,
): Promise<ApplicationSource> {
  const { path = "" } = source;
  let result = source;
  for (const name of [".argocd-source.yaml", `.argocd-source-${instance}.yaml`]) {
    const file = [...parseSourcePath(path), name].join("/");
    if ((await tree.treeId(file, signal)) === undefined) continue;
    const content = await tree.read(file, signal);
    if (content.length > maxOverrideBytes)
      throw new RenderError("Unknown", `${name}: is over ${maxOverrideBytes} bytes`);
    const merged = applyMergePatch(result as unknown as JsonObject, parseOverride(name, decodeManifestText(content)));
    const fixed = fixedFields.flatMap((key) => (source[key] === undefined ? [] : [[key, source[key]] as const]));
    const { chart: _chart, targetRevision: _revision, ...rest } = isJsonObject(merged) ? merged : {};
    const overridden = { ...rest, ...Object.fromEntries(fixed) };
    const [problem] = sourceShape.check(overridden, name);
    if (problem !== undefined) throw new RenderError("Unknown", `${problem.path}: ${problem.message}`);
    result = overridden as unknown as ApplicationSource;
  }
  return result;
}

function parseOverride(name: string, text: string): JsonObject {
  try {
    const [document, ...others] = parseYamlDocuments(text).filter(({ value }) => value !== null);
    const value = document?.value ?? {};
    if (others.length === 0 && isJsonObject(value)) return value;
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new RenderError("Unknown", `${name}: ${error.message}`, error);
  }
  throw new RenderError("Unknown", `${name}: must be one object: fields of the source`);
}

/** Reads and renders the folder. @throws RenderError, EngineError GIT_* */
export async function renderSource(at: SourceAt, signal: AbortSignal): Promise<Rendering> {
  const { path = "", directory = {} } = at.source;
  const entries = await at.tree.listFiles(path, signal);
  const prefix = parseSourcePath(path).join("/");
  const below = (file: string): string => file.slice(prefix === "" ? 0 : prefix.length + 1);
  const isSaid = toolsOf(at.source).length > 0;
  if (!isSaid) checkType(entries.map((entry) => below(entry.path)));
  const wanted = chosen(entries, below, directory);
  const contents = await at.tree.readFiles(wanted, maxDirectoryBytes, signal).catch(asRenderError);
  const textOf = ({ path: file }: TreeEntry): string => decodeManifestText(contents.get(file) ?? new Uint8Array());
  const files = wanted
    .filter(({ kind }) => kind !== "symlink")
    .map((entry) => ({ path: below(entry.path), text: textOf(entry) }));
  const links = wanted
    .filter(({ kind }) => kind === "symlink")
    .map((entry) => ({ path: entry.path, target: textOf(entry) }));
  const followed = await followLinks(at, links, signal);
  const all = [...files, ...followed.files.map(({ path: link, text }) => ({ path: below(link), text }))];
  const bytes = all.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  const manifests = renderDirectory(all, directory).map(({ object }) => object);
  return { manifests, type: "Directory", linked: followed.linked, bytes };
}

/** Only files that the options choose are fetched. */
function chosen(
  entries: readonly TreeEntry[],
  below: (path: string) => string,
  directory: DirectoryOptions,
): readonly TreeEntry[] {
  const files = entries.filter(({ kind }) => kind !== "submodule");
  const byPath = new Map(files.map((entry) => [below(entry.path), entry]));
  const selected = selectFiles(
    [...byPath.keys()].map((path) => ({ path, text: "" })),
    directory,
  );
  return selected.flatMap(({ path }) => byPath.get(path) ?? []);
}

interface Link {
  readonly path: string;
  readonly target: string;
}

/** The files that links lead to, by the links' paths. Links to nothing and to folders are left out, as a walk does. */
async function followLinks({ tree }: SourceAt, links: readonly Link[], signal: AbortSignal) {
  const targets = new Map(links.map(({ path, target }) => [path, target]));
  const files: SourceFile[] = [];
  const linked: LinkedFile[] = [];
  let left = maxDirectoryBytes;
  for (const { path, target } of links) {
    if (target === "" || leavesTree(path, targets)) {
      throw new RenderError("Unknown", `the link ${JSON.stringify(path)} leads out of the repository`);
    }
    const file = parseSourcePath(`${path}/../${target}`).join("/");
    const id = await tree.treeId(file, signal);
    linked.push({ path: file, id });
    const content = id === undefined ? undefined : await readLinked(tree, file, signal);
    if (content === undefined) continue;
    left -= content.length;
    if (left < 0) throw new RenderError("Unknown", `files that links lead to are over ${maxDirectoryBytes} bytes`);
    files.push({ path, text: decodeManifestText(content) });
  }
  return { files, linked };
}

/** Undefined for a folder. */
async function readLinked(tree: SourceTree, file: string, signal: AbortSignal) {
  try {
    return await tree.read(file, signal);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "GIT_PATH_INVALID") return asRenderError(error);
  }
  const isFolder = await tree.listFiles(file, signal).then(
    () => true,
    (error) => (error instanceof EngineError && error.code === "GIT_PATH_INVALID" ? false : asRenderError(error)),
  );
  if (isFolder) return undefined;
  throw new RenderError("Unknown", `${file}: a link to another link is not supported yet`);
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

import type { DirectoryOptions } from "../../api/application-types.ts";
import { defaultRenderingSettings, maxSizeKey } from "../../api/rendering-settings.ts";
import { compilePathGlob, type PathGlob } from "../../base/path-glob.ts";
import { type FilesTooLarge, largestOf } from "../source/read-budget.ts";
import { parseFile } from "./manifest-file.ts";
import { RenderError, type RenderedManifest, type SourceFile } from "./render.ts";

/** Of all files that are read, in bytes, where no setting says otherwise. */
export const { maxDirectoryBytes } = defaultRenderingSettings;

const extensions = new Set(["yaml", "yml", "json", "jsonnet"]);
const skipMarker = "+argocd:skip-file-rendering";

/**
 * The objects of a folder of plain manifests, in the order of files (folder by folder, names in byte order) and of
 * documents (spec argo-cd-engine 7.6). Files that hold no manifests are left out.
 * @throws RenderError for the first file that is broken
 */
export function renderDirectory(
  files: readonly SourceFile[],
  options: DirectoryOptions = {},
  maxBytes = maxDirectoryBytes,
): readonly RenderedManifest[] {
  const chosen = selectFiles(files, options);
  const sizes = chosen.map(({ path, text }) => ({ path, bytes: Buffer.byteLength(text) }));
  if (sizes.reduce((sum, { bytes }) => sum + bytes, 0) > maxBytes) throw manifestsTooLarge(sizes, maxBytes);
  return chosen.flatMap(parseFile);
}

/** `sizes`: of the files that were looked at before it was too much. */
export function manifestsTooLarge(sizes: FilesTooLarge["sizes"], maxBytes: number): RenderError {
  const bytes = sizes.reduce((sum, one) => sum + one.bytes, 0);
  const what = `exceeded max combined manifest file size: ${sizes.length} files have ${bytes} bytes, ${maxBytes} are allowed`;
  const next = `leave files out (directory.exclude), or raise ${maxSizeKey} in argocd-cmd-params-cm`;
  return new RenderError("Unknown", `${what}; ${largestOf(sizes)}; ${next}`);
}

/** The files that are read, in order. Paths alone decide, and the marker in a file's text. */
export function selectFiles(files: readonly SourceFile[], options: DirectoryOptions): readonly SourceFile[] {
  const isIncluded = pathFilter(options);
  return files
    .filter((file) => isIncluded(file.path) && !file.text.includes(skipMarker))
    .sort((a, b) => comparePaths(a.path, b.path));
}

function pathFilter({ recurse, include, exclude, disableExtensionFilter }: DirectoryOptions): PathGlob {
  const excludes = exclude ? compilePathGlob(exclude, { dialect: "gobwas" }) : () => false;
  const includes = include ? compilePathGlob(include, { dialect: "gobwas" }) : () => true;
  return (path) => {
    if (recurse !== true && path.includes("/")) return false;
    if (disableExtensionFilter !== true && !extensions.has(extensionOf(path))) return false;
    return !excludes(path) && includes(path);
  };
}

function extensionOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1);
}

/** As a walk through folders goes: each folder's entries in byte order. */
export function comparePaths(a: string, b: string): number {
  const left = a.split("/");
  const right = b.split("/");
  for (const [index, part] of left.entries()) {
    const order = Buffer.compare(Buffer.from(part), Buffer.from(right[index] ?? ""));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

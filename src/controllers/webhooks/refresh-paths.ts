import { posix } from "node:path";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { isJsonObject } from "../../base/json.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import { normaliseRepositoryUrl } from "../../gitops/source/repository-url.ts";
import type { KubeObject } from "../../objects/object.ts";

const annotation = "argocd.argoproj.io/manifest-generate-paths";

/** Files that one push changed, made once and asked for each Application. */
export interface ChangedFiles {
  /** Whether one of them is the path, below it, or fits it as a glob. */
  touch(path: string): boolean;
}

export function changedFiles(files: readonly string[]): ChangedFiles {
  const known = new Set([""]);
  for (const file of files) {
    for (let at = file.length; at > 0; at = file.lastIndexOf("/", at - 1)) known.add(file.slice(0, at));
  }
  return {
    touch(path) {
      if (known.has(path)) return true;
      if (!/[*?[\\]/.test(path)) return false;
      const matches = compilePathGlob(path, { separator: "/", dialect: "go" });
      return files.some(matches);
    },
  };
}

/**
 * Whether the push can change what the Application renders from the repository (spec argo-cd-surface 4.4): always, unless
 * its annotation names paths and no file is at one of them. `repository` is normalised.
 */
export function isTouched({ metadata, spec }: KubeObject, repository: string, files: ChangedFiles): boolean {
  const text = metadata.annotations?.[annotation] ?? "";
  const entries = text.split(";").flatMap((entry) => entry.trim() || []);
  if (entries.length === 0 || !isJsonObject(spec)) return true;
  const all = Array.isArray(spec.sources) && spec.sources.length > 0 ? listOf(spec.sources) : [spec.source];
  const sources = all.map(objectOf).filter(({ repoURL }) => normaliseRepositoryUrl(textOf(repoURL)) === repository);
  return sources.some(({ path }) => entries.some((entry) => files.touch(fromRoot(entry, textOf(path)))));
}

/** Relative to the repository's root; "" is the root itself. */
function fromRoot(entry: string, sourcePath: string): string {
  const joined = entry.startsWith("/") ? posix.normalize(entry) : posix.join("/", sourcePath, entry);
  return joined.replace(/^\/+|\/+$/g, "");
}

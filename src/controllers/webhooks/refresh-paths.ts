import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { type RefreshPath, refreshPaths } from "../../api/refresh-paths.ts";
import { isJsonObject } from "../../base/json.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import { normaliseRepositoryUrl } from "../../gitops/source/repository-url.ts";
import type { KubeObject } from "../../objects/object.ts";

/** Files that one push changed, made once and asked for each Application. */
export interface ChangedFiles {
  /** Whether one of them is the path, below it, or fits it as a glob. */
  touch(path: RefreshPath): boolean;
}

/** Files of a repository that an Application renders. */
interface RepositoryPath extends RefreshPath {
  readonly repository: string;
}

export function changedFiles(files: readonly string[]): ChangedFiles {
  const known = new Set([""]);
  for (const file of files) {
    for (let at = file.length; at > 0; at = file.lastIndexOf("/", at - 1)) known.add(file.slice(0, at));
  }
  return {
    touch({ path, isGlob }) {
      if (known.has(path)) return true;
      if (!isGlob) return false;
      const matches = compilePathGlob(path, { separator: "/", dialect: "go" });
      return files.some(matches);
    },
  };
}

/**
 * Whether a push can change what an Application renders from the repository (spec argo-cd-surface 4.4): always, unless
 * its annotation names paths and no file is at one of them. The repository is normalised. What an Application says is
 * read once for each version of it.
 */
export function createTouched(): (application: KubeObject, repository: string, files: ChangedFiles) => boolean {
  const known = new WeakMap<KubeObject, Paths>();
  return (application, repository, files) => {
    let paths = known.get(application);
    if (paths === undefined) {
      paths = pathsOf(application);
      known.set(application, paths);
    }
    if (paths === "all") return true;
    for (const one of paths) if (one.repository === repository && files.touch(one)) return true;
    return false;
  };
}

/** "all": nothing is said. */
type Paths = readonly RepositoryPath[] | "all";

function pathsOf({ metadata, spec }: KubeObject): Paths {
  if (refreshPaths(metadata.annotations).length === 0 || !isJsonObject(spec)) return "all";
  const all = Array.isArray(spec.sources) && spec.sources.length > 0 ? listOf(spec.sources) : [spec.source];
  return all.map(objectOf).flatMap((source) => {
    const repository = normaliseRepositoryUrl(textOf(source.repoURL));
    return refreshPaths(metadata.annotations, textOf(source.path)).map((one) => ({ repository, ...one }));
  });
}

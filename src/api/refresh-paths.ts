import { posix } from "node:path";

const annotation = "argocd.argoproj.io/manifest-generate-paths";

/** Files that an Application says it is rendered from. */
export interface RefreshPath {
  /** From the repository's root; "" is the root itself. */
  readonly path: string;
  readonly isGlob: boolean;
}

/**
 * What the annotation names: paths parted by `;`, from the root where they begin with `/`, else from the source's own
 * (spec argo-cd-engine 2.12). None: nothing is said.
 */
export function refreshPaths(annotations: Readonly<Record<string, string>> = {}, sourcePath = "") {
  const entries = (annotations[annotation] ?? "").split(";").flatMap((entry) => entry.trim() || []);
  return entries.map((entry): RefreshPath => {
    const path = fromRoot(entry, sourcePath);
    return { path, isGlob: /[*?[\\]/.test(path) };
  });
}

function fromRoot(entry: string, sourcePath: string): string {
  const joined = entry.startsWith("/") ? posix.normalize(entry) : posix.join("/", sourcePath, entry);
  return joined.replace(/^\/+|\/+$/g, "");
}

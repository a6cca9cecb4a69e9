import type { Application, AppProject } from "../../api/application-types.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import { compileRegex } from "../../base/regex.ts";
import { permitted, refused, type Verdict } from "./project.ts";

/**
 * Whether an Application of this namespace may use the project (spec argo-cd-surface 2.5): those of the controller's
 * namespace always, others when the project lists theirs.
 */
export function checkNamespace(
  project: AppProject,
  { metadata: { name, namespace } }: Pick<Application, "metadata">,
  controllerNamespace: string,
): Verdict {
  if (namespace === controllerNamespace || isListed(project.sourceNamespaces, namespace)) return permitted;
  return refused(
    `application '${name}' in namespace '${namespace}' is not allowed to use project '${project.metadata.name}'`,
  );
}

/** Globs, or regular expressions between slashes, which must be found in the name; one that cannot be read lists none. */
export function isListed(patterns: readonly string[], namespace: string): boolean {
  return patterns.some((pattern) => {
    if (!isExpression(pattern)) return compilePathGlob(pattern, { dialect: "gobwas" })(namespace);
    try {
      return compileRegex(pattern.slice(1, -1)).matches(namespace);
    } catch {
      return false; // admission has told of it
    }
  });
}

function isExpression(pattern: string): boolean {
  return pattern.length > 1 && pattern.startsWith("/") && pattern.endsWith("/");
}

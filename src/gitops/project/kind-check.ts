import type { AppProject, KindPattern } from "../../api/application-types.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import { checkDestination } from "./destination-check.ts";
import { type Cluster, type KindToCheck, permitted, refused, type Verdict } from "./project.ts";

/** Whether the project's Applications may have objects of the kind (spec argo-cd-surface 2.4). */
export function checkKind(project: AppProject, kind: KindToCheck): Verdict {
  const isAllowed = kind.isNamespaced ? isAllowedInNamespace(project, kind) : isAllowedInCluster(project, kind);
  if (isAllowed) return permitted;
  return refused(`resource ${kind.group}:${kind.kind} is not permitted in project ${project.metadata.name}`);
}

/** The kind, and for objects in namespaces the namespace of that cluster. */
export function checkObject(project: AppProject, kind: KindToCheck, cluster: Cluster, namespace: string): Verdict {
  const verdict = checkKind(project, kind);
  if (!verdict.permitted || !kind.isNamespaced) return verdict;
  if (checkDestination(project, cluster, namespace).permitted) return permitted;
  return refused(`namespace ${namespace} is not permitted in project '${project.metadata.name}'`);
}

function isAllowedInCluster(project: AppProject, kind: KindToCheck): boolean {
  return matchesAny(project.clusterResourceWhitelist, kind) && !matchesAny(project.clusterResourceBlacklist, kind);
}

function isAllowedInNamespace(project: AppProject, kind: KindToCheck): boolean {
  const { namespaceResourceWhitelist: allowed, namespaceResourceBlacklist: denied } = project;
  return (allowed === undefined || matchesAny(allowed, kind)) && !matchesAny(denied, kind);
}

function matchesAny(patterns: readonly KindPattern[], kind: KindToCheck): boolean {
  return patterns.some((pattern) => {
    const isNamed = pattern.name === undefined || kind.name === undefined || matches(pattern.name, kind.name);
    return matches(pattern.kind, kind.kind) && matches(pattern.group, kind.group) && isNamed;
  });
}

function matches(pattern: string, text: string): boolean {
  return compilePathGlob(pattern, { dialect: "go", separator: "/" })(text);
}

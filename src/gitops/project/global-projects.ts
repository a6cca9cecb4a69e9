import type { AppProject } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { parseYaml } from "../../base/yaml.ts";

/** `globalProjects` of `argocd-cm`: what projects with some labels inherit (spec argo-cd-surface 2.10). */
export interface GlobalProject {
  readonly name: string;
  /** Whether a project with these labels inherits. */
  readonly appliesTo: (labels: Readonly<Record<string, string>>) => boolean;
}

/** @throws what YAML says, or an Error for an entry that cannot be used */
export function readGlobalProjects(text: string): readonly GlobalProject[] {
  const [document] = text.trim() === "" ? [] : parseYaml(text);
  return listOf(document as JsonValue | undefined).map((entry, index) => {
    const { projectName, labelSelector } = objectOf(entry);
    const name = textOf(projectName);
    if (name === "") throw new Error(`globalProjects[${index}].projectName is missing`);
    return { name, appliesTo: selectorOf(objectOf(labelSelector), `globalProjects[${index}].labelSelector`) };
  });
}

/** The project with what it inherits behind its own; the order of `globals` counts. */
export function inherit(project: AppProject, globals: readonly AppProject[]): AppProject {
  return globals.reduce(append, project);
}

function append(project: AppProject, other: AppProject): AppProject {
  const allowed = [project.namespaceResourceWhitelist, other.namespaceResourceWhitelist].filter((list) => list);
  const accounts = [
    ...(project.spec.destinationServiceAccounts ?? []),
    ...(other.spec.destinationServiceAccounts ?? []),
  ];
  return {
    ...project,
    sourceRepos: [...project.sourceRepos, ...other.sourceRepos],
    destinations: [...project.destinations, ...other.destinations],
    clusterResourceWhitelist: [...project.clusterResourceWhitelist, ...other.clusterResourceWhitelist],
    clusterResourceBlacklist: [...project.clusterResourceBlacklist, ...other.clusterResourceBlacklist],
    ...(allowed.length === 0 ? {} : { namespaceResourceWhitelist: allowed.flatMap((list) => list ?? []) }),
    namespaceResourceBlacklist: [...project.namespaceResourceBlacklist, ...other.namespaceResourceBlacklist],
    syncWindows: [...project.syncWindows, ...other.syncWindows],
    spec: { ...project.spec, ...(accounts.length === 0 ? {} : { destinationServiceAccounts: accounts }) },
  };
}

/** A label selector as Kubernetes has it: every label and every expression must hold; an empty one takes all. */
function selectorOf({ matchLabels, matchExpressions }: JsonObject, path: string): GlobalProject["appliesTo"] {
  const labels = Object.entries(objectOf(matchLabels)).map(([key, value]) => [key, textOf(value)] as const);
  const expressions = listOf(matchExpressions).map((entry, index) => {
    if (!isJsonObject(entry)) throw new Error(`${path}.matchExpressions[${index}] must be an object`);
    return expressionOf(entry, `${path}.matchExpressions[${index}]`);
  });
  return (given) =>
    labels.every(([key, value]) => Object.hasOwn(given, key) && given[key] === value) &&
    expressions.every((holds) => holds(given));
}

function expressionOf(expression: JsonObject, path: string): GlobalProject["appliesTo"] {
  const key = textOf(expression.key);
  const values = new Set(listOf(expression.values).map(textOf));
  switch (expression.operator) {
    case "In":
      return (labels) => Object.hasOwn(labels, key) && values.has(labels[key] ?? "");
    case "NotIn":
      return (labels) => !Object.hasOwn(labels, key) || !values.has(labels[key] ?? "");
    case "Exists":
      return (labels) => Object.hasOwn(labels, key);
    case "DoesNotExist":
      return (labels) => !Object.hasOwn(labels, key);
    default:
      throw new Error(`${path}.operator must be In, NotIn, Exists or DoesNotExist`);
  }
}

import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";

/** What somebody wants to do: with a resource, or (`path`) with something else. */
export interface Attributes {
  readonly verb: string;
  readonly group: string;
  /** `pods` or `pods/log`; "" with a path. */
  readonly resource: string;
  /** "" for all namespaces, and for kinds outside of them. */
  readonly namespace: string;
  readonly name: string;
  readonly path?: string;
}

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

/** The `rules` of a Role or ClusterRole. */
export function readRules(role: JsonObject): readonly PolicyRule[] {
  const list = Array.isArray(role.rules) ? role.rules.filter(isJsonObject) : [];
  return list.map((rule) => ({
    verbs: texts(rule.verbs),
    apiGroups: texts(rule.apiGroups),
    resources: texts(rule.resources),
    resourceNames: texts(rule.resourceNames),
    nonResourceURLs: texts(rule.nonResourceURLs),
  }));
}

function texts(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

export function ruleAllows(rule: PolicyRule, wanted: Attributes): boolean {
  if (!includes(rule.verbs, wanted.verb)) return false;
  if (wanted.path !== undefined) return rule.nonResourceURLs.some((pattern) => pathMatches(pattern, wanted.path ?? ""));
  if (!includes(rule.apiGroups, wanted.group) || !rule.resources.some((one) => resourceMatches(one, wanted.resource))) {
    return false;
  }
  return rule.resourceNames.length === 0 || rule.resourceNames.includes(wanted.name);
}

function includes(list: readonly string[], value: string): boolean {
  return list.includes("*") || list.includes(value);
}

/** `*`, the resource itself, or a subresource of all of them. */
function resourceMatches(pattern: string, resource: string): boolean {
  if (pattern === "*" || pattern === resource) return true;
  const [, subresource] = resource.split("/", 2);
  return subresource !== undefined && pattern === `*/${subresource}`;
}

function pathMatches(pattern: string, path: string): boolean {
  return pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}

/** Whether a `subjects[]` entry of a binding is the user. @param namespace of the binding, for service accounts */
export function isSubject(
  subject: JsonObject,
  user: { readonly name: string; readonly groups: readonly string[] },
  namespace: string,
): boolean {
  const { kind, name = "" } = subject;
  if (kind === "User") return user.name === name;
  if (kind === "Group") return user.groups.includes(String(name));
  const place = subject.namespace === undefined ? namespace : String(subject.namespace);
  return kind === "ServiceAccount" && user.name === `system:serviceaccount:${place}:${String(name)}`;
}

import { isJsonObject, type JsonValue } from "../base/json.ts";
import { compilePathGlob } from "../base/path-glob.ts";

/** Objects by group, kind and the cluster's address; an empty list stands for any. */
export interface ResourceRule {
  /** Globs. */
  readonly apiGroups: readonly string[];
  /** Exact, or `*`. */
  readonly kinds: readonly string[];
  /** Globs. */
  readonly clusters: readonly string[];
}

/** `resource.exclusions` and `resource.inclusions` of `argocd-cm` (spec argo-cd-engine 6.4). */
export interface ResourceFilter {
  readonly exclusions: readonly ResourceRule[];
  readonly inclusions: readonly ResourceRule[];
}

/** Whether objects of a kind do not exist for Applications whose cluster is at `server`. */
export type IsExcluded = (kind: { readonly group: string; readonly kind: string }, server: string) => boolean;

function excluding(groups: readonly string[], kinds: readonly string[] = []): ResourceRule {
  return { apiGroups: groups, kinds, clusters: [] };
}

/** Whatever the settings say. */
const always: readonly ResourceRule[] = [
  excluding(["events.k8s.io", "metrics.k8s.io"]),
  excluding([""], ["Event"]),
  excluding(["coordination.k8s.io"], ["Lease"]),
];

const reviews = [
  "SelfSubjectAccessReview",
  "SelfSubjectRulesReview",
  "SubjectAccessReview",
  "LocalSubjectAccessReview",
];
const scopes = ["AdmissionReport", "BackgroundScanReport", "EphemeralReport", "PolicyReport"];
/** Where `resource.exclusions` is not set: kinds that controllers make by the thousand, and nobody keeps in Git. */
const shipped: readonly ResourceRule[] = [
  excluding(["", "discovery.k8s.io"], ["Endpoints", "EndpointSlice"]),
  excluding(["authentication.k8s.io", "authorization.k8s.io"], ["SelfSubjectReview", "TokenReview", ...reviews]),
  excluding(["certificates.k8s.io"], ["CertificateSigningRequest"]),
  excluding(["cert-manager.io"], ["CertificateRequest"]),
  excluding(["cilium.io"], ["CiliumIdentity", "CiliumEndpoint", "CiliumEndpointSlice"]),
  excluding(
    ["kyverno.io", "reports.kyverno.io", "wgpolicyk8s.io"],
    [...scopes, ...scopes.map((kind) => `Cluster${kind}`), "UpdateRequest"],
  ),
];

export const defaultResourceFilter: ResourceFilter = { exclusions: shipped, inclusions: [] };

/** A list of rules as the ConfigMap has it. @throws Error */
export function parseResourceRules(value: JsonValue): readonly ResourceRule[] {
  if (value === null) return [];
  if (!Array.isArray(value)) throw new Error("must be a list of rules with apiGroups, kinds or clusters");
  return value.map((item, index) => {
    if (!isJsonObject(item)) throw new Error(`[${index}] must be a map with apiGroups, kinds or clusters`);
    const texts = (name: string): readonly string[] => {
      const list = item[name] ?? [];
      if (Array.isArray(list) && list.every((text) => typeof text === "string")) return list;
      throw new Error(`[${index}].${name} must be a list of texts`);
    };
    return { apiGroups: texts("apiGroups"), kinds: texts("kinds"), clusters: texts("clusters") };
  });
}

/** Answers are kept by kind and cluster. */
export function createResourceFilter({ exclusions, inclusions }: ResourceFilter): IsExcluded {
  const excludes = [...always, ...exclusions].map(compile);
  const includes = inclusions.map(compile);
  const known = new Map<string, boolean>();
  return ({ group, kind }, server) => {
    const key = `${group}/${kind} ${server}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const here = includes.filter(({ isFor }) => isFor(server));
    const isExcluded =
      excludes.some(({ isFor, has }) => isFor(server) && has(group, kind)) ||
      (here.length > 0 && !here.some(({ has }) => has(group, kind)));
    if (known.size >= maxKnown) known.clear();
    known.set(key, isExcluded);
    return isExcluded;
  };
}

const maxKnown = 10_000;

function compile({ apiGroups, kinds, clusters }: ResourceRule) {
  const groups = apiGroups.map((pattern) => compilePathGlob(pattern, { dialect: "gobwas" }));
  const servers = clusters.map((pattern) => compilePathGlob(pattern, { dialect: "gobwas" }));
  return {
    isFor: (server: string): boolean => servers.length === 0 || servers.some((matches) => matches(server)),
    has: (group: string, kind: string): boolean =>
      (groups.length === 0 || groups.some((matches) => matches(group))) &&
      (kinds.length === 0 || kinds.some((name) => name === "*" || name === kind)),
  };
}

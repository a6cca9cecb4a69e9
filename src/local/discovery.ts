import type { JsonObject } from "../base/json.ts";
import { apiVersionOf, type ResourceTable, type ServedResource } from "./resources.ts";

const statusVerbs = ["get", "patch", "update"];

/** What `/version` says. The suffix tells that this is no Kubernetes. */
export const versionInfo: JsonObject = {
  major: "1",
  minor: "36",
  gitVersion: "v1.36.0+tiphys",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: "",
  platform: "",
};

interface Group {
  readonly name: string;
  readonly versions: ReadonlyMap<string, readonly ServedResource[]>;
}

/** Groups with their versions, the preferred one first; the core group is "". */
function groupsOf(table: ResourceTable): readonly Group[] {
  const groups = new Map<string, Map<string, ServedResource[]>>();
  for (const resource of table.all()) {
    const versions = groups.get(resource.group) ?? new Map<string, ServedResource[]>();
    groups.set(resource.group, versions);
    versions.set(resource.version, [...(versions.get(resource.version) ?? []), resource]);
  }
  return [...groups].map(([name, versions]) => ({
    name,
    versions: new Map([...versions].sort(([a], [b]) => compareVersions(a, b))),
  }));
}

/** Kubernetes' order: v2 before v1 before v1beta1 before v1alpha1, others last by name. */
function compareVersions(a: string, b: string): number {
  const rank = (version: string): readonly number[] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (!match) return [0, 0, 0];
    const stage = match[2] === undefined ? 3 : match[2] === "beta" ? 2 : 1;
    return [stage, Number(match[1]), Number(match[3] ?? 0)];
  };
  const [left, right] = [rank(a), rank(b)];
  for (let index = 0; index < 3; index++) {
    const difference = (right[index] ?? 0) - (left[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : 1;
}

/** `/api` */
export function coreVersions(): JsonObject {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: "localhost" }],
  };
}

/** `/apis` */
export function groupList(table: ResourceTable): JsonObject {
  const groups = groupsOf(table).filter((group) => group.name !== "");
  return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(groupJson) };
}

/** `/apis/GROUP` */
export function groupOf(table: ResourceTable, name: string): JsonObject | undefined {
  const group = groupsOf(table).find((candidate) => candidate.name === name && name !== "");
  return group && { kind: "APIGroup", apiVersion: "v1", ...groupJson(group) };
}

function groupJson(group: Group): JsonObject {
  const versions = [...group.versions.keys()].map((version) => ({ groupVersion: `${group.name}/${version}`, version }));
  return { name: group.name, versions, preferredVersion: versions[0] ?? null };
}

const scaleKind = { group: "autoscaling", version: "v1", kind: "Scale" };

/** `/api/v1` and `/apis/GROUP/VERSION`; undefined for a version that is not served. */
export function resourceList(table: ResourceTable, group: string, version: string): JsonObject | undefined {
  const found = table.all().filter((resource) => resource.group === group && resource.version === version);
  if (found.length === 0) return undefined;
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: apiVersionOf({ group, version }),
    resources: found.flatMap((resource) => [
      {
        name: resource.plural,
        singularName: resource.singular,
        namespaced: resource.namespaced,
        kind: resource.kind,
        verbs: resource.verbs,
        ...(resource.shortNames.length > 0 ? { shortNames: resource.shortNames } : {}),
        ...(resource.categories.length > 0 ? { categories: resource.categories } : {}),
      },
      ...(resource.parts ?? []).map(({ name, kind, verbs, group: own, version: ownVersion }) => ({
        name: `${resource.plural}/${name}`,
        singularName: "",
        namespaced: resource.namespaced,
        ...(own === undefined ? {} : { group: own, version: ownVersion ?? "v1" }),
        kind,
        verbs,
      })),
      ...(resource.hasStatus
        ? [
            {
              name: `${resource.plural}/status`,
              singularName: "",
              namespaced: resource.namespaced,
              kind: resource.kind,
              verbs: statusVerbs,
            },
          ]
        : []),
      ...(resource.hasScale
        ? [
            {
              name: `${resource.plural}/scale`,
              singularName: "",
              namespaced: resource.namespaced,
              ...scaleKind,
              verbs: statusVerbs,
            },
          ]
        : []),
    ]),
  };
}

const aggregated = /application\/json;[^,]*\bas=APIGroupDiscoveryList/;

export const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

export function acceptsAggregated(accept: string): boolean {
  return accept.split(",").some((part) => aggregated.test(part) && /\bv=v2(?:;|$|\s)/.test(part));
}

/** `/api` (the core group) or `/apis` (all others) in one document. */
export function aggregatedGroups(table: ResourceTable, isCore: boolean): JsonObject {
  const groups = groupsOf(table).filter((group) => (group.name === "") === isCore);
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: groups.map((group) => ({
      metadata: { name: group.name, creationTimestamp: null },
      versions: [...group.versions].map(([version, resources]) => ({
        version,
        freshness: "Current",
        resources: resources.map(aggregatedResource),
      })),
    })),
  };
}

function aggregatedResource(resource: ServedResource): JsonObject {
  const responseKind = { group: resource.group, version: resource.version, kind: resource.kind };
  const subresources = [
    ...(resource.parts ?? []).map(({ name, kind, verbs, group = resource.group, version = resource.version }) => ({
      subresource: name,
      responseKind: { group, version, kind },
      verbs,
    })),
    ...(resource.hasScale ? [{ subresource: "scale", responseKind: scaleKind, verbs: statusVerbs }] : []),
    ...(resource.hasStatus ? [{ subresource: "status", responseKind, verbs: statusVerbs }] : []),
  ];
  return {
    resource: resource.plural,
    responseKind,
    scope: resource.namespaced ? "Namespaced" : "Cluster",
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(resource.shortNames.length > 0 ? { shortNames: resource.shortNames } : {}),
    ...(resource.categories.length > 0 ? { categories: resource.categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { createResourceFilter } from "../../src/api/resource-filter.ts";
import { parseResourceSettings } from "../../src/api/resource-settings.ts";

const own = "https://kubernetes.default.svc";
const far = "https://far.example.com";
const configMaps = { "resource.inclusions": "- apiGroups: ['']\n  kinds: [ConfigMap]\n" };
const afar = { "resource.inclusions": "- kinds: [ConfigMap]\n  clusters: ['https://far.*']\n" };
const noExclusions = { "resource.exclusions": "" };

type Row = readonly [
  what: string,
  settings: Readonly<Record<string, string>>,
  kind: string,
  server: string,
  isExcluded: boolean,
];

const rows: readonly Row[] = [
  ["a common kind", {}, "apps/Deployment", own, false],
  ["events, whatever is set", noExclusions, "/Event", own, true],
  ["the newer events, whatever is set", noExclusions, "events.k8s.io/Event", own, true],
  ["leases, whatever is set", noExclusions, "coordination.k8s.io/Lease", own, true],
  ["metrics, whatever is set", noExclusions, "metrics.k8s.io/PodMetrics", own, true],
  ["endpoints, as shipped", {}, "/Endpoints", own, true],
  ["endpoint slices, as shipped", {}, "discovery.k8s.io/EndpointSlice", own, true],
  ["reports, as shipped", {}, "wgpolicyk8s.io/ClusterPolicyReport", own, true],
  ["endpoints, where own exclusions are set", { "resource.exclusions": "- kinds: [Secret]" }, "/Endpoints", own, false],
  ["a kind that is excluded", { "resource.exclusions": "- kinds: [Secret]" }, "/Secret", own, true],
  ["a group by a glob", { "resource.exclusions": "- apiGroups: ['*.example.com']" }, "a.example.com/A", own, true],
  [
    "all kinds of a group",
    { "resource.exclusions": "- {apiGroups: [apps], kinds: ['*']}" },
    "apps/DaemonSet",
    own,
    true,
  ],
  ["kinds are no globs", { "resource.exclusions": "- kinds: ['Sec*']" }, "/Secret", own, false],
  [
    "another cluster",
    { "resource.exclusions": "- {kinds: [Secret], clusters: ['https://far*']}" },
    "/Secret",
    own,
    false,
  ],
  ["that cluster", { "resource.exclusions": "- {kinds: [Secret], clusters: ['https://far*']}" }, "/Secret", far, true],
  ["what is included", configMaps, "/ConfigMap", own, false],
  ["what is not included", configMaps, "apps/Deployment", own, true],
  ["inclusions for another cluster", afar, "apps/Deployment", own, false],
  ["inclusions for that cluster", afar, "apps/Deployment", far, true],
  ["an exclusion wins", { ...configMaps, "resource.exclusions": "- kinds: [ConfigMap]" }, "/ConfigMap", own, true],
];

for (const [what, data, name, server, isExcluded] of rows) {
  test(`resource filter: ${what}`, () => {
    const { filter, problems } = parseResourceSettings(data);
    assert.deepEqual(problems, []);
    const [group = "", kind = ""] = name.split("/");
    const excludes = createResourceFilter(filter);
    assert.deepEqual([excludes({ group, kind }, server), excludes({ group, kind }, server)], [isExcluded, isExcluded]);
  });
}

for (const [text, problem] of [
  ["kinds: [Secret]", "argocd-cm: resource.exclusions: must be a list of rules with apiGroups, kinds or clusters"],
  ["- Secret", "argocd-cm: resource.exclusions: [0] must be a map with apiGroups, kinds or clusters"],
  ["- kinds: Secret", "argocd-cm: resource.exclusions: [0].kinds must be a list of texts"],
] as const) {
  test(`resource filter: ${text} cannot be used`, () =>
    assert.deepEqual(parseResourceSettings({ "resource.exclusions": text }).problems, [problem]));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppProject } from "../../../src/api/app-project.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { orphanCondition, orphansOf } from "../../../src/gitops/reconcile/orphans.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const projectOf = (spec: JsonObject) =>
  parseAppProject({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { name: "p", namespace: "argocd" },
    spec,
  }).resource;
const object = (kind: string, name: string, namespace = "shop", apiVersion = "v1"): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace },
});
const all = [
  object("ConfigMap", "stray"),
  object("ConfigMap", "own"),
  object("ConfigMap", "others"),
  object("ConfigMap", "kube-root-ca.crt"),
  object("ServiceAccount", "default"),
  object("Secret", "s"),
  object("Deployment", "web", "shop", "apps/v1"),
];

function found(orphanedResources: JsonObject | undefined, more: JsonObject = {}, namespace = "shop", objects = all) {
  const orphans = orphansOf({
    project: projectOf({ ...(orphanedResources === undefined ? {} : { orphanedResources }), ...more }),
    namespace,
    objects,
    managed: new Set(["/ConfigMap/shop/own"]),
    isTracked: ({ metadata }) => metadata.name === "others",
  });
  return orphans.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
}

const cases: readonly (readonly [string, JsonObject | undefined, JsonObject, readonly string[]])[] = [
  ["nothing where the project does not ask", undefined, {}, []],
  ["all that nobody manages", {}, {}, ["ConfigMap/stray", "Secret/s", "Deployment/web"]],
  ["not what is ignored by kind", { ignore: [{ kind: "Conf*" }] }, {}, ["Secret/s", "Deployment/web"]],
  [
    "an empty group is that of the core",
    { ignore: [{ kind: "Deployment" }] },
    {},
    ["ConfigMap/stray", "Secret/s", "Deployment/web"],
  ],
  ["not what is ignored by group", { ignore: [{ group: "*" }] }, {}, []],
  ["not what is ignored by name", { ignore: [{ group: "*", name: "s*" }] }, {}, ["Deployment/web"]],
  [
    "not what the project forbids",
    {},
    { namespaceResourceBlacklist: [{ group: "", kind: "Secret" }] },
    ["ConfigMap/stray", "Deployment/web"],
  ],
];
for (const [name, orphaned, more, names] of cases) {
  test(`orphans: ${name}`, () => assert.deepEqual(found(orphaned, more), names));
}

test("orphans: the Service of the API is none, in its own namespace alone", () => {
  const service = (namespace: string) => [object("Service", "kubernetes", namespace)];
  assert.deepEqual(found({}, {}, "default", service("default")), []);
  assert.deepEqual(found({}, {}, "shop", service("shop")), ["Service/kubernetes"]);
});

test("orphans: the condition is for those who ask to be warned", () => {
  assert.equal(orphanCondition(projectOf({ orphanedResources: {} }), 2), undefined);
  assert.equal(orphanCondition(projectOf({ orphanedResources: { warn: true } }), 0), undefined);
  assert.deepEqual(orphanCondition(projectOf({ orphanedResources: { warn: true } }), 2), {
    type: "OrphanedResourceWarning",
    message: "Application has 2 orphaned resources",
  });
});

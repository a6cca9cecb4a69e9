import assert from "node:assert/strict";
import { test } from "node:test";
import { followsRegistry } from "../../../src/controllers/webhooks/registry-push.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const seen = {
  provider: "Harbor",
  urls: ["oci://harbor.example:8443/acme/charts/shop"],
  refs: [],
  tags: ["1.2.0", "stable"],
};
const whole = "oci://harbor.example:8443/acme/charts/shop";
const parent = "harbor.example:8443/acme/charts";

for (const [name, spec, expected] of [
  ["an artifact by its tag", { source: { repoURL: whole, targetRevision: "1.2.0" } }, true],
  ["another tag of the push", { source: { repoURL: whole, targetRevision: "stable" } }, true],
  ["a range that has the tag", { source: { repoURL: whole, targetRevision: "1.x" } }, true],
  ["a range that has it not", { source: { repoURL: whole, targetRevision: "^2" } }, false],
  ["another tag", { source: { repoURL: whole, targetRevision: "1.3.0" } }, false],
  ["no tag at all", { source: { repoURL: whole } }, true],
  ["a chart below the address", { source: { repoURL: parent, chart: "shop", targetRevision: "1.2.*" } }, true],
  [
    "a chart with a scheme, a slash and capitals",
    { source: { repoURL: `oci://${parent.toUpperCase()}/`, chart: "shop" } },
    true,
  ],
  ["another chart", { source: { repoURL: parent, chart: "other" } }, false],
  [
    "one of several sources",
    { sources: [{ repoURL: "https://git.example/a" }, { repoURL: whole, targetRevision: "1.2.0" }] },
    true,
  ],
  [
    "a source that several take the place of",
    { source: { repoURL: whole }, sources: [{ repoURL: parent, chart: "a" }] },
    false,
  ],
  ["a repository of Git there", { source: { repoURL: "https://harbor.example:8443/acme/charts/shop" } }, false],
  ["no source", {}, false],
] as const) {
  test(`a push to a registry ${expected ? "concerns" : "does not concern"} an Application with ${name}`, () => {
    const application = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata: { name: "web" }, spec };
    assert.equal(followsRegistry(application as unknown as KubeObject, seen), expected);
  });
}

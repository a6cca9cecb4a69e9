import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { lastApplied } from "../../../src/gitops/diff/last-applied.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const deployment = { type: "io.k8s.api.apps.v1.Deployment" };
const spec: JsonObject = {
  selector: { matchLabels: { app: "x" } },
  strategy: { type: "RollingUpdate" },
  template: { spec: { containers: [{ name: "side", image: "i" }] } },
};

const cases: readonly (readonly [name: string, known: boolean, fields: JsonObject, applied: JsonObject])[] = [
  ["an object that was empty, and that the server filled", true, { "f:strategy": {} }, { strategy: {} }],
  ["an object that is owned as a whole", true, { "f:selector": {} }, { selector: spec.selector ?? {} }],
  [
    "a merged list that was empty, and that others filled",
    true,
    { "f:template": { "f:spec": { "f:containers": {} } } },
    { template: { spec: { containers: [] } } },
  ],
  [
    "of an unknown kind, an object may be owned as a whole",
    false,
    { "f:selector": {} },
    { selector: spec.selector ?? {} },
  ],
];

for (const [name, known, fields, applied] of cases) {
  test(`the last sync wrote ${name}`, () => {
    const fieldsV1 = { "f:spec": fields };
    const ours = { manager: "argocd-controller", operation: "Apply" };
    const ofStatus = { ...ours, subresource: "status", fieldsV1: { "f:status": { "f:replicas": {} } } };
    const managedFields = [ofStatus, { ...ours, fieldsV1 }];
    const live: KubeObject = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "x", managedFields },
      spec,
    };
    assert.deepEqual(lastApplied(live, known ? deployment : undefined), { spec: applied });
  });
}

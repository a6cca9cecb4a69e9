import assert from "node:assert/strict";
import { test } from "node:test";
import type { IgnoreRule } from "../../../src/api/application-types.ts";
import { respectIgnored } from "../../../src/gitops/diff/respect.ts";
import { createDiffRules } from "../../../src/gitops/diff/rules.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const deployment = (spec: object, metadata: object = {}): KubeObject => {
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x", ...metadata }, spec } as KubeObject;
};
const widget = (spec: object): KubeObject => {
  return { apiVersion: "a.b/v1", kind: "Widget", metadata: { name: "x" }, spec } as KubeObject;
};
const budget = (spec: object): KubeObject => {
  return { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "x" }, spec } as KubeObject;
};
const containers = (...list: object[]) => ({ template: { spec: { containers: list } } });
const pointer = (...jsonPointers: string[]): Partial<IgnoreRule> => ({ jsonPointers });
const jq = (...jqPathExpressions: string[]): Partial<IgnoreRule> => ({ jqPathExpressions });

const rows: readonly (readonly [string, KubeObject, KubeObject, Partial<IgnoreRule>, object])[] = [
  [
    "a field that is ignored keeps its live value",
    deployment({ replicas: 1, paused: true }),
    deployment({ replicas: 5 }),
    pointer("/spec/replicas"),
    { replicas: 5, paused: true },
  ],
  [
    "a field that the target lacks is taken from the live object",
    deployment({ paused: true }),
    deployment({ replicas: 5 }),
    pointer("/spec/replicas"),
    { replicas: 5, paused: true },
  ],
  [
    "a field that the live object lacks is not applied",
    deployment({ replicas: 1, paused: true }),
    deployment({}),
    pointer("/spec/replicas"),
    { paused: true },
  ],
  [
    "in a list with keys, the item decides",
    deployment(containers({ name: "b", image: "b:2" }, { name: "a", image: "a:2" })),
    deployment(containers({ name: "a", image: "a:1" }, { name: "b", image: "b:1" })),
    jq('.spec.template.spec.containers[] | select(.name == "a") | .image'),
    containers({ name: "b", image: "b:2" }, { name: "a", image: "a:1" }),
  ],
  [
    "an item that is ignored whole stays as it is",
    deployment(containers({ name: "a", image: "a:2" })),
    deployment(containers({ name: "a", image: "a:1" }, { name: "injected", image: "i" })),
    jq('.spec.template.spec.containers[] | select(.name == "injected")'),
    containers({ name: "a", image: "a:2" }, { name: "injected", image: "i" }),
  ],
  [
    "an item that is ignored whole, and that the target has, too, is there once",
    deployment(containers({ name: "a", image: "a:2" }, { name: "injected", image: "mine" })),
    deployment(containers({ name: "a", image: "a:1" }, { name: "injected", image: "i" })),
    jq('.spec.template.spec.containers[] | select(.image == "i")'),
    containers({ name: "a", image: "a:2" }, { name: "injected", image: "i" }),
  ],
  [
    "a list without keys that is touched is the live one",
    widget({ list: [{ a: 1, b: 1 }], other: 2 }),
    widget({ list: [{ a: 3, b: 4 }, { a: 5 }], other: 1 }),
    jq(".spec.list[0].a"),
    { list: [{ a: 3, b: 4 }, { a: 5 }], other: 2 },
  ],
  [
    "what is beside an ignored field is the target's, also where a patch replaces both",
    budget({ minAvailable: 2, selector: { matchLabels: { app: "new", tier: "web" } } }),
    budget({ minAvailable: 1, selector: { matchLabels: { app: "old", tier: "tuned" } } }),
    pointer("/spec/selector/matchLabels/tier"),
    { minAvailable: 2, selector: { matchLabels: { app: "new", tier: "tuned" } } },
  ],
  ["nothing that is ignored changes nothing", widget({ a: 1 }), widget({ a: 2 }), pointer("/spec/z"), { a: 1 }],
  [
    "what a manager wrote stays",
    deployment({ replicas: 1, paused: true }),
    deployment(
      { replicas: 5 },
      { managedFields: [{ manager: "hpa", operation: "Update", fieldsV1: { "f:spec": { "f:replicas": {} } } }] },
    ),
    { managedFieldsManagers: ["hpa"] },
    { replicas: 5, paused: true },
  ],
];

test("with RespectIgnoreDifferences, a status that the target has is its own", () => {
  const rules = createDiffRules({ ignore: [{ group: "*", kind: "*", jsonPointers: ["/status/phase"] }] });
  const target = { ...widget({ a: 1 }), status: { phase: "new" } };
  const live = { ...widget({ a: 1 }), status: { phase: "old" } };
  assert.deepEqual(respectIgnored(target, live, rules).status, { phase: "new" });
});

for (const [name, target, live, rule, spec] of rows) {
  test(`with RespectIgnoreDifferences, ${name}`, () => {
    const rules = createDiffRules({ ignore: [{ group: "*", kind: "*", ...rule }] });
    const result = respectIgnored(target, { ...live, status: { ready: true } }, rules);
    assert.deepEqual(result.spec, spec);
    assert.equal("status" in result, false, "what a server says is not applied");
    assert.deepEqual(result.metadata, target.metadata);
    assert.equal(result.kind, target.kind);
  });
}

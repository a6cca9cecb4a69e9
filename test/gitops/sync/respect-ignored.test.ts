import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { createDiffRules } from "../../../src/gitops/diff/rules.ts";
import { respectIgnored } from "../../../src/gitops/sync/respect-ignored.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const deployment = (spec: JsonObject, more: JsonObject = {}): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", ...more },
  spec,
});
const custom = (spec: JsonObject): KubeObject => ({
  apiVersion: "example.com/v1",
  kind: "Odd",
  metadata: { name: "o" },
  spec,
});
const pods = (...containers: JsonObject[]): JsonObject => ({ template: { spec: { containers } } });
const fields = (fieldsV1: JsonObject) => ({
  managedFields: [{ manager: "hpa", operation: "Update", apiVersion: "apps/v1", fieldsV1 }],
});

for (const [name, rule, target, live, expected] of [
  ["no rule", {}, deployment({ replicas: 1 }), deployment({ replicas: 5 }), { replicas: 1 }],
  [
    "a pointer",
    { jsonPointers: ["/spec/replicas"] },
    deployment({ replicas: 1 }),
    deployment({ replicas: 5 }),
    { replicas: 5 },
  ],
  [
    "a pointer to what the target lacks",
    { jsonPointers: ["/spec/replicas"] },
    deployment({}),
    deployment({ replicas: 5 }),
    { replicas: 5 },
  ],
  [
    "a pointer to what is not live",
    { jsonPointers: ["/spec/replicas"] },
    deployment({ replicas: 1 }),
    deployment({}),
    {},
  ],
  [
    "other fields",
    { jsonPointers: ["/spec/replicas"] },
    deployment({ replicas: 1, paused: true }),
    deployment({ replicas: 5, paused: false }),
    { replicas: 5, paused: true },
  ],
  [
    "a field of one container, found by its name",
    { jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == "b") | .image'] },
    deployment(pods({ name: "a", image: "a:2" }, { name: "b", image: "b:2" })),
    deployment(pods({ name: "b", image: "b:9" }, { name: "a", image: "a:9" })),
    pods({ name: "a", image: "a:2" }, { name: "b", image: "b:9" }),
  ],
  [
    "a container that somebody adds",
    { jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == "side")'] },
    deployment(pods({ name: "a", image: "a:2" })),
    deployment(pods({ name: "a", image: "a:1" }, { name: "side", image: "s:1" })),
    pods({ name: "a", image: "a:2" }, { name: "side", image: "s:1" }),
  ],
  [
    "a list without keys is taken whole",
    { jqPathExpressions: [".spec.rules[0].port"] },
    custom({ rules: [{ port: 1, host: "new" }], other: 2 }),
    custom({ rules: [{ port: 9, host: "old" }], other: 1 }),
    { rules: [{ port: 9, host: "old" }], other: 2 },
  ],
  [
    "what a manager wrote",
    { managedFieldsManagers: ["hpa"] },
    deployment({ replicas: 1, paused: true }),
    deployment({ replicas: 5, paused: false }, fields({ "f:spec": { "f:replicas": {} } })),
    { replicas: 5, paused: true },
  ],
] as const) {
  test(`ignored fields keep their live value: ${name}`, () => {
    const rules = createDiffRules({ ignore: [{ group: "*", kind: "*", ...rule } as never] });
    const result = respectIgnored(target, live, rules.of(target));
    assert.deepEqual(result.spec, expected);
    assert.deepEqual(result.metadata, target.metadata);
  });
}

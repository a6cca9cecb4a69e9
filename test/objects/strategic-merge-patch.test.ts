import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { patchTypes } from "../../src/objects/kubernetes-types.ts";
import { applyStrategicMergePatch } from "../../src/objects/strategic-merge-patch.ts";

const pod = "io.k8s.api.core.v1.Pod";
const withContainers = (...containers: JsonObject[]): JsonObject => ({ spec: { containers } });
const strategicPatches: readonly [string, JsonObject, JsonObject, JsonObject][] = [
  [
    "merges containers by name",
    withContainers({ name: "a", image: "1" }, { name: "b" }),
    withContainers({ name: "a", image: "2" }, { name: "c" }),
    withContainers({ name: "a", image: "2" }, { name: "b" }, { name: "c" }),
  ],
  [
    "deletes an item",
    withContainers({ name: "a" }, { name: "b" }),
    withContainers({ name: "a", $patch: "delete" }),
    withContainers({ name: "b" }),
  ],
  [
    "replaces a list on request",
    withContainers({ name: "a" }),
    withContainers({ $patch: "replace" }, { name: "b" }),
    withContainers({ name: "b" }),
  ],
  [
    "adds to a set",
    { metadata: { finalizers: ["x/a"] } },
    { metadata: { finalizers: ["x/a", "x/b"] } },
    { metadata: { finalizers: ["x/a", "x/b"] } },
  ],
  [
    "removes from a set",
    { metadata: { finalizers: ["x/a", "x/b"] } },
    { metadata: { "$deleteFromPrimitiveList/finalizers": ["x/a"] } },
    { metadata: { finalizers: ["x/b"] } },
  ],
  [
    "removes with null",
    { metadata: { labels: { a: "1", b: "1" } } },
    { metadata: { labels: { a: null } } },
    { metadata: { labels: { b: "1" } } },
  ],
  [
    "replaces lists without a merge key",
    withContainers({ name: "a", args: ["1", "2"] }),
    withContainers({ name: "a", args: ["3"] }),
    withContainers({ name: "a", args: ["3"] }),
  ],
];

for (const [name, target, patch, expected] of strategicPatches) {
  test(`strategic merge patch ${name}`, () => {
    assert.deepEqual(applyStrategicMergePatch(target, patch, pod, { types: patchTypes, directives: true }), expected);
  });
}

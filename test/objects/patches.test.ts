import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, JsonValue } from "../../src/base/json.ts";
import { applyJsonPatch, PatchError } from "../../src/objects/json-patch.ts";
import { patchTypes } from "../../src/objects/kubernetes-types.ts";
import { applyMergePatch } from "../../src/objects/merge-patch.ts";
import { applyStrategicMergePatch } from "../../src/objects/strategic-merge-patch.ts";

const merges: readonly [string, JsonValue, JsonValue, JsonValue][] = [
  ["adds and replaces", { a: 1, b: { c: 1 } }, { a: 2, b: { d: 2 } }, { a: 2, b: { c: 1, d: 2 } }],
  ["removes with null, also below", { a: 1, b: { c: 1, d: 1 } }, { a: null, b: { c: null } }, { b: { d: 1 } }],
  ["replaces lists as a whole", { a: [1, 2] }, { a: [3] }, { a: [3] }],
  ["drops nulls of what is new", {}, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
  ["makes an object of a scalar", { a: 1 }, { a: { b: 1 } }, { a: { b: 1 } }],
];

for (const [name, target, patch, expected] of merges) {
  test(`merge patch ${name}`, () => assert.deepEqual(applyMergePatch(target, patch), expected));
}

test("merge patch leaves prototypes alone", () => {
  const result = applyMergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}'));
  assert.equal(Reflect.get({}, "polluted"), undefined);
  assert.equal(Object.getPrototypeOf(result), Object.prototype);
});

const jsonPatches: readonly [string, JsonValue, JsonObject[], JsonValue | PatchError][] = [
  ["adds a field", { a: 1 }, [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
  [
    "inserts and appends",
    { a: [1, 3] },
    [
      { op: "add", path: "/a/1", value: 2 },
      { op: "add", path: "/a/-", value: 4 },
    ],
    { a: [1, 2, 3, 4] },
  ],
  [
    "removes",
    { a: [1, 2], b: 1 },
    [
      { op: "remove", path: "/a/0" },
      { op: "remove", path: "/b" },
    ],
    { a: [2] },
  ],
  ["replaces", { a: { b: 1 } }, [{ op: "replace", path: "/a/b", value: 2 }], { a: { b: 2 } }],
  [
    "moves and copies",
    { a: 1 },
    [
      { op: "copy", from: "/a", path: "/b" },
      { op: "move", from: "/a", path: "/c" },
    ],
    { b: 1, c: 1 },
  ],
  ["reads escaped names", { "a/b~c": 1 }, [{ op: "replace", path: "/a~1b~0c", value: 2 }], { "a/b~c": 2 }],
  ["passes a test that holds", { a: [1] }, [{ op: "test", path: "/a", value: [1] }], { a: [1] }],
  [
    "fails on a test that does not hold",
    { a: 1 },
    [{ op: "test", path: "/a", value: 2 }],
    new PatchError("test failed"),
  ],
  [
    "fails on a path that is not there",
    { a: 1 },
    [{ op: "replace", path: "/b", value: 2 }],
    new PatchError("nothing at"),
  ],
  ["fails on an index out of range", { a: [1] }, [{ op: "add", path: "/a/5", value: 2 }], new PatchError("no index")],
  ["fails on an unknown op", {}, [{ op: "increment", path: "/a" }], new PatchError("unknown op")],
  [
    "fails on a move into itself",
    { a: { b: 1 } },
    [{ op: "move", from: "/a", path: "/a/b" }],
    new PatchError("itself"),
  ],
];

for (const [name, target, patch, expected] of jsonPatches) {
  test(`json patch ${name}`, () => {
    const before = structuredClone(target);
    if (expected instanceof PatchError) {
      assert.throws(
        () => applyJsonPatch(target, patch),
        (error) => error instanceof PatchError && error.message.includes(expected.message),
      );
    } else assert.deepEqual(applyJsonPatch(target, patch), expected);
    assert.deepEqual(target, before);
  });
}

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

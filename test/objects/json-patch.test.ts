import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, JsonValue } from "../../src/base/json.ts";
import { applyJsonPatch, PatchError } from "../../src/objects/json-patch.ts";

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

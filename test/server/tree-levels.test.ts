import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { nodesOf } from "../../src/server/tree-levels.ts";

const node = (name: string, ...parents: readonly string[]): JsonObject => ({
  name,
  uid: name,
  parentRefs: parents.map((uid) => ({ uid })),
});

/** An object that is missing has no uid. */
const nodes = [
  node("deployment"),
  { name: "missing" },
  node("old", "deployment"),
  node("new", "deployment"),
  node("pod-1", "new"),
  node("pod-2", "new"),
  node("shared", "deployment", "new"),
];

for (const [what, levels, wanted] of [
  ["the first level", { depth: 1 }, "deployment 3, missing 0"],
  ["two levels", { depth: 2 }, "deployment 3, missing 0, old 0, new 3, shared 0"],
  ["all", { depth: 0 }, "deployment 3, missing 0, old 0, new 3, pod-1 0, pod-2 0, shared 0"],
  ["more levels than there are", { depth: 9 }, "deployment 3, missing 0, old 0, new 3, pod-1 0, pod-2 0, shared 0"],
  ["what is below one", { depth: 1, under: "new" }, "pod-1 0, pod-2 0, shared 0"],
  ["what is below one that has nothing", { depth: 0, under: "pod-1" }, ""],
  ["what is below one that is not there", { depth: 0, under: "none" }, ""],
] as const) {
  test(`a tree by levels: ${what}`, () => {
    const { depth, under } = { under: undefined, ...levels };
    const shown = nodesOf(nodes, { depth, under }).map(({ name, childCount }) => `${name} ${childCount}`);
    assert.equal(shown.join(", "), wanted);
  });
}

test("objects that name each other as owners are shown once", () => {
  const loop = [node("root"), node("a", "root", "b"), node("b", "a")];
  assert.deepEqual(
    nodesOf(loop, { depth: 0, under: undefined }).map(({ name }) => name),
    ["root", "a", "b"],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { quarantineAnnotation, quarantined, withQuarantined } from "../../../src/gitops/reconcile/quarantine.ts";

const metadata = { name: "web", namespace: "argocd", uid: "", generation: 1, createdAt: "", labels: {} };

const cases: readonly [text: string | undefined, revisions: readonly string[], isKept: boolean][] = [
  [undefined, ["a"], false],
  ["", [""], false],
  ["a", ["a"], true],
  ["a", ["b"], false],
  ["a, b", ["b"], true],
  ["a", ["x", "a"], true],
  ["ab", ["a"], false],
];

for (const [text, revisions, isKept] of cases) {
  test(`${JSON.stringify(text)} ${isKept ? "keeps back" : "lets through"} ${revisions.join(" and ")}`, () => {
    const annotations = text === undefined ? {} : { [quarantineAnnotation]: text };
    assert.equal(quarantined({ metadata: { ...metadata, annotations } }, revisions) !== undefined, isKept);
  });
}

test("revisions are added once, and only the newest twenty are kept", () => {
  assert.equal(withQuarantined(undefined, ["a", "b"]), "a,b");
  assert.equal(withQuarantined("a,b", ["b", "c"]), "a,b,c");
  let text = "";
  for (let n = 0; n < 30; n++) text = withQuarantined(text, [`r${n}`]);
  assert.deepEqual([text.split(",").length, text.split(",")[0]], [20, "r10"]);
});

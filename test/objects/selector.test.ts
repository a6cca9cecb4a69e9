import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFieldSelector, parseLabelSelector, SelectorError } from "../../src/objects/selector.ts";

const labels = { app: "web", tier: "front", size: "5", "x.io/a": "" };
const selections: readonly [string, boolean][] = [
  ["", true],
  ["app=web", true],
  ["app==web,tier!=back", true],
  ["app=web,tier=back", false],
  ["app in (api, web)", true],
  ["app notin (api,web)", false],
  ["missing notin (a)", true],
  ["missing!=a", true],
  ["missing", false],
  ["!missing,app", true],
  ["x.io/a", true],
  ["x.io/a=", true],
  ["size>4,size<6", true],
  ["size>5", false],
];

for (const [selector, expected] of selections) {
  test(`the label selector "${selector}" ${expected ? "selects" : "passes over"} the labels`, () => {
    assert.equal(parseLabelSelector(selector)(labels), expected);
  });
}

for (const bad of ["a b", "=x", "a in x", "-a=1", "size>x"]) {
  test(`the label selector "${bad}" is refused`, () => assert.throws(() => parseLabelSelector(bad), SelectorError));
}

test("field selectors read names, and refuse fields that they do not know", () => {
  const object = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "b" } };
  assert.equal(parseFieldSelector("metadata.name=a,metadata.namespace!=c")(object), true);
  assert.equal(parseFieldSelector("metadata.name==b")(object), false);
  assert.throws(() => parseFieldSelector("spec.x=1"), /field label not supported: spec.x/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { compileDoublestar, globBase } from "../../../src/gitops/render/doublestar.ts";

for (const [pattern, matching, others] of [
  ["a/*.yaml", ["a/b.yaml", "a/.yaml"], ["a/b/c.yaml", "b.yaml", "a/b.yml"]],
  ["**/x.yaml", ["x.yaml", "a/x.yaml", "a/b/x.yaml"], ["a/y.yaml", "ax.yaml"]],
  ["a/**/x", ["a/x", "a/b/x", "a/b/c/x"], ["b/a/x", "a/b"]],
  ["a/**", ["a/b", "a/b/c", "a"], ["b"]],
  ["a/**/b/**/c", ["a/b/c", "a/x/b/y/z/c"], ["a/c", "a/b/x"]],
  ["[ab]?.txt", ["ax.txt", "b1.txt"], ["cx.txt", "a.txt"]],
] as const) {
  test(`${pattern} matches ${matching.join(", ")} alone`, () => {
    const matches = compileDoublestar(pattern);
    assert.deepEqual(matching.filter(matches), [...matching]);
    assert.deepEqual(others.filter(matches), []);
  });
}

test("a glob with many stars over a long path takes no time", () => {
  const began = performance.now();
  const many = [compileDoublestar("**/".repeat(100_000)), compileDoublestar("**/a/".repeat(100_000))];
  const deep = "b/".repeat(99);
  for (let n = 0; n < 1_000; n++) for (const matches of many) assert.equal(matches(`${deep}${n}`), false);
  assert.equal(compileDoublestar("a/**/**/**/b")("a/b"), true);
  assert.ok(performance.now() - began < 5_000);
  const path = Array.from({ length: 200 }, () => "a").join("/");
  assert.equal(compileDoublestar(`${Array.from({ length: 100 }, () => "**/a").join("/")}/b`)(path), false);
});

for (const [pattern, expected] of [
  ["a/b/*.yaml", "a/b"],
  ["*.yaml", ""],
  ["a/**/b", "a"],
  ["a?/b", ""],
] as const) {
  test(`the folder of ${pattern} is "${expected}"`, () => assert.equal(globBase(pattern), expected));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { commitPrefix } from "../../src/ledger/names.ts";

for (const [reference, expected] of [
  ["abcdef", undefined],
  ["ABCDEF0", "commit abcdef0"],
  ["a".repeat(40), `commit ${"a".repeat(40)}`],
  ["a".repeat(50), `commit ${"a".repeat(50)}`],
  ["a".repeat(64), `commit ${"a".repeat(64)}`],
  ["a".repeat(65), undefined],
  ["abcdefg", undefined],
] as const) {
  test(`${reference.length} characters like ${reference.slice(0, 7)} are ${expected === undefined ? "no" : "a"} commit`, () => {
    assert.equal(commitPrefix(reference), expected);
  });
}

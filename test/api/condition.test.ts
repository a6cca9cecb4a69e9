import assert from "node:assert/strict";
import { test } from "node:test";
import { allOf, parseCondition } from "../../src/api/condition.ts";
import { TerminalError } from "../../src/base/errors.ts";

for (const [name, text, present, isMet] of [
  ["waits for both sides of &&", "a && b", ["a"], false],
  ["is met by both sides of &&", "a&&b", ["a", "b"], true],
  ["one side satisfies ||", "a || b", ["b"], true],
  ["&& binds tighter than ||", "a || b && c", ["a"], true],
  ["&& binds tighter than || on the left, too", "a && b || c", ["a"], false],
  ["parentheses come first", "(a || b) && c", ["a"], false],
  ["parentheses nest", "((a) && (b || (c && d)))", ["a", "c", "d"], true],
  ["names may contain - _ and .", "push-1.x && a_b", ["push-1.x", "a_b"], true],
  ["- and _ are two characters", "a-b", ["a_b"], false],
  ["a name absent from the expression is ignored", "a", ["z"], false],
] as const) {
  test(`condition: ${name}`, () => assert.equal(parseCondition(text).isMet(new Set(present)), isMet));
}

test("condition: names are distinct and in order; only && joins", () => {
  assert.deepEqual(parseCondition("b || (a && b) || c").names, ["b", "a", "c"]);
  assert.equal(parseCondition("a || b").joins, false);
  assert.equal(parseCondition("a && b").joins, true);
  assert.equal(parseCondition("a").joins, false);
});

test("condition: without one, all dependencies must be there", () => {
  const all = allOf(["a", "b", "a"]);
  assert.deepEqual(all.names, ["a", "b"]);
  assert.equal(all.joins, true);
  assert.equal(all.isMet(new Set(["a"])), false);
  assert.equal(all.isMet(new Set(["b", "a"])), true);
  assert.equal(allOf(["a"]).joins, false);
});

for (const [text, message] of [
  ["a &&", /its end where a dependency/],
  ["&& a", /"&&" where a dependency/],
  ["a b", /"b" where &&/],
  ["(a", /its end where "\)"/],
  ["a)", /"\)" where &&/],
  ["()", /"\)" where a dependency/],
  ["!a", /"!a", which is not understood/],
  ["a & b", /"& b", which is not understood/],
  ["-a", /"-a", which is not understood/],
  ["", /its end where a dependency/],
  ["(".repeat(200), /nested deeper/],
] as const) {
  test(`condition ${JSON.stringify(text.slice(0, 20))} does not parse, and says where`, () => {
    assert.throws(
      () => parseCondition(text),
      (error) => error instanceof TerminalError && message.test(error.message),
    );
  });
}

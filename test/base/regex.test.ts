import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalError } from "../../src/base/errors.ts";
import { compileRegex } from "../../src/base/regex.ts";

for (const [source, text, isFound] of [
  ["push", "pushed", true],
  ["^push$", "pushed", false],
  ["refs.heads", "refs/heads/main", true],
  ["(?i)MAIN", "main", true],
  ["\\d+", "v12", true],
  ["\\pL", "é", true],
  ["", "anything", true],
  ["a\nb", "a\nb", true],
] as const) {
  test(`regex ${JSON.stringify(source)} on ${JSON.stringify(text)}`, () => {
    assert.equal(compileRegex(source).matches(text), isFound);
  });
}

for (const source of ["(?=a)", "(?<=a)b", "(?!a)", "(a)\\1", "[", "a**", "*"]) {
  test(`regex ${source} is outside RE2 and is refused`, () => {
    assert.throws(() => compileRegex(source), TerminalError);
  });
}

test("a regex takes linear time", () => {
  assert.equal(compileRegex("(a+)+$").matches(`${"a".repeat(5_000)}b`), false);
});

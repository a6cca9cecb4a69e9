import assert from "node:assert/strict";
import { test } from "node:test";
import { diffLines } from "../../src/base/text-diff.ts";

const many = Array.from({ length: 12 }, (_, index) => `line ${index}`).join("\n");

for (const [name, before, after, lines] of [
  ["nothing differs", "a\nb\n", "a\nb\n", []],
  ["a line in between", "a\nb\nc\n", "a\nx\nc\n", [" a", "-b", "+x", " c"]],
  ["from nothing", "", "a\n", ["+a"]],
  ["no break at the end", "a", "b", ["-a", "+b"]],
  [
    "three lines around, and a sign for the rest",
    many,
    many.replace("line 6", "x"),
    [" …", " line 3", " line 4", " line 5", "-line 6", "+x", " line 7", " line 8", " line 9"],
  ],
] as const) {
  test(`a difference of lines: ${name}`, () => assert.deepEqual(diffLines(before, after), lines));
}

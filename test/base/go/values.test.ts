import assert from "node:assert/strict";
import { test } from "node:test";
import { parseGoBool, parseGoFloat } from "../../../src/base/go/values.ts";

for (const [text, value] of [
  ["1", 1],
  ["-1.5e3", -1500],
  [".5", 0.5],
  ["5.", 5],
  ["+Inf", Infinity],
  ["-infinity", -Infinity],
  ["0x1p4", 16],
  ["-0x1.8p1", -3],
  ["", undefined],
  [" 1", undefined],
  ["1_000", 1000],
  ["-1_23.50_0_0e+1_2", -1.235e14],
  ["0x_1_0p0", 16],
  ["_1", undefined],
  ["1__2", undefined],
  ["1_.5", undefined],
  ["1e_5", undefined],
  ["in_f", undefined],
  ["0x10", undefined],
  ["1e999", undefined],
  ["one", undefined],
] as const) {
  test(`Go reads ${JSON.stringify(text)} as the float ${value}`, () => assert.equal(parseGoFloat(text), value));
}

test("Go reads NaN", () => assert.ok(Number.isNaN(parseGoFloat("nan"))));

for (const [text, value] of [
  ["True", true],
  ["t", true],
  ["0", false],
  ["FALSE", false],
  ["tRUE", undefined],
  ["yes", undefined],
  ["", undefined],
] as const) {
  test(`Go reads ${JSON.stringify(text)} as the bool ${value}`, () => assert.equal(parseGoBool(text), value));
}

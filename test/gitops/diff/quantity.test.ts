import assert from "node:assert/strict";
import { test } from "node:test";
import { quantityOf } from "../../../src/gitops/diff/quantity.ts";

for (const [a, b] of [
  ["1000m", "1"],
  ["1", 1],
  ["0.5", "500m"],
  ["1Gi", "1024Mi"],
  ["1.5Ki", "1536"],
  ["1e3", "1k"],
  ["-2", "-2000m"],
  ["0.0000000001", "1n"],
] as const) {
  test(`${a} is ${b}`, () => assert.equal(quantityOf(a), quantityOf(b)));
}

for (const text of ["", "x", "1Kb", "1 Gi", true, null] as const) {
  test(`${JSON.stringify(text)} is no quantity`, () => assert.equal(quantityOf(text), undefined));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { goPow, printFloat, toInt64, toUint64 } from "../../../src/base/go/float.ts";

for (const [value, text] of [
  [0, "0"],
  [-0, "-0"],
  [1, "1"],
  [0.5, "0.5"],
  [123456, "123456"],
  [1234567, "1.234567e+06"],
  [1e6, "1e+06"],
  [1e21, "1e+21"],
  [1.5e-4, "0.00015"],
  [1e-5, "1e-05"],
  [Number.POSITIVE_INFINITY, "+Inf"],
  [Number.NEGATIVE_INFINITY, "-Inf"],
  [Number.NaN, "NaN"],
] as const) {
  test(`Go prints ${value} as ${text}`, () => assert.equal(printFloat(value), text));
}

for (const [value, int, uint] of [
  [1.9, 1n, 1n],
  [-1.9, -1n, 2n ** 64n - 1n],
  [2 ** 63, -(2n ** 63n), 2n ** 63n],
  [1.8e19, -(2n ** 63n), 18_000_000_000_000_000_000n],
  [2 ** 64, -(2n ** 63n), 2n ** 63n],
  [-1e19, -(2n ** 63n), 2n ** 63n],
  [Number.NaN, -(2n ** 63n), 2n ** 63n],
  [Number.POSITIVE_INFINITY, -(2n ** 63n), 2n ** 63n],
] as const) {
  test(`Go makes integers of ${value}`, () => assert.deepEqual([toInt64(value), toUint64(value)], [int, uint]));
}

for (const [base, exponent, result] of [
  [2, 10, 1024],
  [10, -5, 0.00001],
  [1.1, 10, 2.593742460100002],
  [-2, 3, -8],
  [-2, 0.5, Number.NaN],
  [4, 0.5, 2],
  [4, -0.5, 0.5],
  [0, -1, Number.POSITIVE_INFINITY],
  [1, Number.NaN, 1],
  [-1, Number.POSITIVE_INFINITY, 1],
  [Number.NaN, 0, 1],
  [2, 1024, Number.POSITIVE_INFINITY],
  [-2, 1025, Number.NEGATIVE_INFINITY],
  [2, -1074, Number.MIN_VALUE],
  [2, -1080, 0],
  [Number.MIN_VALUE, 1, Number.MIN_VALUE],
  [1.0000000001, 2 ** 62, Number.POSITIVE_INFINITY],
] as const) {
  test(`Go's power of ${base} and ${exponent}`, () => assert.equal(goPow(base, exponent), result));
}

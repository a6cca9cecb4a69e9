import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonValue } from "../../../src/base/json.ts";
import { compileLua } from "../../../src/base/lua/lua.ts";
import { jsonByLargestIndex } from "../../../src/base/lua/to-json.ts";

function convert(expression: string): JsonValue {
  return jsonByLargestIndex(compileLua(`return ${expression}`).run({ globals: {}, nowMs: 0, seed: 0 }));
}

/** Of spec argo-events 5.8, the oddities included. */
const conversions: readonly (readonly [expression: string, expected: JsonValue])[] = [
  ["nil", null],
  ["'text'", "text"],
  ["2 ^ 53", 9007199254740992],
  ["{}", {}],
  ["setmetatable({}, { __is_array = true })", []],
  ["setmetatable({}, { __is_array = 1 })", {}],
  ["setmetatable({ a = 1 }, { __is_array = true })", { a: 1 }],
  ["{ 1, 2, 3 }", [1, 2, 3]],
  ["{ 1, nil, 3 }", [1, null, 3]],
  ["{ [3] = 'c' }", [null, null, "c"]],
  ["{ 1, name = 'lost' }", [1]],
  ["{ [0] = 'zero' }", { "0": "zero" }],
  ["{ [-1] = 'a', [1.5] = 'b', [1e6 + 0.5] = 'c' }", { "-1": "a", "1.5": "b", "1.0000005e+06": "c" }],
  ["{ [1e8] = 'far' }", { "1e+08": "far" }],
  ["{ [true] = 'yes' }", { true: "yes" }],
  ["{ ['1'] = 'text' }", { "1": "text" }],
  ["{ a = { {}, { b = {} } } }", { a: [{}, { b: {} }] }],
];

for (const [expression, expected] of conversions) {
  test(`makes JSON of ${expression}`, () => assert.deepEqual(convert(expression), expected));
}

test("keys are in Go's order", () => {
  assert.equal(
    JSON.stringify(convert("{ b = 1, a = 1, B = 1, ['é'] = 1, ['\\240\\159\\152\\128'] = 1 }")),
    '{"B":1,"a":1,"b":1,"é":1,"😀":1}',
  );
});

test("a key called __proto__ is a key", () => {
  assert.equal(JSON.stringify(convert("{ __proto__ = { a = 1 } }")), '{"__proto__":{"a":1}}');
});

const failures: readonly (readonly [expression: string, message: RegExp])[] = [
  ["{ f = print }", /^a function cannot be data$/],
  ["{ coroutine.create(print) }", /^a thread cannot be data$/],
  ["{ [print] = 1 }", /^a function cannot be a key of data$/],
  ["{ [{}] = 1 }", /^a table cannot be a key of data$/],
  ["{ n = 0 / 0 }", /^NaN cannot be data: JSON has no such number$/],
  ["{ 1 / 0 }", /^\+Inf cannot be data/],
  ["{ [6e7] = 1 }", /^lists have more than 1000000 items, holes included$/],
  ["{ { [9e5] = 1 }, { [9e5] = 1 } }", /^lists have more than 1000000 items/],
];

for (const [expression, message] of failures) {
  test(`refuses ${expression}`, () => assert.throws(() => convert(expression), { code: "SCRIPT_FAILED", message }));
}

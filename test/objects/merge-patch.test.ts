import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonValue } from "../../src/base/json.ts";
import { applyMergePatch } from "../../src/objects/merge-patch.ts";

const merges: readonly [string, JsonValue, JsonValue, JsonValue][] = [
  ["adds and replaces", { a: 1, b: { c: 1 } }, { a: 2, b: { d: 2 } }, { a: 2, b: { c: 1, d: 2 } }],
  ["removes with null, also below", { a: 1, b: { c: 1, d: 1 } }, { a: null, b: { c: null } }, { b: { d: 1 } }],
  ["replaces lists as a whole", { a: [1, 2] }, { a: [3] }, { a: [3] }],
  ["drops nulls of what is new", {}, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
  ["makes an object of a scalar", { a: 1 }, { a: { b: 1 } }, { a: { b: 1 } }],
];

for (const [name, target, patch, expected] of merges) {
  test(`merge patch ${name}`, () => assert.deepEqual(applyMergePatch(target, patch), expected));
}

test("merge patch leaves prototypes alone", () => {
  const result = applyMergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}'));
  assert.equal(Reflect.get({}, "polluted"), undefined);
  assert.equal(Object.getPrototypeOf(result), Object.prototype);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { objectOf } from "../../src/api/fields.ts";
import type { JsonObject, JsonValue } from "../../src/base/json.ts";
import { applyMergePatch, diffMergePatch } from "../../src/objects/merge-patch.ts";

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

const diffs: readonly [string, JsonObject, JsonObject, JsonObject | undefined][] = [
  ["is none when nothing differs", { a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 2 }] } }, undefined],
  ["does not mind the order of fields", { a: 1, b: 2 }, { b: 2, a: 1 }, undefined],
  ["names what differs only", { a: 1, b: { c: 1, d: 1 } }, { a: 1, b: { c: 2, d: 1 } }, { b: { c: 2 } }],
  ["removes fields that are gone", { a: 1, b: { c: 1, d: 1 } }, { b: { c: 1 } }, { a: null, b: { d: null } }],
  ["replaces lists as a whole", { a: [1, 2] }, { a: [1, 3] }, { a: [1, 3] }],
  ["empties an object", { a: { b: 1 } }, { a: {} }, { a: { b: null } }],
  ["writes an empty object", {}, { a: {} }, { a: {} }],
  ["makes an empty object of a scalar", { a: 1 }, { a: {} }, { a: {} }],
  ["makes a scalar of an object", { a: { b: 1 } }, { a: 1 }, { a: 1 }],
  ["takes null for absent", { a: null, b: 1 }, { b: null, c: { d: null } }, { b: null, c: {} }],
];

for (const [name, before, after, expected] of diffs) {
  test(`the merge patch of a difference ${name}`, () => {
    const patch = diffMergePatch(before, after);
    assert.deepEqual(patch, expected);
    assert.equal(diffMergePatch(objectOf(applyMergePatch(before, patch ?? {})), after), undefined);
  });
}

test("the merge patch of a difference names a field called __proto__", () => {
  const after = JSON.parse('{"__proto__": {"a": 1}}');
  assert.equal(JSON.stringify(diffMergePatch({}, after)), '{"__proto__":{"a":1}}');
});

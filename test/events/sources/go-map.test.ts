import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { sortedDeep, sortedFields } from "../../../src/events/sources/go-map.ts";

const maps: readonly (readonly [string, JsonObject, string])[] = [
  ["in order", { a: 1, b: 2 }, '{"a":1,"b":2}'],
  ["capitals first", { b: 1, a: 2, B: 3 }, '{"B":3,"a":2,"b":1}'],
  ["by bytes of UTF-8, not by UTF-16", { "\u{1f600}": 1, "\uffee": 2, z: 3 }, '{"z":3,"\uffee":2,"\u{1f600}":1}'],
  ["not within", { b: { d: 1, c: 2 }, a: 3 }, '{"a":3,"b":{"d":1,"c":2}}'],
];
for (const [name, given, sorted] of maps) {
  test(`fields of a map of Go: ${name}`, () => assert.equal(JSON.stringify(sortedFields(given)), sorted));
}

test("a key that is special in JavaScript is one like others", () => {
  const given = JSON.parse('{"b":1,"__proto__":2}') as JsonObject;
  assert.equal(JSON.stringify(sortedFields(given)), '{"__proto__":2,"b":1}');
});

test("maps within maps and lists are sorted, and digits are kept", () => {
  const given: JsonValue = { b: [{ d: 9007199254740993n, c: null }], a: "x" };
  assert.equal(JSON.stringify(sortedDeep(given)), '{"a":"x","b":[{"c":null,"d":9007199254740993}]}');
});

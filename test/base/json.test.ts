import assert from "node:assert/strict";
import { test } from "node:test";
import {
  canonicalJson,
  changeFields,
  changeItems,
  type JsonObject,
  type JsonValue,
  maxJsonDepth,
  parseJson,
  parseSentJson,
  setOwn,
  withFloats,
} from "../../src/base/json.ts";

const double = (_key: string, value: number): number | undefined =>
  value < 0 ? undefined : value > 9 ? 2 * value : value;

for (const [what, before, after] of [
  ["a field changes", { a: 1, b: 10, c: 3 }, { a: 1, b: 20, c: 3 }],
  ["the first field goes", { a: -1, b: 1 }, { b: 1 }],
  ["the last field goes", { a: 1, b: -1 }, { a: 1 }],
  ["all fields go", { a: -1 }, {}],
] as const) {
  test(`the object is copied when ${what}, and the old one stays as it is`, () => {
    const old: Record<string, number> = { ...before };
    assert.deepEqual(changeFields(old, double), after);
    assert.deepEqual(old, before);
  });
}

test("an object or a list in which nothing changes is the same one", () => {
  const object = { a: 1, b: 2 };
  const list = [1, 2];
  assert.equal(changeFields(object, double), object);
  assert.equal(
    changeItems(list, (item) => item),
    list,
  );
});

test("a list is copied when an item changes, and the old one stays as it is", () => {
  const list = [1, 2, 3];
  assert.deepEqual(
    changeItems(list, (item, index) => (index === 1 ? item + 10 : item)),
    [1, 12, 3],
  );
  assert.deepEqual(list, [1, 2, 3]);
});

test("a field called __proto__ is a field like any other", () => {
  const object = JSON.parse('{"__proto__": 10, "a": 1}') as Record<string, number>;
  const changed = changeFields(object, double);
  assert.deepEqual(Object.entries(changed), [
    ["__proto__", 20],
    ["a", 1],
  ]);
  const own: Record<string, number> = {};
  setOwn(own, "__proto__", 1);
  assert.deepEqual([Object.keys(own), Object.getPrototypeOf(own)], [["__proto__"], Object.prototype]);
});

for (const [what, text, value] of [
  ["2^53 - 1 is a number", "9007199254740991", 9007199254740991],
  ["2^53 + 1 is not", "9007199254740993", 9007199254740993n],
  ["the largest of 64 bits without a sign", "18446744073709551615", 18446744073709551615n],
  ["the smallest of 64 bits", "-9223372036854775808", -9223372036854775808n],
  ["one more is a float in Go, too", "18446744073709551616", 18446744073709552000],
  ["one less", "-9223372036854775809", -9223372036854776000],
  ["a fraction is a float", "9007199254740993.0", 9007199254740992],
  ["an exponent, too", "9007199254740993e0", 9007199254740992],
  ["digits in a text", '"12345678901234567890"', "12345678901234567890"],
  ["in a list and a map", '{"a":[12345678901234567890,1]}', { a: [12345678901234567890n, 1] }],
] as const) {
  test(`integers of JSON: ${what}`, () => assert.deepEqual(parseJson(text), value));
}

test("integers of 64 bits are written as they were read", () => {
  const text = '{"a":[12345678901234567890,-9223372036854775808],"b":{"c":9007199254740993}}';
  assert.equal(JSON.stringify(parseJson(text)), text);
});

for (const text of [
  '{"price":10.00,"many":[1.50,2.0,3]}',
  '{"a":{"b":1E3,"c":-0,"d":1e400},"e":"1.10"}',
  "[0.0000001,123456789012345678901234567890,0.12345678901234567890,-9223372036854775808]",
  '{"toJSON":1,"a":12}',
  '{"__proto__":1.0,"b":2.0}',
]) {
  test(`numbers are written as they were read: ${text}`, () => {
    const value = parseJson(text);
    assert.equal(JSON.stringify({ body: value }), `{"body":${text}}`);
    assert.equal(canonicalJson(JSON.parse(canonicalJson(value))), canonicalJson(withFloats(value)));
  });
}

test("a number that took the place of another is not spelled like it", () => {
  const value = parseJson('{"a":10.00,"b":1.50}') as { a: number; b: number };
  value.a = 7;
  assert.equal(JSON.stringify(value), '{"a":7,"b":1.50}');
});

test("integers that a float holds, but not their neighbours, are exact, too", () => {
  assert.deepEqual(parseJson("[100000000000000000]"), [100_000_000_000_000_000n]);
});

test("a spelling is seen by JSON.stringify alone, and floats have none", () => {
  const value = parseJson('{"a":10.00,"b":[1.0]}') as JsonObject;
  assert.deepEqual([value, Object.keys(value), { ...value }.a], [{ a: 10, b: [1] }, ["a", "b"], 10]);
  assert.equal(JSON.stringify(withFloats(value)), '{"a":10,"b":[1]}');
  assert.equal(JSON.stringify(structuredClone(value)), '{"a":10,"b":[1]}');
  assert.equal(JSON.stringify({ ...value, a: 11 }), '{"a":11,"b":[1.0]}');
  assert.equal(canonicalJson(parseJson('{"b":1.0,"a":9007199254740993}')), '{"a":9007199254740993,"b":1.0}');
});

test("what is no JSON, or nested without end, is a SyntaxError", () => {
  const deep = `${"[".repeat(200_000)}1234567890123456${"]".repeat(200_000)}`;
  for (const text of ["{", "[1234567890123456789", deep]) assert.throws(() => parseJson(text), SyntaxError);
});

test("what others send is refused where it is nested deeper than a stack is safe for", () => {
  const nested = (depth: number): string => `${"[".repeat(depth)}{"a":1}${"]".repeat(depth)}`;
  const wide = JSON.stringify(Array.from({ length: 2_000 }, () => [[]]));
  for (const text of [nested(maxJsonDepth - 1), wide]) assert.equal(JSON.stringify(parseSentJson(text)), text);
  for (const depth of [maxJsonDepth, 100_000]) {
    assert.throws(() => parseSentJson(nested(depth)), { name: "SyntaxError", message: "JSON is nested too deeply" });
  }
});

test("as floats, integers of 64 bits lose digits, and the rest is the same", () => {
  const plain = parseJson('{"a":[1,{"b":null}]}');
  assert.equal(withFloats(plain), plain);
  const value: JsonValue = { a: [9007199254740993n, "x"], b: { c: -9223372036854775808n }, d: 1n };
  assert.deepEqual(withFloats(value), { a: [2 ** 53, "x"], b: { c: -(2 ** 63) }, d: 1 });
});

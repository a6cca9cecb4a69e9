import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TerminalError } from "../../src/base/errors.ts";
import { compileGjson } from "../../src/base/gjson/gjson.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { setJson } from "../../src/base/sjson.ts";

for (const [name, document, path, result] of [
  ["makes missing objects", {}, "a.b.c", { a: { b: { c: "V" } } }],
  ["makes an array for a number, padded with nulls", {}, "a.b.2.c", { a: { b: [null, null, { c: "V" }] } }],
  ["makes an array for -1", {}, "a.-1.c", { a: [{ c: "V" }] }],
  ["replaces an element", { a: [1, 2, 3] }, "a.1", { a: [1, "V", 3] }],
  ["appends with -1", { a: [1] }, "a.-1", { a: [1, "V"] }],
  ["pads an array that is too short", { a: [1] }, "a.3", { a: [1, null, null, "V"] }],
  ["keeps a number as key of an object", { a: { x: 1 } }, "a.1", { a: { x: 1, 1: "V" } }],
  ["makes an object for :1", {}, "a.:1", { a: { 1: "V" } }],
  ["takes an escaped dot as part of the key", {}, "a\\.b.c", { "a.b": { c: "V" } }],
  ["replaces a scalar on the way", { a: 5 }, "a.b", { a: { b: "V" } }],
  ["replaces null on the way by an array", { a: null }, "a.0", { a: ["V"] }],
  ["starts from nothing", undefined, "a", { a: "V" }],
  ["starts an array from nothing", undefined, "1", [null, "V"]],
  ["changes the first key that matches *", { ab: 1, ac: 2 }, "a*", { ab: "V", ac: 2 }],
  ["changes nothing when * matches nothing", { b: 1 }, "a*", { b: 1 }],
  [
    "changes every element that has the field for #",
    { a: [{ v: 1 }, { w: 1 }] },
    "a.#.v",
    { a: [{ v: "V" }, { w: 1 }] },
  ],
  ["changes nothing for a length", { a: [1] }, "a.#", { a: [1] }],
  ["sets own keys only", {}, "__proto__.x", JSON.parse('{"__proto__":{"x":"V"}}')],
] as const) {
  test(`SJSON ${name}`, () => {
    const before = JSON.stringify(document);
    assert.deepEqual(setJson(document as JsonValue | undefined, path, "V"), result);
    assert.equal(JSON.stringify(document), before, "the document itself is not changed");
  });
}

for (const [name, path, message] of [
  ["an empty path", "", /empty/],
  ["a name as index", "a.x", /"x" is not an index/],
  ["an index far behind the end", "a.999999", /too far/],
] as const) {
  test(`SJSON refuses ${name}`, () => {
    assert.throws(
      () => setJson({ a: [1] }, path, "V"),
      (error) => error instanceof TerminalError && error.code === "PARAMETER_ERROR" && message.test(error.message),
    );
  });
}

test("what SJSON sets, GJSON gets at the same path", () => {
  const part = fc.oneof(fc.constantFrom("a", "b", "c", "0", "1", "2"), fc.stringMatching(/^[a-z_$ é-]{1,5}[a-z]$/));
  const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("."));
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("a", "b"), fc.jsonValue()),
      path,
      fc.jsonValue(),
      (document, at, value) => {
        let result: JsonValue;
        try {
          result = setJson(document as JsonValue, at, value as JsonValue);
        } catch (error) {
          assert.match(String(error), /not an index/);
          return;
        }
        assert.deepEqual(compileGjson(at).read(result), value);
      },
    ),
  );
});

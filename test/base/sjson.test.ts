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
  ["changes nothing in a document without the field for #", { a: [{ w: 1 }] }, "a.#.v", { a: [{ w: 1 }] }],
  [
    "changes the first element that a query takes",
    { a: [{ k: 1 }, { k: 3, v: 1 }, { k: 3 }] },
    "a.#(k==3).v",
    { a: [{ k: 1 }, { k: 3, v: "V" }, { k: 3 }] },
  ],
  [
    "changes all elements that a query with # takes",
    {
      a: [
        { k: 3, v: 1 },
        { k: 1, v: 1 },
        { k: 3, v: 1 },
      ],
    },
    "a.#(k==3)#.v",
    {
      a: [
        { k: 3, v: "V" },
        { k: 1, v: 1 },
        { k: 3, v: "V" },
      ],
    },
  ],
  ["replaces an element that a query takes", { a: [1, 2, 3] }, "a.#(>1)", { a: [1, "V", 3] }],
  ["changes nothing when a query takes nothing", { a: [{ k: 1 }] }, "a.#(k==3).v", { a: [{ k: 1 }] }],
  ["adds nothing to what a query takes", { a: [{ k: 3 }] }, "a.#(k==3).new", { a: [{ k: 3 }] }],
  [
    "changes lists in lists",
    { a: [{ b: [{ c: 1 }] }, { b: [{ c: 2 }, 3] }] },
    "a.#.b.#.c",
    {
      a: [{ b: [{ c: "V" }] }, { b: [{ c: "V" }, 3] }],
    },
  ],
  ["changes nothing behind a pipe", { a: { b: 1 } }, "a|b", { a: { b: 1 } }],
  ["changes nothing that a modifier makes", { a: [1] }, "a.@reverse", { a: [1] }],
  ["reads @ in a key as GJSON, so that it is not added", {}, "me@home", {}],
  ["changes a key with @ that is there", { "me@home": 1 }, "me@home", { "me@home": "V" }],
  ["adds a key with an escaped @", {}, "me\\@home", { "me@home": "V" }],
  ["goes on to the next key that matches *", { a1: 1, a2: { b: 2 } }, "a*.b", { a1: 1, a2: { b: "V" } }],
  ["appends for an empty part of a list", { a: [1, 2] }, "a.", { a: [1, 2, "V"] }],
  ["appends for an escaped number of a list", { a: [1, 2] }, "a.\\0", { a: [1, 2, "V"] }],
  ["replaces an element by :0", { a: [1, 2] }, "a.:0", { a: ["V", 2] }],
  ["finds -1 of an object as a key", { a: { "-1": 1 } }, "a.-1", { a: { "-1": "V" } }],
  ["makes an object of a scalar for -1", { a: 5 }, "a.-1", { a: { "-1": "V" } }],
  ["drops a backslash at the end", {}, "a\\", { a: "V" }],
  ["makes nothing of nothing by a path that only changes", undefined, "a.#.b", undefined],
  ["sets own keys only", {}, "__proto__.x", JSON.parse('{"__proto__":{"x":"V"}}')],
] as const) {
  test(`SJSON ${name}`, () => {
    const before = JSON.stringify(document);
    const found: JsonValue | undefined = setJson(document as JsonValue | undefined, path, "V");
    assert.deepEqual(found, result);
    assert.equal(JSON.stringify(document), before, "the document itself is not changed");
  });
}

for (const [name, path, message] of [
  ["an empty path", "", /empty/],
  ["a name as index", "a.x", /"x" is not an index/],
  ["a forced key of an array", "a.:1", /"1" is not an index/],
  ["more parts than JSON may nest", "b.".repeat(2_000), /more than 1000 parts/],
  ["brackets too deep in each other", `#(${"[".repeat(200)}`, /more than 100 brackets/],
  ["a path that takes too much work", `a.#(${Array(200).fill("[@this,@this]").join("|")})`, /more than 5000000 steps/],
  ["an index far behind the end", "a.999999", /too far/],
] as const) {
  test(`SJSON refuses ${name}`, () => {
    assert.throws(
      () => setJson({ a: [[1]] }, path, "V"),
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

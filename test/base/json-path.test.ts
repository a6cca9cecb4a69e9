import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TerminalError } from "../../src/base/errors.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { isJsonPath } from "../../src/base/json-path-syntax.ts";
import { compileReadPath } from "../../src/base/read-path.ts";

const document: JsonValue = {
  a: { b: [1, 2, { c: 3 }], "x.y": 5, n: null, big: 9007199254740993n, "*": "star", $: "root", "..": "deep" },
  items: [
    { name: "x", c: 4 },
    { name: "y", c: 5 },
  ],
  empty: {},
};

for (const [path, value] of [
  ["$", document],
  ["$.a.b[0]", 1],
  ["$['a'][\"b\"][2].c", 3],
  ["$.a.b[-1].c", 3],
  ["$.a.b[-2]", 2],
  ["$.a['x.y']", 5],
  ["$.a.n", null],
  ["$.a.big", 9007199254740993n],
  ["$.a['*']", "star"],
  ["$.a.$", "root"],
  ["$.a['..']", "deep"],
  ["$.missing", undefined],
  ["$.a.b[9]", undefined],
  ["$.constructor", undefined],
  ["$.__proto__", undefined],
  // more than one: always a list, nothing where nothing is found
  ["$.items[*].name", ["x", "y"]],
  ["$.items.*.name", ["x", "y"]],
  ["$.items[*].gone", undefined],
  ["$.empty.*", undefined],
  ["$.a.b[0:2]", [1, 2]],
  ["$.a.b[-1:]", [{ c: 3 }]],
  ["$.a.b[0,1]", [1, 2]],
  ["$.a['n', \"big\"]", [null, 9007199254740993n]],
  ["$..c", [3, 4, 5]],
  ["$.items..name", ["x", "y"]],
  ["$..[0]", [1, { name: "x", c: 4 }]],
] as const) {
  test(`JSONPath ${path}`, () => assert.deepEqual(compileReadPath(path).read(document), value));
}

for (const [path, message] of [
  ["$.items[?(@.name=='x')].c", /filters and scripts are refused; GJSON has them: `items\.#\(name=="x"\)\.value`/],
  ["$.items[?@.c>1]", /filters and scripts are refused/],
  ["$.items[(@.length-1)]", /filters and scripts are refused/],
  ["$.", /"\." is not understood; known are \.name/],
  ["$.a[", /"\[" is not understood/],
  ["$.a^", /"\^" is not understood/],
  ["$.a~", /is not understood/],
  ["$.a.@string()", /is not understood/],
  ["$...a", /is not understood/],
  ["$..a..b", /"\.\." once only/],
  [`$${"[0,1]".repeat(20)}`, /more than 100 places/],
  [`$.${"a".repeat(2_000)}`, /longer than 1000/],
] as const) {
  test(`JSONPath ${path.slice(0, 40)} is refused`, () => {
    assert.throws(
      () => compileReadPath(path),
      (error) => error instanceof TerminalError && error.code === "MANIFEST_INVALID" && message.test(error.message),
    );
  });
}

test("JSONPath finds the value only at the root of a plain one", () => {
  assert.equal(compileReadPath("$").read("text"), "text");
  assert.equal(compileReadPath("$.length").read("text"), undefined);
  assert.equal(compileReadPath("$.a").read(null), undefined);
});

test("JSONPath stops at what is too wide and deep", () => {
  let deep: JsonValue = Array.from({ length: 50_000 }, () => 1);
  for (let depth = 0; depth < 500; depth++) deep = { a: deep };
  assert.throws(() => compileReadPath("$..b").read(deep), /more than 5000000 steps/);
});

test("a path is JSONPath where it begins with `$` and what JSONPath has there", () => {
  for (const path of ["$", "$.a", "$[0]", "$..a"]) assert.ok(isJsonPath(path), path);
  for (const path of ["$oid", "a.$", "", "\\$.a"]) assert.ok(!isJsonPath(path), path);
  assert.equal(compileReadPath("$oid").read({ $oid: 1 }), 1);
});

test("JSONPath reads each name as it stands, or refuses it", () => {
  const key = fc.string({ unit: fc.constantFrom(..."ab0._-/:*$+ é^~@?()#;,"), minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue()), key, (object, name) => {
      const value = Object.hasOwn(object, name) ? object[name] : undefined;
      let path: ReturnType<typeof compileReadPath>;
      try {
        path = compileReadPath(`$['${name}']`);
      } catch (error) {
        assert.match(String(error), /names such as .* are not understood/);
        return;
      }
      assert.deepEqual(path.read(object as JsonValue), value);
    }),
    {
      numRuns: 2_000,
      examples: [
        [{ "a:b": 1 }, "a:b"],
        [{ "0:1": 1 }, "0:1"],
        [{ "..": 1 }, ".."],
        [{ "*": 1 }, "*"],
      ],
    },
  );
});

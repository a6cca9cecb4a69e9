import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TerminalError } from "../../../src/base/errors.ts";
import { compileGjson } from "../../../src/base/gjson/gjson.ts";
import type { JsonValue } from "../../../src/base/json.ts";

const document: JsonValue = {
  name: { first: "Tom", last: "Anderson" },
  "fav.movie": "Deer Hunter",
  "a*b": 1,
  "@type": "Person",
  nothing: null,
  "0": "zero",
  "": { "": "empty" },
  children: ["Sara", "Alex", "Jack"],
  friends: [{ first: "Dale", nets: ["ig", "fb"] }, { first: "Roger" }, { last: "Murphy", nets: [] }],
  "#": "hash",
};

for (const [path, value] of [
  ["name.last", "Anderson"],
  ["name.nick", undefined],
  ["nothing", null],
  ["nothing.x", undefined],
  ["fav\\.movie", "Deer Hunter"],
  ["a\\*b", 1],
  ["@type", "Person"],
  ["0", "zero"],
  [".", "empty"],
  ["children.0", "Sara"],
  ["children.01", "Alex"],
  ["children.3", undefined],
  ["children.-1", undefined],
  ["children.x", undefined],
  ["children.#", 3],
  ["children.#.x", []],
  ["name.#", undefined],
  ["#", "hash"],
  ["child*.2", "Jack"],
  ["c?ildren.0", "Sara"],
  ["na*.l??t", "Anderson"],
  ["na*.l?t", undefined],
  ["friends.#.first", ["Dale", "Roger"]],
  ["friends.#.nets.#", [2, 0]],
  ["friends.#.nets.0", ["ig"]],
  ["friends.1.first", "Roger"],
  ["constructor", undefined],
  ["children.length", undefined],
] as const) {
  test(`GJSON path ${path}`, () => assert.deepEqual(compileGjson(path).read(document), value));
}

test("GJSON reads a root that is an array", () => {
  assert.equal(compileGjson("1.a").read([0, { a: 5 }]), 5);
  assert.equal(compileGjson("#").read([0, 0]), 2);
});

for (const path of ["a.#(b==1)", "a.#(b>1)#.c", "a.@reverse", "@this", "a|b", "{a,b}", "a.[b,c]", "..0", '!"x"']) {
  test(`GJSON says that ${path} is not supported yet`, () => {
    assert.throws(
      () => compileGjson(path),
      (error) => error instanceof TerminalError && /not supported yet/.test(error.message),
    );
  });
}

test("GJSON never throws on a value", () => {
  const paths = fc.constantFrom("a", "a.b", "a.0", "*.#.a", "#.a", "?*", "a.#", "\\", "a\\");
  fc.assert(fc.property(paths, fc.jsonValue(), (path, value) => void compileGjson(path).read(value as JsonValue)));
});

test("a wildcard takes time linear in the key", () => {
  const key = "a".repeat(20_000);
  assert.equal(compileGjson("*a*a*a*a*b").read({ [key]: 1 }), undefined);
});

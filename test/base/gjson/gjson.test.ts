import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TerminalError } from "../../../src/base/errors.ts";
import { gjsonFault } from "../../../src/base/gjson/faults.ts";
import { compileGjson } from "../../../src/base/gjson/gjson.ts";
import type { JsonValue } from "../../../src/base/json.ts";
import { brokenPaths } from "./arbitraries.ts";

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

const team: JsonValue = {
  list: [
    { first: "Dale", last: "Murphy", age: 44, nets: ["ig", "fb", "tw"], tags: [{ n: "x", v: 1 }] },
    { first: "Roger", last: "Craig", age: 68, nets: ["fb", "tw"], tags: [{ n: "y", v: 2 }], vip: true },
    { first: "Jane", last: "Murphy", age: 47, nets: ["ig", "tw"], tags: [], vip: "false" },
  ],
  grid: [[1, 2], [3], [], 4],
  texts: ["alpha", "beta", 'a"b', ""],
  numbers: [3, 1.5, 9007199254740993n, -1],
  mixed: [1, "1", true, null, { a: 1 }, [1]],
  json: '{"id":1023,"ok":true}',
  group: { id: [1, 2, 3], name: ["a", "b"], other: 5 },
};

for (const [path, value] of [
  // queries: the first, or all with `#` behind
  ['list.#(last=="Murphy").first', "Dale"],
  ['list.#(last=="Murphy")#.first', ["Dale", "Jane"]],
  ['list.#(last=="nobody").first', undefined],
  ['list.#(last=="nobody")#.first', []],
  ["list.#(age>45)#.age", [68, 47]],
  ["list.#(age>=47)#.age", [68, 47]],
  ["list.#(age<45)#.age", [44]],
  ["list.#(age<=44).first", "Dale"],
  ["list.#(age!=44)#.first", ["Roger", "Jane"]],
  ['list.#( last == "Craig" ).age', 68],
  ["list.#(last=Craig).age", 68],
  ['list.#(first%"D*").last', "Murphy"],
  ['list.#(first!%"D*").last', "Craig"],
  ['list.#[last=="Craig"].age', 68],
  ['list.#(first>"J")#.first', ["Roger", "Jane"]],
  ["list.#(vip)#.first", ["Roger", "Jane"]], // is there
  ["list.#(vip==~true)#.first", ["Roger"]],
  ["list.#(vip==~false)#.first", ["Dale", "Jane"]],
  ["list.#(vip==~null)#.first", ["Dale"]],
  ["list.#(vip==~*)#.first", ["Roger", "Jane"]],
  ["list.#(vip==true)#.first", ["Roger"]],
  ['texts.#(%"*a")#', ["alpha", "beta"]],
  ['texts.#(=="a\\"b")', 'a"b'],
  ["numbers.#(>1)#", [3, 1.5, 9007199254740993n]],
  ["numbers.#(==9007199254740993)", 9007199254740993n], // compared as floats, given with all its digits
  ['mixed.#(=="1")#', [1, "1"]], // without a type of its own the right side has that of the left
  ["mixed.#(a==1)", { a: 1 }],
  // nested
  ['list.#(nets.#(=="fb"))#.first', ["Dale", "Roger"]],
  ['list.#(tags.#(n=="y").v==2).first', "Roger"],
  ["list.#(nets.#==2)#.first", ["Roger", "Jane"]],
  // `.` goes on with each item, `|` with the list
  ["list.#.first|0", "Dale"],
  ["list.#.nets|1.0", "fb"],
  ['list.#(last=="Murphy")#|1.first', "Jane"],
  ['list.#(last=="Murphy")#.nets.0', ["ig", "ig"]],
  ['list.#(last=="Murphy")#|#', 2],
  ["list|0|first", "Dale"],
  ["list|#", 3],
  // modifiers
  ["texts|@reverse", ["", 'a"b', "beta", "alpha"]],
  ["texts.@reverse.1", 'a"b'],
  ["group.@keys", ["id", "name", "other"]],
  ["group.@values.2", 5],
  ["texts.@keys", [null, null, null, null]],
  ["grid.@flatten", [1, 2, 3, 4]],
  ["[grid,grid].@flatten", [[1, 2], [3], [], 4, [1, 2], [3], [], 4]],
  ['[grid,grid].@flatten:{"deep":true}', [1, 2, 3, 4, 1, 2, 3, 4]],
  ["list.#.{first,age}|@join", { first: "Jane", age: 47 }],
  ['list.#.{first,age}|@join:{"preserve":true}', { first: "Dale", age: 44 }],
  ["json.@fromstr.id", 1023],
  ["texts.0.@fromstr", undefined],
  ["group.id.@tostr", "[1,2,3]"],
  ["group.@group", [{ id: 1, name: "a" }, { id: 2, name: "b" }, { id: 3 }]],
  ["@this.json.@valid", '{"id":1023,"ok":true}'],
  ["@dig:n", ["x", "y"]],
  ["list.@dig:tags.0.v", [1, 2]],
  ["missing|@keys", []],
  ["@unknown", undefined],
  // multipaths
  ["{json,list.#}", { json: '{"id":1023,"ok":true}', _: 3 }], // `#` is no name
  ['{"n":list.#,m:grid.0,group.other,missing}', { n: 3, m: [1, 2], other: 5 }],
  ["[list.0.first,missing,grid.1.0]", ["Dale", 3]],
  [
    "list.#.{first,n:nets.0}",
    [
      { first: "Dale", n: "ig" },
      { first: "Roger", n: "fb" },
      { first: "Jane", n: "ig" },
    ],
  ],
  ["list.1.[first,last].0", "Roger"],
  ['{"all":list.#.first|@reverse}.all.0', "Jane"],
  // literals
  ['!"x"', "x"],
  ['{"kind":!"push","n":!1,group.other}', { kind: "push", n: 1, other: 5 }],
  ['!{"a":[1]}.a.0', 1],
  // JSON Lines: one value is one line
  ["..#", 1],
  ["..0.json", '{"id":1023,"ok":true}'],
  ["..#.group.other", [5]],
  // wildcards go on to the next key when there is nothing behind the first
  ["g*.id.0", 1],
  ["*.other", 5],
] as const) {
  test(`GJSON path ${path} over the team`, () => assert.deepEqual(compileGjson(path).read(team), value));
}

for (const [name, value, path, text] of [
  ["a string", { a: "x" }, "a", "x"],
  ["null", { a: null }, "a", ""],
  ["a boolean", { a: false }, "a", "false"],
  ["an integer of 64 bits", { a: 9007199254740993n }, "a", "9007199254740993"],
  ["a large float without an exponent", { a: 1e21 }, "a", "1000000000000000000000"],
  ["a small float without an exponent", { a: 1.5e-7 }, "a", "0.00000015"],
  ["a list", { a: [1, { b: "c" }] }, "a", '[1,{"b":"c"}]'],
  ["what @pretty made", { a: { b: [1, 2], c: {} } }, "a|@pretty", '{\n  "b": [1, 2],\n  "c": {}\n}\n'],
  [
    "what @pretty made, in order",
    { b: 1, a: 2 },
    '@pretty:{"sortKeys":true,"indent":" "}',
    '{\n "a": 2,\n "b": 1\n}\n',
  ],
  ["what @ugly made of it", { a: [1] }, "@pretty|@ugly", '{"a":[1]}'],
  ["what @tostr made of it", { a: 1 }, "@pretty|@tostr", '{\n  "a": 1\n}\n'],
] as const) {
  test(`GJSON text of ${name}`, () => {
    const compiled = compileGjson(path);
    const found = compiled.read(value);
    assert.ok(found !== undefined);
    assert.equal(compiled.text(found, value), text);
  });
}

for (const [name, path] of [
  ["doubles with each step", Array(200).fill("[@this,@this]").join("|")],
  ["doubles backslashes with each step", Array(200).fill("@tostr").join("|")],
  ["digs in what it dug", Array(30).fill("@dig:@this").join("|")],
  ["prints what it doubled", `${Array(18).fill("[@this,@this]").join("|")}|@pretty|@tostr`],
] as const) {
  test(`a path that ${name} is stopped`, () => {
    assert.throws(
      () => compileGjson(path).read({ a: [{ a: [{ a: '"' }] }] }),
      (error) => error instanceof TerminalError && error.code === "PATH_FAILED",
    );
  });
}

for (const [name, path, message] of [
  ["a path that is too long", "a.".repeat(5_000), /longer than 4000/],
  ["brackets too deep in each other", `${"[".repeat(200)}a`, /more than 100 brackets/],
] as const) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => compileGjson(path),
      (error) => error instanceof TerminalError && error.code === "MANIFEST_INVALID" && message.test(error.message),
    );
  });
}

test("GJSON never throws on a value of usual size, whatever the path", () => {
  const paths = fc.oneof(
    fc.constantFrom("a", "a.b", "a.0", "*.#.a", "#.a", "?*", "a.#", "\\", "a\\"),
    fc.string({ unit: fc.constantFrom(...'ab01.#|@*?()[]{}"\\!=<>%~:,'), maxLength: 30 }),
    brokenPaths,
  );
  fc.assert(
    fc.property(paths, fc.jsonValue(), (path, value) => {
      const compiled = compileGjson(path);
      const found = compiled.read(value as JsonValue);
      if (found !== undefined) compiled.text(found, value as JsonValue);
      gjsonFault(path);
    }),
    { numRuns: 2_000 },
  );
});

test("GJSON reads only what an object itself has", () => {
  for (const path of ["__proto__", "constructor.name", "*.constructor", "#(constructor)#", "{toString}.toString.x"]) {
    assert.ok([undefined].includes(compileGjson(path).read({ a: {} }) as undefined), path);
  }
  const own = JSON.parse('{"__proto__":{"x":1}}') as JsonValue;
  assert.equal(compileGjson("__proto__.x").read(own), 1);
  assert.equal(compileGjson("{__proto__}.__proto__.x").read(own), 1);
});

test("a wildcard takes time linear in the key", () => {
  const key = "a".repeat(20_000);
  assert.equal(compileGjson("*a*a*a*a*b").read({ [key]: 1 }), undefined);
});

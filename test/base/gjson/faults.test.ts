import assert from "node:assert/strict";
import { test } from "node:test";
import { gjsonFault } from "../../../src/base/gjson/faults.ts";

for (const [path, message] of [
  ["a.#(b==1", /"#\(b==1" has no end/],
  ['a.#(b=="x)', /has no end/],
  ["a.#(b!1).c", /"#\(b!1\)" has no operator: known are ==/],
  ["a.#(b==~yes)", /"~yes" is not known: there are ~true/],
  ["a.#(b==1)c", /"c" must be "\." or "\|"/],
  ["a.#(b==1)##", /"#" must be "\." or/],
  ["a.#(b.#(c==1).d", /has no end/],
  ["a.#(b.#(c!1)==1)", /has no operator/],
  ["{a,b", /"\{a,b" has no end/],
  ["a.[b,c.#(d]", /"\[b,c.#\(d\]" has no end/],
  ["[a]b", /"b" must be/],
  ["a.{b,c.#(d!1)}", /has no operator/],
  ["a|@revers", /@revers is no modifier, but a key: did you mean @reverse\?/],
  ["a.@flatten:deep", /"deep" must be a JSON object, as @flatten takes it/],
  ["a.@pretty:{indent}", /must be a JSON object/],
  ['a.@pretty:{"width":1}x', /"x" must be/],
  ["@dig:a.#(b", /has no end/],
  ["a.b\\", /backslash at the end/],
] as const) {
  test(`GJSON path ${path} has a fault`, () => assert.match(gjsonFault(path) ?? "", message));
}

for (const path of [
  ...[
    "a",
    "a.b.0",
    "a\\.b",
    "",
    ".",
    "a.",
    "@type",
    "a.@type.b",
    "@",
    "!",
    "#",
    "a.#",
    "a.#.b",
    "a#b",
    "..#",
    "..0.a",
    "..",
  ],
  ...[
    "a.#(b==1)#.c|@reverse|0",
    'a.#(b=="x)").c',
    "a.#(b)",
    "a.#(#(b==1))",
    'a.#[b=="]"]',
    "a.#(=~true)",
    "a.#(b.#(c==1)#)#|#",
  ],
  ...["{a,b.c}", '{"x":a,y:b}|x', "a.[b,#(c)]", '[a,!"x",!1].0', '!{"a":1}', "!true.x", "!x", '@pretty:{"width":1}|a'],
  ...["a.@flatten", "@dig:a.b|0", '"a"', "a b", "*.a?", "@this|@valid"],
]) {
  test(`GJSON path ${path} has no fault`, () => assert.equal(gjsonFault(path), undefined));
}

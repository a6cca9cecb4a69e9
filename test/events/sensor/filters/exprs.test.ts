import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogicalOperator } from "../../../../src/api/resources.ts";
import type { JsonValue } from "../../../../src/base/json.ts";
import { compileExprFilter } from "../../../../src/events/sensor/filters/exprs.ts";
import { cloudEvent } from "../builders.ts";

const data: JsonValue = {
  n: 5,
  s: "dev",
  nil: null,
  list: ["a", "b"],
  obj: { a: 1 },
  id: 9007199254740993n,
  d: "2022-01-01",
};

/** The fields are named like their paths. */
function entry(expr: string, ...paths: readonly string[]) {
  return { expr, fields: paths.map((path) => ({ name: path.replace(".", "_"), path })) };
}

function outcome(entries: Parameters<typeof compileExprFilter>[0], operator: LogicalOperator = "", of = data) {
  return compileExprFilter(entries, operator, "filters.exprs")(cloudEvent({ data: of }));
}

for (const [expr, paths, verdict] of [
  ["n > 4", ["n"], "passed"],
  ["n > 5", ["n"], "rejected"],
  ['s == "dev"', ["s"], "passed"],
  ["s == 5", ["s"], "rejected"], // equality without coercion
  ["s > 5", ["s"], "error"], // mixed types
  ["n + 1", ["n"], "rejected"], // only true is a yes
  ['s =~ "^d"', ["s"], "passed"],
  ["n > 4 && s == 'dev'", ["n", "s"], "passed"],
  ["n && s == 'dev'", ["n", "s"], "error"],
  ["s in ('dev', 'prod')", ["s"], "passed"],
  ["'a' in list", ["list"], "passed"],
  ["obj_a == 1", ["obj.a"], "passed"],
  ["nil == 5", ["nil"], "rejected"],
  ["id > 9007199254740990", ["id"], "passed"],
  ['d == "2022-01-01"', ["d"], "rejected"], // the literal is read as a time
  ["other == 1", ["n"], "error"],
  ["false && other == 1", ["n"], "rejected"], // not evaluated
  ["n == 5", ["gone"], "error"],
  ["n ==", ["n"], "error"], // does not parse
] as const) {
  test(`expr filter: ${expr} is ${verdict}`, () => {
    assert.equal(outcome([entry(expr, ...paths)]).verdict, verdict);
  });
}

const yes = entry("n == 5", "n");
const no = entry("n == 6", "n");
const wrong = entry("gone", "gone");
const skipped = { expr: "false" };

for (const [name, operator, entries, verdict] of [
  ["and: all must pass", "and", [yes, yes], "passed"],
  ["and: the first no ends it, before an error", "and", [no, wrong], "rejected"],
  ["and: an error ends it", "and", [wrong, no], "error"],
  ["and is the default", "", [yes, no], "rejected"],
  ["or: one is enough", "or", [wrong, no, yes], "passed"],
  ["or: an error counts when none passes", "or", [no, wrong], "error"],
  ["or: none passes", "or", [no, no], "rejected"],
  ["an entry without fields does not count", "and", [skipped, yes], "passed"],
  ["an entry without fields is no pass", "or", [skipped], "rejected"],
] as const) {
  test(`expr filter: ${name}`, () => assert.equal(outcome(entries, operator).verdict, verdict));
}

test("expr filter: an event without data passes", () => {
  assert.equal(outcome([no], "", null).verdict, "passed");
});

test("expr filter: a no tells the values", () => {
  assert.equal(outcome([no]).reason, 'filters.exprs[0]: n == 6 is false with {"n":5}');
});

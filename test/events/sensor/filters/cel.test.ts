import assert from "node:assert/strict";
import { test } from "node:test";
import type { Filters, LogicalOperator } from "../../../../src/api/resources.ts";
import { compileFilters } from "../../../../src/events/sensor/filters/filters.ts";
import { cloudEvent, dependency } from "../builders.ts";

const event = cloudEvent({ data: { n: 5, list: ["a", "b"] }, extensions: { hop: 2 } });

function outcome(filters: Filters, filtersLogicalOperator: LogicalOperator = "") {
  return compileFilters(dependency("push", filters, { filtersLogicalOperator }), "spec", [])(event);
}

for (const [cel, verdict] of [
  ["event.data.n == 5", "passed"],
  ["event.data.n > 9", "rejected"],
  ["event.specversion == '1.0' && event.id == 'e1' && event.source == 'source'", "passed"],
  ["event.type == 'webhook' && event.subject == 'push'", "passed"],
  ["event.datacontenttype == 'application/json' && event.hop == 2", "passed"],
  ["timestamp(event.time).getFullYear() == 2026", "passed"],
  ["event.data.missing", "error"],
  ["event.data.n", "error"],
  ["event.data.list.all(a, event.data.list.exists(b, a == b))", "passed"],
] as const) {
  test(`cel ${cel} is ${verdict}`, () => assert.equal(outcome({ cel }).verdict, verdict));
}

test("cel says why", () => {
  assert.equal(outcome({ cel: "event.data.x == 1" }).reason, "cel filter error (filters.cel: No such key: x)");
  assert.match(outcome({ cel: "event.data.n > 9" }).reason, /^filters.cel: event.data.n > 9 is false with data \{/);
});

const yes = "return true";
const no = "return false";
const broken = "error('x', 0)";

for (const [filters, operator, verdict] of [
  [{ script: yes, cel: "true" }, "", "passed"],
  [{ script: no, cel: "true" }, "", "rejected"],
  [{ script: yes, cel: "false" }, "and", "rejected"],
  [{ script: no, cel: "event.data.x == 1" }, "and", "error"], // later kinds still run
  [{ script: broken, cel: "true" }, "and", "error"],
  [{ script: yes, cel: "false" }, "or", "passed"],
  [{ script: no, cel: "true" }, "or", "passed"],
  [{ script: no, cel: "false" }, "or", "rejected"],
  [{ script: broken, cel: "true" }, "or", "error"],
  [{ script: "", cel: "" }, "", "passed"],
  [{ context: { type: "calendar" }, script: yes }, "or", "passed"],
] as const) {
  test(`${JSON.stringify(filters)} joined by "${operator}" are ${verdict}`, () => {
    assert.equal(outcome(filters, operator).verdict, verdict);
  });
}

test("errors of scripts stand alone, before those of cel", () => {
  const filters = { script: broken, cel: "event.data.x == 1" };
  assert.equal(outcome(filters).reason, "filters.script: x");
  assert.equal(outcome(filters, "or").reason, "filters.script: x / cel filter errors [filters.cel: No such key: x]");
});

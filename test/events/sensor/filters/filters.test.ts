import assert from "node:assert/strict";
import { test } from "node:test";
import type { Filters, LogicalOperator } from "../../../../src/api/resources.ts";
import type { Problem } from "../../../../src/base/schema.ts";
import { compileFilters } from "../../../../src/events/sensor/filters/filters.ts";
import { cloudEvent, dependency } from "../builders.ts";

const event = cloudEvent({ type: "webhook", subject: "push", data: { a: 1 } });

function outcome(filters: Filters | undefined, operator: LogicalOperator = "") {
  const problems: Problem[] = [];
  const filter = compileFilters(dependency("d", filters, { filtersLogicalOperator: operator }), "spec", problems);
  assert.deepEqual(problems, []);
  return filter(event);
}

const dataYes: Filters = { data: [{ path: "a", type: "number", value: ["1"] }] };
const dataNo: Filters = { data: [{ path: "a", type: "number", value: ["2"] }] };
const dataError: Filters = { data: [{ path: "b", type: "number", value: ["2"] }] };
const contextYes: Filters = { context: { type: "webhook" } };
const contextNo: Filters = { context: { type: "calendar" } };

for (const [name, filters, operator, verdict] of [
  ["no filters pass", undefined, "", "passed"],
  ["empty filters pass with and", {}, "and", "passed"],
  ["empty filters never pass with or", {}, "or", "rejected"],
  ["empty lists pass with and", { data: [], exprs: [] }, "", "passed"],
  ["empty lists are not given, for or", { data: [], exprs: [] }, "or", "rejected"],
  ["and: both kinds must pass", { ...dataYes, ...contextYes }, "and", "passed"],
  ["and: data says no", { ...dataNo, ...contextYes }, "and", "rejected"],
  ["and: context says no", { ...dataYes, ...contextNo }, "and", "rejected"],
  ["and: an error is neither yes nor no", { ...dataError, ...contextNo }, "and", "error"],
  ["or: one kind is enough", { ...dataNo, ...contextYes }, "or", "passed"],
  ["or: none passes", { ...dataNo, ...contextNo }, "or", "rejected"],
  ["or: an error discards the event although another kind passes", { ...dataError, ...contextYes }, "or", "error"],
] as const) {
  test(`filters: ${name}`, () => assert.equal(outcome(filters, operator).verdict, verdict));
}

const exprNo: Filters = { exprs: [{ expr: "a == 2", fields: [{ name: "a", path: "a" }] }] };
const exprError: Filters = { exprs: [{ expr: "c == 2", fields: [{ name: "c", path: "c" }] }] };
const scriptError: Filters = { script: "error('no', 0)" };
const timeError: Filters = { time: { start: "09:00:00", stop: "10:00:00" } };
const dataReason = "filters.data[0]: path 'b' does not exist: the data has a";
const exprReason = "filters.exprs[0]: path 'c' does not exist: the data has a";

for (const [name, filters, operator, reason] of [
  [
    "and: a no does not end it, a later kind may be an error",
    { ...exprNo, ...dataError },
    "",
    `data filter error (${dataReason})`,
  ],
  [
    "and: the first error ends it, in the order of the kinds",
    { ...dataError, ...exprError },
    "and",
    `expr filter error (${exprReason})`,
  ],
  ["and: errors of scripts stand alone, behind a no", { ...dataNo, ...scriptError }, "and", "filters.script: no"],
  [
    "or: errors of several kinds are joined",
    { ...contextYes, ...dataError, ...exprError },
    "or",
    `expr filter errors [${exprReason}] / data filter errors [${dataReason}]`,
  ],
  ["or: errors of scripts stand alone", { ...contextYes, ...scriptError }, "or", "filters.script: no"],
] as const) {
  test(`filters: ${name}`, () => {
    const { verdict, reason: said } = outcome(filters, operator);
    assert.deepEqual([verdict, said], ["error", reason]);
  });
}

test("filters: an error of the time has its kind's name", () => {
  const filter = compileFilters(dependency("d", timeError), "spec", []);
  assert.match(filter(cloudEvent({ time: "never" })).reason, /^time filter error \(filters\.time: /);
});

for (const [name, context, verdict] of [
  ["all that are given must be equal", { type: "webhook", subject: "push", source: "source" }, "passed"],
  ["equality is exact", { subject: "pus" }, "rejected"],
  ["case counts", { type: "Webhook" }, "rejected"],
  ["datacontenttype is compared", { datacontenttype: "text/plain" }, "rejected"],
  ["empty fields are ignored", { type: "", subject: "push" }, "passed"],
  ["id, specversion and time are ignored", { id: "other", specversion: "9", time: "never" }, "passed"],
] as const) {
  test(`context filter: ${name}`, () => assert.equal(outcome({ context }).verdict, verdict));
}

test("messages have the original's shape", () => {
  assert.equal(
    outcome(dataError).reason,
    "data filter error (filters.data[0]: path 'b' does not exist: the data has a)",
  );
  assert.equal(
    outcome(dataError, "or").reason,
    "data filter errors [filters.data[0]: path 'b' does not exist: the data has a]",
  );
  assert.equal(outcome(contextNo).reason, 'filters.context.type: is "webhook", wanted "calendar"');
  assert.equal(outcome(contextNo).filter, "filters.context.type");
});

for (const [name, filters, path, message] of [
  [
    "JSONPath with a filter",
    { data: [{ path: "$.a[?(@.b==1)]", type: "string", value: ["x"] }] },
    "spec.filters.data[0].path",
    /filters and scripts are refused; GJSON has them: `items.#/,
  ],
  [
    "JSONPath that does not parse",
    { exprs: [{ expr: "a == 1", fields: [{ name: "a", path: "$.a[" }] }] },
    "spec.filters.exprs",
    /"\[" is not understood/,
  ],
  [
    "a path that is too long",
    { data: [{ path: "a.".repeat(5_000), type: "string", value: ["x"] }] },
    "spec.filters.data[0].path",
    /longer than 4000 characters/,
  ],
] as const) {
  test(`${name} is a problem of the Sensor, with its place`, () => {
    const problems: Problem[] = [];
    compileFilters(dependency("d", filters), "spec", problems);
    assert.deepEqual(
      problems.map((problem) => problem.path),
      [path],
    );
    assert.match(problems[0]?.message ?? "", message);
  });
}

for (const [name, time, message] of [
  ["a time that is none", { start: "01:00", stop: "02:00:00" }, /time.start: "01:00" must be HH:MM:SS/],
  ["a zone that is none", { start: "01:00:00", stop: "02:00:00", timezone: "Mars" }, /"Mars" is not a time zone/],
] as const) {
  test(`${name} is a problem of the Sensor`, () => {
    const problems: Problem[] = [];
    compileFilters(dependency("d", { time }), "spec", problems);
    assert.equal(problems[0]?.path, "spec.filters.time");
    assert.match(problems[0]?.message ?? "", message);
  });
}

test("a time filter is one of the kinds", () => {
  const problems: Problem[] = [];
  const filters = { context: { type: "webhook" }, time: { start: "09:00:00", stop: "10:00:00" } };
  const filter = compileFilters({ ...dependency("d", filters), filtersLogicalOperator: "or" }, "spec", problems);
  assert.deepEqual(problems, []);
  const verdict = (type: string, time: string) => filter(cloudEvent({ type, time })).verdict;
  assert.equal(verdict("webhook", "2026-01-05T12:00:00Z"), "passed");
  assert.equal(verdict("calendar", "2026-01-05T09:30:00Z"), "passed");
  assert.equal(verdict("calendar", "2026-01-05T12:00:00Z"), "rejected");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonValue } from "../../../../src/base/json.ts";
import { compileScriptFilter } from "../../../../src/events/sensor/filters/script.ts";
import { cloudEvent } from "../builders.ts";

const data: JsonValue = {
  body: { ref: "refs/heads/main", n: 5, z: null },
  mixed: [1, null, [2, 3], "x", { inner: [[4], 5] }],
};

function outcome(script: string, of: JsonValue = data) {
  return compileScriptFilter(script, "filters.script")(cloudEvent({ data: of }));
}

/** Of spec argo-events 5.6, the oddities included. */
const verdicts: readonly (readonly [script: string, verdict: "passed" | "rejected" | "error"])[] = [
  ["return true", "passed"],
  ["return event.body.ref == 'refs/heads/main'", "passed"],
  ["if event.body.n > 3 then return true end return false", "passed"],
  ["return false", "rejected"],
  ["return false, true", "passed"], // the last value counts
  ["return true, false", "rejected"],
  ["return 'true'", "rejected"], // exactly true
  ["return 1", "rejected"],
  ["return {}", "rejected"],
  ["return print", "rejected"],
  ["local x = 1", "rejected"],
  ["return event.body.z == nil", "passed"], // nulls vanish
  ["return #event.mixed == 3", "passed"], // and so do lists in lists
  ["return event.mixed[2] == 'x'", "passed"],
  ["return #event.mixed[3].inner == 1 and event.mixed[3].inner[1] == 5", "passed"],
  ["return event.type == nil", "passed"], // the data, not the context
  ["return os.date('!%Y') == '2026'", "passed"], // the event's time
  ["return event.missing.x", "error"],
  ["error('no')", "error"],
  ["return (", "error"],
  ["while true do end", "error"],
  ["return os.execute('true') == 0", "error"],
];

for (const [script, verdict] of verdicts) {
  test(`script ${script} is ${verdict}`, () => assert.equal(outcome(script).verdict, verdict));
}

test("no data passes, data that is no object is an error", () => {
  assert.equal(outcome("return false", null).verdict, "passed");
  for (const other of [[1], "text", 1, true]) {
    assert.equal(outcome("return true", other).reason, "filters.script: the event's data is no object");
  }
});

const reasons: readonly (readonly [script: string, reason: string])[] = [
  ["return false", "filters.script: the script returns false, wanted true"],
  ["return 'yes'", 'filters.script: the script returns "yes", wanted true'],
  ["return {}", "filters.script: the script returns a table, wanted true"],
  ["", "filters.script: the script returns nothing, wanted true"],
  ["return print", "filters.script: the script returns a function, wanted true"],
  ["local x\nerror('boom')", "filters.script: <string>:2: boom"],
  ["return (", "filters.script: <string>:1: unexpected symbol near '<eof>'"],
  ["while true do end", "filters.script: it takes more than 20000000 steps"],
];

for (const [script, reason] of reasons) {
  test(`script ${script} says why`, () => {
    assert.equal(outcome(script).reason, reason);
    assert.equal(outcome(script).filter, "filters.script");
  });
}

test("the same event gives the same, another id other chance", () => {
  const filter = compileScriptFilter("return math.random()", "f");
  const reasonOf = (id: string): string => filter(cloudEvent({ id, data: {} })).reason;
  assert.equal(reasonOf("a"), reasonOf("a"));
  assert.notEqual(reasonOf("a"), reasonOf("b"));
});

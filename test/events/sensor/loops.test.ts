import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSensor } from "../../../src/api/sensor.ts";
import { compileProblems } from "../../../src/events/sensor/compile.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";

const log = (name: string, conditions: string) => ({ template: { name, conditions, log: {} } });
const emit = (name: string, conditions: string, eventName: string) => ({
  template: { name, conditions, emit: { eventSourceName: "own", eventName } },
});
const on = (name: string, eventSourceName: string, eventName: string, filters?: object) => ({
  name,
  eventSourceName,
  eventName,
  ...(filters && { filters }),
});

function problemsOf(dependencies: readonly object[], triggers: readonly object[]): readonly string[] {
  const metadata = { namespace: "team", name: "s", uid: "1" };
  const manifest = { apiVersion: "argoproj.io/v1alpha1", kind: "Sensor", metadata, spec: { dependencies, triggers } };
  return compileProblems(parseSensor(manifest, triggerSchemas()).resource).map(
    ({ path, message }) => `${path}: ${message}`,
  );
}

const hook = on("hook", "webhook", "push");
const succeeded = on("done", "tiphys", "trigger-succeeded");

for (const [what, dependencies, triggers, expected] of [
  ["its own success", [succeeded], [log("tell", "done")], ['"tell" fires itself without end: tell → tell']],
  ["its own event", [hook, on("a", "own", "a")], [emit("loop", "a || hook", "a")], ["loop → loop"]],
  [
    "a circle of two",
    [on("a", "own", "a"), on("b", "own", "b")],
    [emit("one", "a", "b"), emit("two", "b", "a")],
    ["one → two → one", "two → one → two"],
  ],
] as const) {
  test(`refuses a trigger that ${what} fires`, () => {
    const problems = problemsOf(dependencies, triggers);
    assert.equal(problems.length, expected.length);
    for (const [index, text] of expected.entries()) assert.ok(problems[index]?.includes(text), problems[index]);
  });
}

const data = { data: [{ path: "sensor.name", type: "string", value: ["^other$"] }] };

for (const [what, dependencies, triggers] of [
  ["a filter that may tell them apart", [on("done", "tiphys", "trigger-succeeded", data)], [log("tell", "done")]],
  ["a join with an event from outside", [hook, succeeded], [log("tell", "hook && done")]],
  ["failures, which end when it succeeds", [on("failed", "tiphys", "trigger-failed")], [log("tell", "failed")]],
  ["a chain that ends", [hook, on("a", "own", "a")], [emit("one", "hook", "a"), log("two", "a")]],
] as const) {
  test(`takes ${what}`, () => {
    assert.deepEqual(problemsOf(dependencies, triggers), []);
  });
}

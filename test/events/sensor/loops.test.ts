import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSensor } from "../../../src/api/sensor.ts";
import { compileProblems, compileSensor } from "../../../src/events/sensor/compile.ts";
import { loopsAcross } from "../../../src/events/sensor/loops.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";

const log = (name: string, conditions: string) => ({ template: { name, conditions, log: {} } });
const emit = (name: string, conditions: string, eventName: string, parameters: readonly object[] = []) => ({
  template: { name, conditions, emit: { eventSourceName: "own", eventName, parameters } },
});
const sync = (name: string, more: object = {}) => ({ template: { name, gitOps: { application: "a", ...more } } });
const on = (name: string, eventSourceName: string, eventName: string, filters?: object) => ({
  name,
  eventSourceName,
  eventName,
  ...(filters && { filters }),
});

function problemsOf(dependencies: readonly object[], triggers: readonly object[]): readonly string[] {
  const metadata = { namespace: "team", name: "s", uid: "1" };
  const manifest = { apiVersion: "argoproj.io/v1alpha1", kind: "Sensor", metadata, spec: { dependencies, triggers } };
  const { problems, loops } = compileProblems(parseSensor(manifest, triggerSchemas()).resource);
  assert.deepEqual(problems, []);
  return loops.map(({ path, message }) => `${path}: ${message}`);
}

function sensorOf(name: string, dependencies: readonly object[], triggers: readonly object[], more: object = {}) {
  const metadata = { namespace: "team", name, uid: "1", ...more };
  const manifest = { apiVersion: "argoproj.io/v1alpha1", kind: "Sensor", metadata, spec: { dependencies, triggers } };
  return compileSensor(parseSensor(manifest, triggerSchemas()).resource);
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
  [
    "the Application of its namespace",
    [on("synced", "tiphys", "application-synced")],
    [sync("again", { namespace: "team" })],
    ["tiphys/application-synced"],
  ],
  [
    "a rollback of it",
    [on("synced", "tiphys", "application-synced")],
    [sync("back", { namespace: "team", operation: "rollback" })],
    ["back → back"],
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
  ["an Application elsewhere, of which it hears nothing", [on("synced", "tiphys", "application-synced")], [sync("s")]],
  [
    "a sync that changes nothing",
    [on("synced", "tiphys", "application-synced")],
    [sync("s", { namespace: "team", dryRun: true })],
  ],
  [
    "an event whose name comes from the event",
    [on("a", "own", "a")],
    [emit("one", "a", "a", [{ src: { dependencyName: "a", dataKey: "next" }, dest: "eventName" }])],
  ],
  ["a chain that ends", [hook, on("a", "own", "a")], [emit("one", "hook", "a"), log("two", "a")]],
] as const) {
  test(`takes ${what}`, () => {
    assert.deepEqual(problemsOf(dependencies, triggers), []);
  });
}

const toB = sensorOf("one", [on("a", "own", "a"), hook], [emit("x", "a || hook", "b")]);
const toA = sensorOf("two", [on("b", "own", "b")], [emit("y", "b", "a")]);
const tells = sensorOf("three", [on("b", "own", "b")], [log("z", "b")]);

test("a loop over two Sensors is found in both, with its way", () => {
  assert.deepEqual(
    loopsAcross([toB, toA, tells]).map(({ part, problem }) => [part.sensor.metadata.name, problem.message]),
    [
      [
        "one",
        '"x" fires itself without end: one/x → two/y → one/x (its events are tiphys/trigger-succeeded and own/b)',
      ],
      [
        "two",
        '"y" fires itself without end: two/y → one/x → two/y (its events are tiphys/trigger-succeeded and own/a)',
      ],
    ],
  );
});

test("a loop over an Application and two Sensors is found, where the one hears of the other", () => {
  const hearing = { namespace: "argocd" };
  const tell = [emit("tell", "synced", "a")];
  const synced = sensorOf("synced", [on("synced", "tiphys", "application-synced")], tell, hearing);
  const asking = (more: object) => sensorOf("asks", [on("a", "own", "a")], [sync("s")], more);
  const found = loopsAcross([synced, asking(hearing)]).map(({ problem }) => problem.message.replace(/ \(.*/, ""));
  assert.deepEqual(found, [
    '"tell" fires itself without end: synced/tell → asks/s → synced/tell',
    '"s" fires itself without end: asks/s → synced/tell → asks/s',
  ]);
  assert.deepEqual(loopsAcross([synced, asking({ namespace: "team" })]), []);
});

for (const [what, others] of [
  ["one alone", [toB]],
  ["of other namespaces", [toB, sensorOf("two", [on("b", "own", "b")], [emit("y", "b", "a")], { namespace: "x" })]],
  ["that need another event, too", [toB, sensorOf("two", [on("b", "own", "b"), hook], [emit("y", "b && hook", "a")])]],
] as const) {
  test(`Sensors ${what} make no loop`, () => {
    assert.deepEqual(loopsAcross(others), []);
  });
}

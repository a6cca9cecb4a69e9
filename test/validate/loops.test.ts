import assert from "node:assert/strict";
import { test } from "node:test";
import { admit } from "../../src/validate/admission.ts";
import { withLoops } from "../../src/validate/loops.ts";
import { validateText } from "../../src/validate/validate.ts";

const sensor = (name: string, from: string, to: string) => `apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: ${name}, namespace: team}
spec:
  dependencies: [{name: in, eventSourceName: own, eventName: ${from}}]
  triggers:
  - template:
      name: t
      emit: {eventSourceName: own, eventName: ${to}}
`;

const shown = (files: Readonly<Record<string, string>>) =>
  withLoops(Object.entries(files).map(([file, text]) => validateText(text, file))).flatMap(({ problems }) =>
    problems.map(({ file, line, severity, message }) => `${file}:${line} ${severity} ${message.split(" (")[0]}`),
  );

for (const [where, files, expected] of [
  ["two files", { "a.yaml": sensor("one", "a", "b"), "b.yaml": sensor("two", "b", "a") }, ["a.yaml:7", "b.yaml:7"]],
  ["one file", { "a.yaml": `${sensor("one", "a", "b")}---\n${sensor("two", "b", "a")}` }, ["a.yaml:7", "a.yaml:17"]],
] as const) {
  test(`a loop over two Sensors of ${where} is an error at each of them`, () => {
    const [first, second] = expected;
    assert.deepEqual(shown(files), [
      `${first} error "t" fires itself without end: one/t → two/t → one/t`,
      `${second} error "t" fires itself without end: two/t → one/t → two/t`,
    ]);
  });
}

test("a loop of one Sensor is told once, and not admitted", () => {
  const files = { "a.yaml": sensor("one", "a", "a"), "b.yaml": sensor("two", "b", "a") };
  assert.deepEqual(shown(files), ['a.yaml:7 error "t" fires itself without end: t → t']);
  const emit = { eventSourceName: "own", eventName: "a" };
  const { denied } = admit({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Sensor",
    metadata: { name: "one", namespace: "team" },
    spec: { dependencies: [{ name: "in", ...emit }], triggers: [{ template: { name: "t", emit } }] },
  });
  assert.match(denied ?? "", /invalid Sensor: spec.triggers\[0\].template: "t" fires itself without end: t → t/);
});

test("Sensors of other namespaces, and such that do not run, are in no loop", () => {
  const elsewhere = sensor("two", "b", "a").replace("team", "other");
  assert.deepEqual(shown({ "a.yaml": sensor("one", "a", "b"), "b.yaml": elsewhere }), []);
  const broken = sensor("two", "b", "a").replace("name: t", "name: t\n      conditions: in &&");
  const problems = shown({ "a.yaml": sensor("one", "a", "b"), "b.yaml": broken });
  assert.ok(problems.length > 0 && !problems.join().includes("without end"), problems.join());
});

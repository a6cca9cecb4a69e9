import assert from "node:assert/strict";
import { test } from "node:test";
import { compileJsonPath } from "../../src/objects/json-path.ts";
import { durationText, tableFormat } from "../../src/objects/table.ts";

const durations: readonly [number, string][] = [
  [0, "0s"],
  [119, "119s"],
  [125, "2m5s"],
  [660, "11m"],
  [3 * 3600 + 60, "3h1m"],
  [9 * 3600 + 60, "9h"],
  [50 * 3600, "2d2h"],
  [9 * 86400, "9d"],
  [800 * 86400, "2y70d"],
];
for (const [seconds, expected] of durations) {
  test(`${seconds} seconds show as ${expected}`, () => assert.equal(durationText(seconds * 1000), expected));
}

const object = {
  spec: { size: 3, "a.b": 1, list: [{ n: "x" }, { n: "y" }] },
  status: {
    conditions: [
      { type: "Other", status: "False" },
      { type: "Ready", status: "True" },
    ],
  },
};
const paths: readonly [string, unknown[]][] = [
  [".spec.size", [3]],
  ["{.spec.size}", [3]],
  ["$.spec['a.b']", [1]],
  [".spec.a\\.b", [1]],
  [".spec.list[1].n", ["y"]],
  [".spec.list[-1].n", ["y"]],
  [".spec.list[*].n", ["x", "y"]],
  ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
  [".spec.missing.deep", []],
];
for (const [path, expected] of paths) {
  test(`the path ${path} finds its values`, () => assert.deepEqual(compileJsonPath(path)?.(object), expected));
}

test("a table of a CRD has its columns, one without a value is empty", () => {
  const column = (name: string, type: string, jsonPath: string) => ({
    name,
    type,
    jsonPath,
    format: "",
    description: "",
    priority: 0,
  });
  const format = tableFormat("Widget", [
    column("Size", "integer", ".spec.size"),
    column("Phase", "string", ".status.phase"),
  ]);
  assert.deepEqual(
    format.columnDefinitions.map((definition) => definition.name),
    ["Name", "Size", "Phase"],
  );
  const widget = { apiVersion: "e/v1", kind: "Widget", metadata: { name: "w" }, spec: { size: 3 } };
  assert.deepEqual(format.cells(widget, 0), ["w", 3, null]);
});

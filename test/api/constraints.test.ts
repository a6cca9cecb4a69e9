import assert from "node:assert/strict";
import { test } from "node:test";
import { asAdmitted } from "../../src/api/constraints.ts";
import { errorAt } from "../../src/api/fields.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { createSchema, type JsonSchema, type Problem } from "../../src/base/schema.ts";

const schema: JsonSchema = {
  type: "object",
  required: ["name"],
  properties: {
    name: { type: "string", minLength: 1 },
    unit: { type: "string", enum: ["a", "b"] },
    count: { type: "integer", minimum: 1 },
    list: { type: "array", items: { type: "object", required: ["x"], properties: { x: { type: "boolean" } } } },
    map: { type: "object", additionalProperties: { type: "string" } },
    any: {},
    port: { "x-kubernetes-int-or-string": true },
  },
};
const strict = createSchema<unknown>(schema);

function admitted(value: JsonValue, ruled: readonly Problem[] = []): string[] {
  const problems = asAdmitted(strict.check(value, "spec"), ruled, { value, schema, path: "spec" });
  return problems.map(({ severity, path }) => `${severity} ${path}`);
}

for (const [what, value, expected] of [
  ["nothing wrong", { name: "n", unit: "a", count: 1, list: [{ x: true }], map: { 1: "one" }, any: 5 }, []],
  ["a missing field", {}, ["warning spec.name"]],
  ["an empty text", { name: "" }, ["warning spec.name"]],
  ["an unknown value", { name: "n", unit: "c" }, ["warning spec.unit"]],
  ["a wrong type, once, though it is no known value either", { name: "n", unit: 5 }, ["error spec.unit"]],
  ["a fraction", { name: "n", count: 1.5 }, ["error spec.count"]],
  ["neither an integer nor a text", { name: "n", port: 1.5 }, ["error spec.port"]],
  ["an integer or a text", { name: "n", port: "p" }, []],
  ["a number that is too small", { name: "n", count: 0 }, ["warning spec.count"]],
  ["fields of a list", { name: "n", list: [{ x: 1 }, {}] }, ["error spec.list[0].x", "warning spec.list[1].x"]],
  [
    "entries of a map, numbers as keys included",
    { name: "n", map: { 1: 1, a: 2 } },
    ["error spec.map[1]", "error spec.map.a"],
  ],
  ["no object at all", [], ["error spec"]],
] as const) {
  test(`at admission: ${what}`, () => assert.deepEqual(admitted(value), expected));
}

test("what a rule says comes first and is not said again, unless the type is wrong, too", () => {
  assert.deepEqual(admitted({ unit: "c" }, [errorAt("spec.name", "needed")]), ["error spec.name", "warning spec.unit"]);
  assert.deepEqual(admitted({ name: 5 }, [errorAt("spec.name", "needed")]), ["error spec.name", "error spec.name"]);
});

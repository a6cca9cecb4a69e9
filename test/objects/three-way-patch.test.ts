import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../src/base/json.ts";
import { patchTypes } from "../../src/objects/kubernetes-types.ts";
import { applyStrategicMergePatch } from "../../src/objects/strategic-merge-patch.ts";
import { threeWayPatch } from "../../src/objects/three-way-patch.ts";

const pod = "io.k8s.api.core.v1.PodSpec";
const cases: readonly (readonly [
  name: string,
  last: JsonObject,
  target: JsonObject,
  live: JsonObject,
  patch: JsonObject,
  type?: string,
])[] = [
  ["nothing to do", { a: 1 }, { a: 1 }, { a: 1, b: 2 }, {}],
  ["a change", { a: 1 }, { a: 2 }, { a: 1 }, { a: 2 }],
  ["a drift", { a: 1 }, { a: 1 }, { a: 3 }, { a: 1 }],
  ["an end", { a: 1, b: 1 }, { a: 1 }, { a: 1, b: 1 }, { b: null }],
  ["an end that came by itself", { a: 1, b: 1 }, { a: 1 }, { a: 1 }, {}],
  ["what others set stays", {}, { a: { x: 1 } }, { a: { x: 1, y: 2 } }, {}],
  ["a list of plain JSON is replaced", { a: [1] }, { a: [2] }, { a: [1, 3] }, { a: [2] }],
  [
    "an item of a merged list",
    { containers: [{ name: "a", image: "1" }, { name: "b" }] },
    { containers: [{ name: "a", image: "2" }] },
    { containers: [{ name: "a", image: "1", tty: true }, { name: "b" }, { name: "sidecar" }] },
    {
      containers: [
        { image: "2", name: "a" },
        { $patch: "delete", name: "b" },
      ],
    },
    pod,
  ],
];

for (const [name, last, target, live, patch, type] of cases) {
  test(`the patch of ${name}`, () => {
    assert.deepEqual(threeWayPatch(last, target, live, type), patch);
  });
}

test("what was patched has all of the target, and needs no more patches", () => {
  const env = fc.uniqueArray(fc.record({ name: fc.constantFrom("A", "B", "C"), value: fc.constantFrom("1", "2") }), {
    selector: ({ name }) => name,
  });
  const container = fc.record(
    { name: fc.constantFrom("x", "y", "z"), image: fc.constantFrom("i:1", "i:2"), env },
    { requiredKeys: ["name"] },
  );
  const spec = fc.record(
    {
      containers: fc.uniqueArray(container, { selector: ({ name }) => name }),
      nodeSelector: fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("1", "2")),
      hostNetwork: fc.boolean(),
    },
    { requiredKeys: ["containers"] },
  );
  fc.assert(
    fc.property(spec, spec, spec, (last, target, live) => {
      const values = [last, target, live].map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
      const [before = {}, wanted = {}, found = {}] = values;
      const patch = threeWayPatch(before, wanted, found, pod);
      const after = applyStrategicMergePatch(found, patch, pod, { types: patchTypes, directives: true }) as JsonObject;
      assert.deepEqual(threeWayPatch(wanted, wanted, after, pod), {});
    }),
  );
});

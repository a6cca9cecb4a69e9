import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { discoverActions, runAction } from "../../../src/gitops/health/actions.ts";
import type { ObjectScript } from "../../../src/gitops/health/script.ts";

const input = { nowMs: Date.UTC(2026, 10, 29) };
const script = (text: string): ObjectScript => ({ text, useOpenLibs: false });
const widget = {
  apiVersion: "a.b/v1",
  kind: "Widget",
  metadata: { name: "w", namespace: "ns", labels: {}, finalizers: [] },
  spec: { paused: true, map: {}, list: [], items: [{ map: {} }] },
};
const plain = { disabled: false, iconClass: "", displayName: "", params: [] };

/** What is not said counts as `plain`. */
const discoveries: readonly (readonly [string, readonly string[], readonly object[]])[] = [
  ["an empty table: none", ["return {}"], []],
  ["an empty value: an action that may be run", ["return {restart = {}}"], [{ name: "restart" }]],
  ["in the order of names", ["return {b = {}, a = {}}"], [{ name: "a" }, { name: "b" }]],
  [
    "all that is said of one",
    [
      `return {scale = {disabled = true, iconClass = "fa", displayName = "Scale",
  params = {{name = "replicas", type = "number", value = "1", default = "2"}}}}`,
    ],
    [
      {
        name: "scale",
        disabled: true,
        iconClass: "fa",
        displayName: "Scale",
        params: [{ name: "replicas", type: "number", value: "1", default: "2" }],
      },
    ],
  ],
  [
    "of two scripts that name one the first",
    ["return {a = {disabled = true}}", "return {a = {disabled = false}, b = {}}"],
    [{ name: "a", disabled: true }, { name: "b" }],
  ],
  ["by the object", ["return {resume = {disabled = not obj.spec.paused}}"], [{ name: "resume" }]],
];

/** What an action returns, and what that would write. */
const runs: readonly (readonly [string, string, readonly object[]])[] = [
  [
    "the object itself: a patch, with empty tables as they were",
    "obj.spec.paused = false; return obj",
    [{ operation: "patch", object: { ...widget, spec: { ...widget.spec, paused: false } } }],
  ],
  [
    "a list of what to create and to patch",
    `local job = {apiVersion = "batch/v1", kind = "Job", metadata = {generateName = obj.metadata.name .. "-"}}
return {{operation = "create", resource = job}, {operation = "patch", resource = obj}}`,
    [
      { operation: "create", object: { apiVersion: "batch/v1", kind: "Job", metadata: { generateName: "w-" } } },
      { operation: "patch", object: widget },
    ],
  ],
  ["an empty list: nothing", "return {}", []],
  [
    "what parameters say",
    `return {{operation = "patch", resource = {spec = {size = tonumber(actionParams["size"])}}}}`,
    [{ operation: "patch", object: { spec: { size: 3 } } }],
  ],
];

const failures: readonly (readonly [string, string, RegExp])[] = [
  ["says so", `error("not now")`, /not now/],
  ["returns no table", "return 1", /expect table output from Lua script, not number/],
  [
    "names another operation",
    `return {{operation = "delete", resource = obj}}`,
    /item 1 of the result: unsupported operation: "delete"/,
  ],
  ["names no resource", `return {{operation = "patch"}}`, /item 1 of the result: resource is not a table/],
  ["loops", "while true do end", /steps/],
];

describe("actions", () => {
  for (const [name, texts, expected] of discoveries) {
    test(`are discovered: ${name}`, () => {
      const all = expected.map((one) => ({ ...plain, ...one }));
      assert.deepEqual(discoverActions(texts.map(script), widget, input), all);
    });
  }

  for (const [name, text, expected] of runs) {
    test(`return ${name}`, () => {
      assert.deepEqual(runAction(script(text), widget, { ...input, parameters: { size: "3" } }), expected);
    });
  }

  for (const [name, text, message] of failures) {
    test(`fail where a script ${name}`, () => {
      const run = () => runAction(script(text), widget, input);
      assert.throws(run, (error) => error instanceof EngineError && message.test(error.message));
    });
  }

  test("discovery that returns a list is refused", () => {
    assert.throws(() => discoverActions([script(`return {"restart"}`)], widget, input), /by names of actions/);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { triggerKindNames } from "../../../src/api/sensor-schema.ts";
import type { JsonSchema } from "../../../src/base/schema.ts";
import { triggerKinds, triggerSchemas } from "../../../src/events/triggers/registry.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

test("every kind that a template may name has a schema, and no other", () => {
  assert.deepEqual(Object.keys(triggerSchemas()).sort(), [...triggerKindNames].sort());
});

test("a kind is planned exactly when nothing runs it", () => {
  for (const [key, { isPlanned = false }] of Object.entries(triggerSchemas())) {
    assert.equal(isPlanned, triggerKinds[key] === undefined, key);
  }
});

test("every field of each kind is described", () => {
  for (const [key, { json }] of Object.entries(triggerSchemas())) assert.deepEqual(undescribed(json, key), []);
});

function undescribed({ description, properties = {}, items }: JsonSchema, path: string): string[] {
  return [
    ...(description ? [] : [path]),
    ...Object.entries(properties).flatMap(([key, field]) => undescribed(field, `${path}.${key}`)),
    // What a list of texts holds is said by the list.
    ...(items?.type === "object" ? undescribed(items, `${path}[]`) : []),
  ];
}

test("a planned effect happens only when it is applied", async () => {
  const context = triggerContext();
  const planned = await triggerKinds.log?.parse({}, "spec.triggers[0].template.log").plan(firing(), context, never);
  assert.equal(context.lines.length, 0);
  assert.deepEqual(await planned?.apply(never), { message: "logged 1 event" });
  assert.equal(context.lines.length, 1);
});

test("what is wrong with a spec is told with the user's path", () => {
  const parse = () => triggerKinds.http?.parse({}, "spec.triggers[0].template.http");
  assert.throws(parse, { message: "spec.triggers[0].template.http.url: is required" });
});

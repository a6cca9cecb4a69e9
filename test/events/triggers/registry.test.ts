import assert from "node:assert/strict";
import { test } from "node:test";
import { triggerKinds, triggerSchemas, unsupportedTriggerKinds } from "../../../src/events/triggers/registry.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

test("every kind of the specification, and gitOps, is either there or known to be missing, never both", () => {
  const known = [...Object.keys(triggerKinds), ...unsupportedTriggerKinds];
  assert.equal(new Set(known).size, known.length);
  assert.equal(known.length, 15);
});

test("each kind has a schema that describes itself", () => {
  for (const [key, schema] of Object.entries(triggerSchemas())) assert.ok(schema.json.description, key);
});

test("a planned effect happens only when it is applied", async () => {
  const context = triggerContext();
  const planned = await triggerKinds.log?.plan({}, "spec.triggers[0].template.log", firing(), context, never);
  assert.equal(context.lines.length, 0);
  assert.deepEqual(await planned?.apply(never), { message: "logged 1 event" });
  assert.equal(context.lines.length, 1);
});

test("a spec is parsed before it is planned, with the user's path", async () => {
  const planned = triggerKinds.http?.plan({}, "spec.triggers[0].template.http", firing(), triggerContext(), never);
  await assert.rejects(planned ?? Promise.resolve(), { message: "spec.triggers[0].template.http.url: is required" });
});

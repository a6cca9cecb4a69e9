import assert from "node:assert/strict";
import { test } from "node:test";
import { sourceKinds, sourceSchemas, unsupportedSourceKinds } from "../../../src/events/sources/registry.ts";
import { recordedContext } from "./source-context.ts";

test("every kind of the specification is either there or known to be missing, never both", () => {
  const known = [...Object.keys(sourceKinds), ...unsupportedSourceKinds];
  assert.equal(new Set(known).size, known.length);
  assert.equal(known.length, 32);
});

test("each kind has a schema that describes itself", () => {
  for (const [key, schema] of Object.entries(sourceSchemas())) assert.ok(schema.json.description, key);
});

test("a spec is parsed before its kind runs, with the user's path", async () => {
  const running = sourceKinds.nats?.run(
    { subject: "s" },
    "spec.nats.orders",
    recordedContext(),
    new AbortController().signal,
  );
  await assert.rejects(running ?? Promise.resolve(), {
    code: "MANIFEST_INVALID",
    message: "spec.nats.orders.url: is required",
  });
});

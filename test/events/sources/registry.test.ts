import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sourceKindFacts } from "../../../src/api/source-kinds.ts";
import type { JsonSchema } from "../../../src/base/schema.ts";
import { sourceKinds, sourceSchemas } from "../../../src/events/sources/registry.ts";
import { recordedContext } from "./source-context.ts";

test("every kind of the specification, and jetstream, has a schema, and those that run have no mark", () => {
  const schemas = sourceSchemas();
  assert.deepEqual(Object.keys(schemas).sort(), Object.keys(sourceKindFacts).sort());
  assert.equal(Object.keys(schemas).length, 33);
  const running = Object.keys(schemas).filter((key) => schemas[key]?.isPlanned !== true);
  assert.deepEqual(running.sort(), Object.keys(sourceKinds).sort());
});

test("the README's table lists every kind, once", () => {
  const path = join(import.meta.dirname, "../../../src/events/sources/README.md");
  const lines = readFileSync(path, "utf8").split("\n");
  const rows = lines.filter((line) => /^\| [a-z]/.test(line)).slice(1); // below its head
  const kinds = rows.flatMap((row) => row.split("|")[1]?.trim().split(" ") ?? []);
  assert.deepEqual(kinds.sort(), Object.keys(sourceSchemas()).sort());
});

function undescribed(schema: JsonSchema, path: string): string[] {
  const parts = Object.entries(schema.properties ?? {}).flatMap(([key, part]) => [
    ...(part.description ? [] : [`${path}.${key}`]),
    ...undescribed(part, `${path}.${key}`),
  ]);
  return [...parts, ...(schema.items ? undescribed(schema.items, `${path}[]`) : [])];
}

test("each kind and each of its fields describes itself", () => {
  for (const [key, schema] of Object.entries(sourceSchemas())) {
    assert.ok(schema.json.description, key);
    assert.deepEqual(undescribed(schema.json, key), []);
  }
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

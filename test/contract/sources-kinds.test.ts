import assert from "node:assert/strict";
import { test } from "node:test";
import { sourceKinds } from "../../src/events/sources/registry.ts";
import { brokerKinds } from "./source-brokers.ts";
import { hookKinds } from "./source-hooks.ts";
import { pushKinds } from "./source-pushes.ts";
import { queueKinds } from "./source-queues.ts";
import { watchKinds } from "./source-watches.ts";

test("every kind of source that runs is under a contract, once", () => {
  const all = [...brokerKinds, ...hookKinds, ...pushKinds, ...queueKinds, ...watchKinds].map(({ name }) => name);
  assert.deepEqual(all.sort(), Object.keys(sourceKinds).sort());
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { configMap, openWorld } from "./world.ts";

test("finds what is missing, and nothing after a sync", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a", { x: "1" }) });
  const app = world.app();
  const before = await world.lookWell(app);
  assert.deepEqual([before.status, before.health.status], ["OutOfSync", "Missing"]);
  const progress = await world.sync(app, before);
  assert.equal(progress.phase, "Succeeded", progress.message);
  const after = await world.lookWell(app, { level: 1 });
  assert.deepEqual([after.status, after.health.status], ["Synced", "Healthy"]);
});

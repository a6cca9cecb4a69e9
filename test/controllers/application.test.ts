import assert from "node:assert/strict";
import { test } from "node:test";
import { objectOf } from "../../src/api/fields.ts";
import { automated, configRef, createApplication, openShop, selfHealing } from "./application-rig.ts";

test("an automated Application syncs once, and then writes nothing for ten minutes", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const engine = await world.start();
  await world.until("the sync", async () => {
    const { status } = await world.application();
    return objectOf(status.operationState).phase === "Succeeded" && objectOf(status.sync).status === "Synced";
  });
  await world.pass(2_000, 100);
  const before = engine.writes();
  assert.ok(before <= 5, `${before} writes for a first sync`);
  await world.pass(600_000, 5_000);
  assert.equal(engine.writes(), before);
  assert.equal(world.syncs().length, 1);
});

test("a drift is healed, with few writes", async () => {
  await using world = await openShop();
  await createApplication(world, selfHealing);
  const engine = await world.start();
  await world.until("the first sync", () => world.syncs().length === 1);
  await world.pass(2_000, 100);
  const before = engine.writes();
  await world.kube.patch(configRef, "application/merge-patch+json", { data: { a: "2" } });
  await world.until("the heal", async () => objectOf((await world.kube.get(configRef))?.data as never).a === "1");
  await world.until("its end", () => world.syncs().length === 2);
  await world.pass(10_000, 200);
  assert.ok(engine.writes() - before <= 5, `${engine.writes() - before} writes for one drift`);
  assert.equal(world.syncs().length, 2);
});

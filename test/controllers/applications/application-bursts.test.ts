import assert from "node:assert/strict";
import { test } from "node:test";
import { objectOf, textOf } from "../../../src/api/fields.ts";
import {
  automated,
  configRef,
  createApplication,
  openShop,
  selfHealing,
  type TestEngine,
  type World,
} from "./application-rig.ts";

const merge = "application/merge-patch+json";

async function looks(engine: TestEngine): Promise<number> {
  return Number(/argocd_app_reconcile_count\{[^}]*\} (\d+)/.exec(await engine.metrics())?.[1] ?? 0);
}

async function syncStatus(world: World): Promise<string> {
  return textOf(objectOf((await world.application()).status.sync).status);
}

async function openSynced(): Promise<{ readonly world: World; readonly engine: TestEngine }> {
  const world = await openShop();
  await createApplication(world, automated);
  const engine = await world.start();
  await world.until("the sync", async () => world.syncs().length === 1 && (await syncStatus(world)) === "Synced");
  await world.pass(5_000, 100);
  return { world, engine };
}

for (const [name, everyMs, stillMs] of [
  ["at once", 0, 0],
  ["over a second, with a standstill of the engine", 1, 400],
  ["over twenty-five seconds", 25, 0],
] as const) {
  test(`a thousand changes of an object ${name} cost two looks at most, and the last one counts`, async () => {
    const { world, engine } = await openSynced();
    await using _ = world;
    const before = await looks(engine);
    for (let n = 1; n <= 1_000; n++) {
      await world.kube.patch(configRef, merge, { data: { a: String(n === 1_000 ? 1 : -n) } });
      if (everyMs > 0) await world.clock.advance(everyMs);
      if (n !== 40 || stillMs === 0) continue;
      world.clock.freeze(stillMs);
      await world.clock.advance(0); // what is due comes before changes that are on their way
    }
    await world.pass(5_000, 50);
    const count = (await looks(engine)) - before;
    assert.ok(count >= 1 && count <= 2, `${count} looks`);
    assert.equal(await syncStatus(world), "Synced", "it is back at what Git says");
  });
}

test("an object that never stops changing is looked at again and again, and a first change at once", async () => {
  const { world, engine } = await openSynced();
  await using _ = world;
  const before = await looks(engine);
  await world.kube.patch(configRef, merge, { data: { a: "other" } });
  await world.pass(100, 10);
  assert.equal(await syncStatus(world), "OutOfSync");
  const seen: number[] = [];
  let seenAt = 0;
  let known = await looks(engine);
  for (let ms = 0; ms < 120_000; ms += 100) {
    await world.kube.patch(configRef, merge, { data: { a: `n${ms}` } });
    await world.clock.advance(100);
    const now = await looks(engine);
    if (now > known) seen.push(ms - seenAt);
    if (now > known) seenAt = ms;
    known = now;
  }
  const count = known - before;
  assert.ok(count >= 4 && count <= 8, `${count} looks in two minutes`);
  assert.ok(Math.max(...seen) <= 30_100, `between looks: ${seen.join(", ")} ms`);
});

test("what changes after a short sync is looked at soon, though the sync's own changes would wait longer", async () => {
  await using world = await openShop();
  await createApplication(world, selfHealing);
  const engine = await world.start();
  await world.until("the sync", async () => world.syncs().length === 1 && (await syncStatus(world)) === "Synced");
  await world.pass(1_000, 50);
  await world.kube.delete(configRef);
  await world.until("it is healed", async () => world.syncs().length === 2 && (await syncStatus(world)) === "Synced");
  const before = await looks(engine);
  await world.kube.patch(configRef, merge, { metadata: { labels: { seen: "yes" } } });
  await world.pass(400, 20);
  assert.equal((await looks(engine)) - before, 1);
});

test("the status that a look writes is no reason to look at what changed meanwhile: that has its own time", async () => {
  const { world, engine } = await openSynced();
  await using _ = world;
  const before = await looks(engine);
  const drift = (value: string) => world.kube.patch(configRef, merge, { data: { a: value } });
  await drift("-1");
  const more = (async () => {
    for (let n = 2; n < 40; n++) await drift(`-${n}`);
  })();
  await world.clock.advance(25); // the look begins
  await more;
  await world.until("what it found", async () => (await syncStatus(world)) === "OutOfSync", 1);
  await world.pass(100, 10);
  assert.equal((await looks(engine)) - before, 1);
  await world.pass(2_000, 50);
  assert.equal((await looks(engine)) - before, 2);
});

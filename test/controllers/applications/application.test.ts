import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf } from "../../../src/api/fields.ts";
import { defaultSyncSettings } from "../../../src/controllers/applications/sync-settings.ts";
import {
  applicationRef,
  automated,
  configRef,
  createApplication,
  openShop,
  selfHealing,
  type TestEngine,
  type World,
} from "./application-rig.ts";

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

const merge = "application/merge-patch+json";

async function looks(engine: TestEngine): Promise<number> {
  return Number(/argocd_app_reconcile_count\{[^}]*\} (\d+)/.exec(await engine.metrics())?.[1] ?? 0);
}

async function firstSync(world: World): Promise<void> {
  await world.until("the first sync", async () => {
    const { status } = await world.application();
    return world.syncs().length === 1 && objectOf(status.sync).status === "Synced";
  });
  await world.pass(2_000, 100);
}

test("a thousand drifts are two looks", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const engine = await world.start();
  await firstSync(world);
  const before = await looks(engine);
  const waits = Array.from({ length: 1_000 }, (_, index) =>
    engine.controller.offerLocal({
      reason: "drift",
      application: "argocd/web",
      id: `drift/${index}`,
      what: "changed",
      level: 1,
      objects: [`/ConfigMap/shop/${index}`],
    }),
  );
  await world.pass(1_000, 20);
  await Promise.all(waits);
  assert.ok((await looks(engine)) - before <= 2, `${(await looks(engine)) - before} looks`);
  assert.equal(world.decisions().length, 1, "what is not stored leaves no record where nothing was done");
});

test("self-heal waits longer each time, and heals in the end; one timer waits", async () => {
  await using world = await openShop();
  await createApplication(world, selfHealing);
  const engine = await world.start();
  await firstSync(world);
  const drift = (value: string): Promise<unknown> => world.kube.patch(configRef, merge, { data: { a: value } });
  const value = async (): Promise<unknown> => objectOf((await world.kube.get(configRef))?.data as never).a;
  const waits: number[] = [];
  for (const round of [1, 2, 3, 4]) {
    const from = world.clock.now();
    await drift(`drift ${round}`);
    await world.until("the heal", async () => (await value()) === "1", 100);
    waits.push(world.clock.now() - from);
    await world.until("its record", () => world.syncs().length === round + 1, 100);
  }
  assert.ok((waits[2] ?? 0) >= 4_000 && (waits[3] ?? 0) >= 16_000, waits.join());
  await drift("again");
  await world.pass(1_000, 100);
  const sleeping = world.clock.sleeping;
  for (let index = 0; index < 30; index++) {
    await drift(`more ${index}`);
    await world.pass(100, 50);
  }
  assert.ok(world.clock.sleeping <= sleeping + 3, `${sleeping} timers became ${world.clock.sleeping}`);
  const before = await looks(engine);
  await world.until("the heal", async () => (await value()) === "1", 500);
  await world.pass(60_000, 1_000);
  assert.ok((await looks(engine)) - before < 12, `${(await looks(engine)) - before} looks`);
});

test("self-heal waits as argocd-cmd-params-cm says", async () => {
  await using world = await openShop();
  await createApplication(world, selfHealing);
  const selfHeal = () => ({ firstMs: 0, factor: 3, maxMs: 300_000, fixedMs: 20_000 });
  await world.start({ syncSettings: { ...defaultSyncSettings, selfHeal } });
  await firstSync(world);
  const from = world.clock.now();
  await world.kube.patch(configRef, merge, { data: { a: "2" } });
  await world.until(
    "the heal",
    async () => objectOf((await world.kube.get(configRef))?.data as never).a === "1",
    1_000,
  );
  const waitedMs = world.clock.now() - from;
  assert.ok(waitedMs > 15_000 && waitedMs < 25_000, `${waitedMs} ms`);
});

test("syncs and looks are counted under Argo CD's names", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const engine = await world.start();
  await firstSync(world);
  const text = await engine.metrics();
  const labels = `namespace="argocd",name="web",project="default",dest_server="https://kubernetes.default.svc"`;
  assert.ok(text.includes(`argocd_app_sync_total{${labels},phase="Succeeded",dry_run="false"} 1`), text.slice(-800));
  assert.ok((await looks(engine)) >= 1);
});

test("errors are logged with the Application's name, and are tried again", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  let failures = 0;
  await world.start({
    fault({ method, path }) {
      if (method !== "PATCH" || !path.endsWith("/applications/web") || failures >= 3) return;
      failures += 1;
      throw new TypeError("fetch failed");
    },
  });
  await firstSync(world);
  assert.equal(failures, 3);
  assert.ok(world.logged.some(({ level, fields }) => level === "warn" && fields?.key === "argocd/web"));
});

test("two Applications that share an object settle, and look again when one is gone", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  await createApplication(world, automated, { name: "web2" });
  const engine = await world.start();
  const warnings = async (name: string): Promise<number> =>
    listOf((await world.application(name)).status.conditions).filter(
      (condition) => objectOf(condition).type === "SharedResourceWarning",
    ).length;
  await world.until("both warnings", async () => (await warnings("web")) === 1 && (await warnings("web2")) === 1);
  await world.pass(5_000, 100);
  const writes = engine.writes();
  await world.pass(120_000, 2_000);
  assert.equal(engine.writes(), writes);
  const before = await looks(engine);
  await world.kube.delete({ ...applicationRef, name: "web" });
  await world.until("the look of the other", async () => (await looks(engine)) > before);
});

test("a restart looks once at an Application that is as it should be, and writes nothing", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const first = await world.start();
  await firstSync(world);
  await first.kill();
  const second = await world.start();
  await world.until("the look", async () => (await looks(second)) === 1);
  await world.pass(10_000, 500);
  assert.deepEqual([await looks(second), second.writes(), world.syncs().length], [1, 0, 1]);
});

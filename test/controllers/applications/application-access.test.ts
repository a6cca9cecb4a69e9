import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf } from "../../../src/api/fields.ts";
import { applicationRef, configMap, createApplication, openShop, type World } from "./application-rig.ts";

const merge = "application/merge-patch+json";
const name = { namespace: "argocd", name: "web" };

async function compared(world: World): Promise<void> {
  await world.until("the look", async () => objectOf((await world.application()).status.sync).status === "OutOfSync");
}

test("lists and finds what there is, and a sync is done", async () => {
  await using world = await openShop();
  await createApplication(world);
  const { door } = await world.start();
  await compared(world);
  assert.deepEqual(
    door.list().map(({ metadata }) => metadata.name),
    ["web"],
  );
  assert.equal(door.find("argocd", "web")?.kind, "Application");
  assert.equal(door.find("argocd", "other"), undefined);
  const answer = await door.sync(name, { sync: {}, initiatedBy: { username: "ada" } });
  assert.notEqual(answer.operation, undefined);
  await world.until("the sync", () => world.syncs().length === 1);
});

test("a second sync is refused while one is in progress", async () => {
  await using world = await openShop();
  await createApplication(world);
  const { door } = await world.start();
  await compared(world);
  const results = await Promise.allSettled([1, 2, 3].map(() => door.sync(name, { sync: {} })));
  assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
  for (const result of results) if (result.status === "rejected") assert.equal(result.reason.code, "SYNC_REFUSED");
  await world.until("the sync", () => world.syncs().length === 1);
  await world.pass(3_000, 100);
  assert.equal(world.syncs().length, 1);
});

test("a write of somebody else at the same moment is no reason to fail", async () => {
  await using world = await openShop();
  await createApplication(world);
  const engine = await world.start();
  await compared(world);
  engine.freeze(true); // our watch is behind
  for (const round of ["1", "2"]) await world.kube.patch(applicationRef, merge, { metadata: { labels: { round } } });
  await engine.door.sync(name, { sync: {} });
  engine.freeze(false);
  await world.kube.patch(applicationRef, merge, { metadata: { labels: { round: "3" } } });
  await world.until("the sync", () => world.syncs().length === 1);
});

test("an operation that the watch does not show yet is seen all the same", async () => {
  await using world = await openShop();
  await createApplication(world, {}, { annotations: { "argocd.argoproj.io/skip-reconcile": "true" } });
  const engine = await world.start();
  engine.freeze(true);
  await world.kube.patch(applicationRef, merge, { operation: { sync: {} } });
  await assert.rejects(engine.door.sync(name, { sync: {} }), { code: "SYNC_REFUSED" });
});

test("refresh resolves once it was compared anew, with what the repository says now", async () => {
  await using world = await openShop();
  await createApplication(world);
  const { door } = await world.start();
  await compared(world);
  const commit = await world.repository.commit({ "web/more.yaml": configMap("more", {}) });
  let answer: Awaited<ReturnType<typeof door.refresh>> | undefined;
  void door.refresh(name, false).then((object) => {
    answer = object;
  });
  await world.until("the refresh", () => answer !== undefined);
  const status = objectOf(answer?.status as never);
  assert.equal(objectOf(status.sync).revision, commit);
  assert.equal(listOf(status.resources).length, 2);
});

test("says what is not there, and what cannot be read", async () => {
  await using world = await openShop();
  await createApplication(world);
  const { door } = await world.start();
  await compared(world);
  const other = { namespace: "argocd", name: "other" };
  await assert.rejects(door.sync(other, {}), { code: "NOT_FOUND" });
  await assert.rejects(door.refresh(other, true), { code: "NOT_FOUND" });
  assert.throws(() => door.sensor(other), { code: "NOT_FOUND" });
  assert.equal(door.sensor(name).kind, "Sensor");
});

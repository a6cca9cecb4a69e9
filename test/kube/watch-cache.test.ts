import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { silentLogger } from "../../src/base/log.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import type { WatchFailure } from "../../src/kube/kube.ts";
import { createWatchCache } from "../../src/kube/watch-cache.ts";
import { type ControlPlane, openControlPlane } from "../../src/local/control-plane.ts";
import { adminToken, openTestPlane, users } from "../harness/control-plane.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { waitFor } from "../harness/wait.ts";

const kind = { apiVersion: "v1", kind: "ConfigMap" };
const map = (name: string, value = "1") => ({ ...kind, metadata: { name }, data: { value } });
const ref = (name: string) => ({ ...kind, name });

interface World extends AsyncDisposable {
  plane: ControlPlane;
  /** Requests are refused while this is set. */
  isAway: boolean;
  readonly requests: string[];
}

/** A cache on a plane that can go away, and what it told. */
function openCache(world: World, clock = createVirtualClock(), of = kind) {
  const fetch = async (request: Request): Promise<Response> => {
    world.requests.push(`${request.method} ${new URL(request.url).search}`);
    if (world.isAway) throw new TypeError("fetch failed");
    return world.plane.fetch(request);
  };
  const client = createKubeClient({ fetch, baseUrl: "http://kube.local", token: adminToken, log: silentLogger });
  const direct = createKubeClient({
    fetch: (request) => world.plane.fetch(request),
    baseUrl: "http://kube.local",
    token: adminToken,
    log: silentLogger,
  });
  const cache = createWatchCache({ client, kind: of, clock, log: silentLogger });
  const told: string[] = [];
  cache.onChange(({ type, object }) => told.push(`${type} ${object.metadata.name}`));
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  return {
    cache,
    told,
    clock,
    client: direct,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

async function openWorld(): Promise<
  World & { restart(between?: (plane: ControlPlane) => Promise<unknown>): Promise<void> }
> {
  const directory = await tempDir();
  const open = (): Promise<ControlPlane> =>
    openControlPlane({ path: join(directory.path, "kube.db"), clock: createVirtualClock(), log: silentLogger, users });
  const world = {
    plane: await open(),
    isAway: false,
    requests: [] as string[],
    /** Twice when something is to happen in between, so that the watch window no longer reaches back to it. */
    async restart(between?: (plane: ControlPlane) => Promise<unknown>) {
      await world.plane[Symbol.asyncDispose]();
      world.plane = await open();
      if (between === undefined) return;
      await between(world.plane);
      await world.plane[Symbol.asyncDispose]();
      world.plane = await open();
    },
    async [Symbol.asyncDispose]() {
      await world.plane[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
  return world;
}

test("holds what is there and follows each change", async () => {
  await using world = await openWorld();
  await using open = openCache(world);
  await open.client.create(map("a"));
  await open.cache.synced;
  await waitFor("a", () => open.cache.find("default", "a"));
  await open.client.patch(ref("a"), "application/merge-patch+json", { data: { value: "2" } });
  await open.client.delete(ref("a"));
  await waitFor("the deletion", () => open.told.includes("deleted a"));
  assert.deepEqual(open.told.slice(-2), ["set a", "deleted a"]);
  assert.deepEqual([...open.cache.items()], []);
});

test("keeps the spec that was read first while only the status changes", async () => {
  const policies = { apiVersion: "policy/v1", kind: "PodDisruptionBudget" };
  const type = "application/merge-patch+json";
  await using world = await openWorld();
  await using open = openCache(world, createVirtualClock(), policies);
  await open.client.create({ ...policies, metadata: { name: "a" }, spec: { minAvailable: 1 } });
  const first = await waitFor("a", () => open.cache.find("default", "a"));
  const seen = (field: string, wanted: object) =>
    waitFor(field, () => {
      const found = open.cache.find("default", "a");
      return isDeepStrictEqual(found?.[field], wanted) ? found : undefined;
    });
  const status = { currentHealthy: 1 };
  await open.client.patch({ ...policies, name: "a" }, type, { status }, { subresource: "status" });
  assert.equal((await seen("status", status)).spec, first.spec);
  await open.client.patch({ ...policies, name: "a" }, type, { spec: { minAvailable: 2 } });
  await seen("spec", { minAvailable: 2 });
  await open.client.delete({ ...policies, name: "a" });
  await open.client.create({ ...policies, metadata: { name: "a" }, spec: { minAvailable: 3 } });
  await seen("spec", { minAvailable: 3 });
});

test("lists again after a 410 and tells what changed meanwhile", async () => {
  await using world = await openWorld();
  await using open = openCache(world);
  for (const name of ["kept", "changed", "gone"]) await open.client.create(map(name));
  await waitFor("three", () => [...open.cache.items()].length === 3);
  open.told.length = 0;
  world.isAway = true;
  await world.restart(async () => {
    await open.client.delete(ref("gone"));
    await open.client.patch(ref("changed"), "application/merge-patch+json", { data: { value: "2" } });
    await open.client.create(map("new"));
  });
  world.isAway = false;
  await waitFor("the new list", async () => {
    await open.clock.advance(1_000);
    return open.told.length === 3;
  });
  assert.deepEqual(open.told.toSorted(), ["deleted gone", "set changed", "set new"]);
});

test("goes on watching where it was when the server came back unchanged", async () => {
  await using world = await openWorld();
  await using open = openCache(world);
  await open.client.create(map("a"));
  await waitFor("a", () => open.cache.find("default", "a"));
  open.told.length = 0;
  world.requests.length = 0;
  await world.restart();
  await open.clock.advance(1_000);
  await open.client.create(map("b"));
  await waitFor("b", () => open.cache.find("default", "b"));
  assert.deepEqual(open.told, ["set b"]);
  assert.ok(
    world.requests.every((request) => request.includes("watch=1")),
    world.requests.join(),
  );
});

test("survives a day without a server, without asking all the time", async () => {
  await using world = await openWorld();
  world.isAway = true;
  await using open = openCache(world);
  const hours = 24;
  for (let minute = 0; minute < hours * 60; minute++) await open.clock.advance(60_000);
  assert.ok(world.requests.length >= hours * 60, `${world.requests.length} requests`);
  assert.ok(world.requests.length <= hours * 60 * 2 + 20, `${world.requests.length} requests`);
  world.isAway = false;
  await open.client.create(map("a"));
  await open.clock.advance(60_000);
  await open.cache.synced;
  await waitFor("a", () => open.cache.find("default", "a"));
});

test("opens a watch anew where it was, after ten minutes at most: a server that hangs shows by that", async () => {
  await using world = await openWorld();
  await using open = openCache(world);
  await open.client.create(map("a"));
  await waitFor("a", () => open.cache.find("default", "a"));
  const watches = (): string[] => world.requests.filter((request) => request.includes("watch=1"));
  const before = world.requests.length;
  await open.clock.advance(299_000);
  assert.equal(watches().length, 1);
  await open.clock.advance(301_000);
  await waitFor("another watch", () => watches().length > 1);
  assert.ok(
    world.requests.slice(before).every((request) => request.includes("watch=1")),
    world.requests.join(),
  );
  open.told.length = 0;
  await open.client.create(map("b"));
  await waitFor("b", () => open.cache.find("default", "b"));
  assert.deepEqual([open.told, open.cache.failure], [["set b"], undefined]);
  world.isAway = true; // the watch that is open says nothing of that
  await open.clock.advance(600_000);
  await waitFor("the failure", () => open.cache.failure);
});

test("keeps only what trim leaves", async () => {
  await using plane = await openTestPlane();
  await plane.client.create(map("a"));
  const trim = (object: ReturnType<typeof map> | { readonly metadata: object }) => ({
    ...kind,
    metadata: object.metadata,
  });
  const cache = createWatchCache({ client: plane.client, kind, clock: createVirtualClock(), log: silentLogger, trim });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  await cache.synced;
  assert.equal(cache.find("default", "a")?.data, undefined);
  stop.abort();
  await running;
});

test("a listener that throws does not stop the others", async () => {
  await using world = await openWorld();
  await using open = openCache(world);
  open.cache.onChange(() => {
    throw new Error("listener");
  });
  const later: string[] = [];
  open.cache.onChange(({ object }) => later.push(object.metadata.name ?? ""));
  await open.client.create(map("a"));
  await waitFor("the second listener", () => later.includes("a"));
});

test("tells what was known before, and what belongs to the first list", async () => {
  await using world = await openWorld();
  world.isAway = true;
  await using open = openCache(world);
  const told: (readonly unknown[])[] = [];
  open.cache.onChange(({ type, object, previous, isInitial }) => {
    told.push([type, object.data, previous?.data, isInitial]);
  });
  await open.client.create(map("a"));
  world.isAway = false;
  await open.clock.advance(1_000);
  await open.cache.synced;
  await open.client.patch(ref("a"), "application/merge-patch+json", { data: { value: "2" } });
  await open.client.delete(ref("a"));
  await waitFor("the deletion", () => told.length === 3);
  const [one, two] = [{ value: "1" }, { value: "2" }];
  assert.deepEqual(told, [
    ["set", one, undefined, true],
    ["set", two, one, false],
    ["deleted", two, two, false],
  ]);
});

test("has failed from the first failure until a change, a list or a lasting watch", async () => {
  await using world = await openWorld();
  world.isAway = true;
  await using open = openCache(world);
  await waitFor("the first failure", () => open.cache.failure);
  await open.clock.advance(5_000);
  const { count = 0, sinceMs } = open.cache.failure ?? {};
  assert.ok(count > 2, `${count} failures`);
  assert.equal(sinceMs, 0);
  world.isAway = false;
  await open.clock.advance(10_000);
  assert.equal(open.cache.failure, undefined, "after the list");
  await open.client.create(map("a"));
  world.isAway = true;
  await world.restart();
  await open.clock.advance(1_000);
  assert.ok(open.cache.failure);
  world.isAway = false;
  await open.clock.advance(5_000);
  assert.ok(open.cache.failure, "an open watch alone says nothing yet");
  await open.clock.advance(20_000);
  assert.equal(open.cache.failure, undefined, "after a lasting watch");
  const before = open.clock.monotonicMs();
  world.isAway = true;
  await world.restart();
  await open.clock.advance(1_000);
  const failure = (): WatchFailure | undefined => open.cache.failure;
  assert.equal(failure()?.sinceMs, before, "a new failure counts from its own start");
  world.isAway = false;
  await open.clock.advance(2_000);
  await open.client.create(map("b"));
  await waitFor("b", () => open.cache.find("default", "b"));
  assert.equal(open.cache.failure, undefined, "after a change");
});

import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { test } from "node:test";
import { listOf, objectOf, textOf } from "../../../src/api/fields.ts";
import {
  applicationRef,
  automated,
  configMap,
  configRef,
  createApplication,
  openShop,
  selfHealing,
  type World,
} from "./application-rig.ts";

const count = 10;
const names = Array.from({ length: count }, (_, n) => `app-${n}`);
const hourMs = 3_600_000;
const pollMs = 120_000;

/** `count` Applications of one repository, each of a folder of its own. */
async function openMany(): Promise<World> {
  const world = await openShop();
  await world.repository.commit(folders(1));
  for (const name of names) {
    const source = { repoURL: world.repository.url, path: name, targetRevision: "main" };
    await createApplication(world, { ...automated, source }, { name });
  }
  return world;
}

function folders(value: number): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`${name}/all.yaml`, configMap(name, { value: String(value) })]));
}

async function areSyncedTo(world: World, commit: string): Promise<boolean> {
  const revisions = await Promise.all(
    names.map(async (name) => {
      const { sync } = (await world.application(name)).status;
      const { revision, status } = objectOf(sync);
      return `${textOf(status)} ${textOf(revision)}`;
    }),
  );
  return revisions.every((text) => text === `Synced ${commit}`);
}

/** The server does not answer while `work` goes on. */
async function whileAway({ repository: { path } }: World, work: () => Promise<void>): Promise<void> {
  await rename(path, `${path}.away`);
  try {
    await work();
  } finally {
    await rename(`${path}.away`, path);
  }
}

test("a Git server that is away for an hour is asked now and then, and once for all when it is back", async () => {
  await using world = await openMany();
  const first = await world.repository.git("rev-parse", "HEAD");
  const engine = await world.start({ pollMs });
  await world.until("all to be synced", () => areSyncedTo(world, first), 200);
  await world.pass(pollMs, 1_000);
  const commit = await world.repository.commit(folders(2));
  engine.gitRequests.length = 0;
  const writes = engine.writes();
  await whileAway(world, () => world.pass(hourMs, 5_000));
  assert.ok(engine.gitRequests.length >= 5, "it is asked");
  assert.ok(engine.gitRequests.length <= hourMs / pollMs + 1, `${engine.gitRequests.length} requests in an hour`);
  assert.equal(engine.writes(), writes, "what was synced stays as it is");
  engine.gitRequests.length = 0;
  await world.pass(5 * 60_000, 1_000);
  assert.ok(await areSyncedTo(world, commit), "all follow within five minutes");
  const fetches = engine.gitRequests.filter((type) => type === "fetch"); // of the commits, then of files, some at a time
  assert.ok(fetches.length <= 6, `${fetches.length} fetches`);
});

test("started while the Git server is away: it is asked for all, not by each Application, and they follow", async () => {
  await using world = await openMany();
  const commit = await world.repository.git("rev-parse", "HEAD");
  let engine = await world.start({ pollMs });
  await world.until("all to be synced", () => areSyncedTo(world, commit), 200);
  await engine.kill();
  await whileAway(world, async () => {
    engine = await world.start({ pollMs });
    await world.pass(hourMs, 5_000);
  });
  const { length } = engine.gitRequests;
  assert.ok(length <= hourMs / 5_000 + 60, `${length} requests in an hour`);
  const writes = engine.writes();
  assert.ok(writes <= 4 * count, `${writes} writes`);
  engine.gitRequests.length = 0;
  await world.until("all to be compared again", () => areSyncedTo(world, commit), 1_000);
  const fetches = engine.gitRequests.filter((type) => type === "fetch"); // of the commits once, then of each folder's files
  assert.ok(fetches.length <= count + 3, `${fetches.length} fetches`);
});

for (const [name, jumpMs] of [
  ["a day forward", 24 * hourMs],
  ["a day back", -24 * hourMs],
] as const) {
  test(`the clock is set ${name}: what drifts is healed, pushes are found, and nothing is looked at without end`, async () => {
    await using world = await openShop();
    await createApplication(world, selfHealing);
    const engine = await world.start({ pollMs });
    await world.until("the sync", () => world.syncs().length === 1);
    for (let round = 1; round <= 3; round++) {
      await world.kube.delete(configRef);
      await world.until("it to be healed", () => world.kube.get(configRef), 200);
      await world.until("the end", () => world.syncs().length === 1 + round, 200);
    }
    world.clock.jump(jumpMs);
    await world.kube.delete(configRef);
    const before = world.clock.monotonicMs();
    await world.until("it to be healed after the jump", () => world.kube.get(configRef), 1_000);
    assert.ok(world.clock.monotonicMs() - before < 5 * 60_000, "it waits for its back-off only");
    const commit = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
    await world.pass(2 * pollMs, 1_000);
    await world.until("the commit", async () => {
      const { sync } = (await world.application()).status;
      return textOf(objectOf(sync).revision) === commit;
    });
    const writes = engine.writes();
    await world.pass(20 * 60_000, 5_000);
    assert.ok(engine.writes() - writes <= 2, `${engine.writes() - writes} writes in 20 minutes of nothing`);
  });
}

test("a retry waits for its own delay, whatever the clock was set to", async () => {
  await using world = await openShop();
  await createApplication(world, {
    syncPolicy: { retry: { limit: 2, backoff: { duration: "10s", factor: 1 } } },
  });
  let isRefused = true;
  await world.start({
    fault({ method, path }) {
      if (isRefused && method === "PATCH" && path.endsWith("/configmaps/settings")) throw new TypeError("fetch failed");
    },
  });
  await world.kube.patch(applicationRef, "application/merge-patch+json", {
    operation: { sync: {}, retry: { limit: 2, backoff: { duration: "10s", factor: 1 } } },
  });
  const retries = async (): Promise<number> =>
    Number(objectOf((await world.application()).status.operationState).retryCount ?? 0);
  await world.until("the first retry to be waited for", async () => (await retries()) === 1, 100);
  world.clock.jump(-24 * hourMs);
  isRefused = false;
  await world.until("the sync", () => world.syncs().length === 1, 500);
});

/** Clusters that do not answer as they should: on every request, or on those that write; until `end`. */
function awayClusters({ plane }: World) {
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  let stalled = 0;
  const never = ({ signal }: Request): Promise<Response> => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    return Promise.race([promise, ended.promise]);
  };
  const forbidden = {
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    code: 403,
    reason: "Forbidden",
    message: "no",
  };
  return {
    clusters: {
      hangs: never,
      refuses: () => Promise.reject(new TypeError("fetch failed")),
      forbids: async () => Response.json(forbidden, { status: 403 }),
      async stalls(request: Request) {
        if (request.method === "GET") return plane.plane.fetch(request);
        stalled += 1;
        return never(request).finally(() => (stalled -= 1));
      },
    },
    /** Writes under way that are not answered. */
    stalled: () => stalled,
    [Symbol.dispose]: () => ended.reject(new TypeError("fetch failed")),
  };
}

/** More on the one that hangs than there are places for looks, and more objects on the one that stalls than for writes. */
const elsewhere = { hangs: 18, refuses: 2, forbids: 2, stalls: 4 };
const manyObjects = (name: string): string =>
  Array.from({ length: 20 }, (_, n) => configMap(`${name}-${n}`, {})).join("---\n");

test("Applications of clusters that hang, refuse, forbid or stall keep no other from its syncs, looks and deletion", async () => {
  await using world = await openShop();
  using away = awayClusters(world);
  const many = Array.from({ length: elsewhere.stalls }, (_, n) => [`stalls-${n}/all.yaml`, manyObjects(`stalls-${n}`)]);
  await world.repository.commit({ "leaves/all.yaml": configMap("leaves", {}), ...Object.fromEntries(many) });
  const sourceOf = (path: string) => ({ repoURL: world.repository.url, path, targetRevision: "main" });
  for (const [cluster, amount] of Object.entries(elsewhere)) {
    const spec = { ...automated, destination: { name: cluster, namespace: "shop" } };
    for (let n = 0; n < amount; n++) {
      const source = sourceOf(cluster === "stalls" ? `stalls-${n}` : "leaves");
      await createApplication(world, { ...spec, source }, { name: `${cluster}-${n}` });
    }
  }
  await createApplication(world, selfHealing);
  const finalizers = ["resources-finalizer.argocd.argoproj.io"];
  await createApplication(world, { ...automated, source: sourceOf("leaves") }, { name: "leaves", finalizers });
  const engine = await world.start({ clusters: away.clusters });
  const soon = async (what: string, probe: () => Promise<unknown>): Promise<void> => {
    const before = world.clock.monotonicMs();
    await world.until(what, async () => Boolean(await probe()), 50);
    const tookMs = world.clock.monotonicMs() - before;
    assert.ok(tookMs < 5_000, `${what} took ${tookMs} ms`);
  };
  const isSynced = async (name: string, commit: string): Promise<boolean> => {
    const { sync, operationState } = (await world.application(name)).status;
    const { revision, status } = objectOf(sync);
    return status === "Synced" && revision === commit && objectOf(operationState).phase === "Succeeded";
  };
  const first = await world.repository.git("rev-parse", "HEAD");
  await soon("the first syncs", async () => (await isSynced("web", first)) && isSynced("leaves", first));
  await world.until("as many writes that are not answered as there may be", () => away.stalled() >= 64, 50);
  const commit = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  const refs = [{ name: "refs/heads/main", old: first, new: commit }];
  await engine.push({ url: world.repository.url, refs, headRef: "refs/heads/main" });
  await soon("a pushed commit", () => isSynced("web", commit));
  await world.kube.delete(configRef);
  await soon("a drift to be healed", () => world.kube.get(configRef));
  await world.kube.delete({ ...applicationRef, name: "leaves" });
  await soon("a deletion", async () => (await world.kube.get({ ...applicationRef, name: "leaves" })) === undefined);
  const conditionOf = async (name: string): Promise<string> =>
    textOf(objectOf(listOf((await world.application(name)).status.conditions)[0]).message);
  for (const [name, message] of [
    ["hangs-0", /^Failed to load live state: no list of .* within 30 s/],
    ["refuses-0", /^Failed to load live state: .*no answer from https:\/\/refuses\.example/],
    ["forbids-0", /^Failed to load live state: .*forbidden: no|no$/i],
  ] as const) {
    await world.until(`${name} to say why`, async () => message.test(await conditionOf(name)), 500);
  }
});

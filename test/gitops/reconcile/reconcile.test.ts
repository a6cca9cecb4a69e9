import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { test } from "node:test";
import { isJsonObject, type JsonObject } from "../../../src/base/json.ts";
import type { Reconciled } from "../../../src/gitops/reconcile/reconcile.ts";
import { refreshAsked } from "../../../src/gitops/reconcile/refresh-needed.ts";
import { configMap, manifest, openWorld, type TestApp, type World } from "./world.ts";

const field = (value: unknown, name: string): unknown => (isJsonObject(value) ? value[name] : undefined);
const syncOf = ({ status }: { status: JsonObject }): unknown => field(status.sync, "status");
const conditionsOf = ({ status }: { status: JsonObject }): string[] =>
  (Array.isArray(status.conditions) ? status.conditions : []).map(
    (one) => `${field(one, "type")}: ${field(one, "message")}`,
  );
const resourcesOf = ({ status }: { status: JsonObject }): unknown[] =>
  (Array.isArray(status.resources) ? status.resources : []).map((one) => [field(one, "name"), field(one, "status")]);

/** An Application that is synced, and its repository where nobody can read it. */
async function synced(spec: JsonObject = {}): Promise<{ readonly world: World; readonly app: TestApp }> {
  const world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app("web", spec);
  await world.sync(app, await world.lookWell(app));
  assert.equal(syncOf(await world.look(app)), "Synced");
  return { world, app };
}

async function away(world: World, work: () => Promise<void>): Promise<void> {
  const hidden = `${world.repository.path}.away`;
  await rename(world.repository.path, hidden);
  try {
    await work();
  } finally {
    await rename(hidden, world.repository.path);
  }
}

test("writes what it found, and nothing new when it finds it again", async () => {
  const { world, app } = await synced();
  await using _world = world;
  const { status, decision, againAfterMs } = await world.look(app);
  assert.deepEqual([decision.kind, againAfterMs, status.reconciledAt], ["none", undefined, "2026-11-29T12:00:01Z"]);
  assert.deepEqual(resourcesOf({ status }), [["a", "Synced"]]);
  await world.clock.advance(60_000);
  assert.deepEqual((await world.look(app, { level: 1 })).status, status);
});

test("a manifest without a place is told of once, with the time when it was found first", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app("web", { destination: { server: world.cluster.server } });
  const { status } = await world.look(app);
  assert.deepEqual(conditionsOf({ status }), ["InvalidSpecError: Namespace for a /v1, Kind=ConfigMap is missing."]);
  await world.clock.advance(60_000);
  assert.deepEqual((await world.look(app, { level: 1 })).status.conditions, status.conditions);
});

test("a wrong spec: both states are Unknown, nothing else is said anew, and it is over when the spec is right", async () => {
  const { world, app } = await synced();
  await using _world = world;
  const before = app.application.status;
  world.change(app, { destination: { name: "none" } });
  const { status, found, decision } = await world.look(app);
  assert.deepEqual(
    [syncOf({ status }), status.health, found],
    ["Unknown", { status: "Unknown", lastTransitionTime: "2026-11-29T12:00:01Z" }, undefined],
  );
  assert.deepEqual(conditionsOf({ status }), ["InvalidSpecError: there are no clusters with this name: none"]);
  assert.deepEqual(status.resources, before.resources);
  assert.equal(decision.kind, "none");
  world.change(app, {});
  const right = await world.look(app);
  assert.deepEqual([syncOf(right), conditionsOf(right)], ["Synced", []]);
});

test("a source that cannot be rendered: Unknown, what was there is kept, and it is asked again", async () => {
  const { world, app } = await synced();
  await using _world = world;
  const known = app.application.status;
  await world.clock.advance(60_000);
  world.change(app, { source: { repoURL: world.repository.url, path: "none", targetRevision: "main" } });
  const result = await world.look(app, { level: 3 });
  assert.equal(syncOf(result), "Unknown");
  assert.deepEqual(conditionsOf(result), [
    "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = none: app path does not exist",
  ]);
  assert.deepEqual(resourcesOf(result), [["a", "Unknown"]]);
  assert.deepEqual([result.status.health, result.againAfterMs], [known.health, 30_000]);
  assert.deepEqual([result.decision.kind, result.found], ["none", undefined]);
  // What was compared last, or was not: it does not ask again for the same reason at each look.
  assert.equal(result.status.reconciledAt, "2026-11-29T12:01:01Z");
  const timeouts = { softMs: 0, hardMs: 0 };
  assert.equal(refreshAsked(app.application, {}, world.clock.now(), timeouts), undefined);
  const { lastTransitionTime } = (result.status.conditions as JsonObject[])[0] ?? {};
  await world.clock.advance(60_000);
  const again = await world.look(app, { level: 1 });
  assert.equal((again.status.conditions as JsonObject[])[0]?.lastTransitionTime, lastTransitionTime);
  world.change(app, {});
  const right = await world.look(app, { level: 3 });
  assert.deepEqual([syncOf(right), conditionsOf(right), resourcesOf(right)], ["Synced", [], [["a", "Synced"]]]);
});

test("an Application whose very first comparison fails says so, and has nothing that is ill", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app("web", { source: { repoURL: world.repository.url, path: "none", targetRevision: "main" } });
  const result = await world.look(app);
  assert.deepEqual([syncOf(result), field(result.status.health, "status")], ["Unknown", "Healthy"]);
  assert.equal(conditionsOf(result).length, 1);
  assert.equal(result.status.controllerNamespace, "argocd");
});

test("after a failure the next look asks what the source says now, at whatever level it was asked for", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: [" });
  const app = world.app();
  assert.equal(syncOf(await world.look(app)), "Unknown");
  const good = await world.repository.commit({ "web/a.yaml": configMap("a") });
  await world.rig.sources.fetch(world.repository.url, {}, AbortSignal.timeout(10_000));
  const result = await world.look(app, { level: 0 });
  assert.deepEqual([syncOf(result), field(result.status.sync, "revision")], ["OutOfSync", good]);
});

test("the commit that is known is no commit of another source", async () => {
  const { world, app } = await synced();
  await using _world = world;
  await using other = await openWorld();
  await other.repository.commit({ "web/b.yaml": configMap("b") });
  world.change(app, { source: { repoURL: other.repository.url, path: "web", targetRevision: "main" } });
  for (const level of [1, 1] as const) {
    const result = await world.look(app, { level });
    assert.deepEqual(
      [conditionsOf(result), resourcesOf(result)],
      [
        [],
        [
          ["a", "OutOfSync"],
          ["b", "OutOfSync"],
        ],
      ],
    );
  }
  const source = { repoURL: world.repository.url, path: "web", targetRevision: "main" };
  world.change(app, { sources: [{ ...source, repoURL: other.repository.url }, source] });
  const result = await world.look(app, { level: 1 });
  assert.deepEqual(
    [conditionsOf(result), resourcesOf(result)],
    [
      [],
      [
        ["a", "Synced"],
        ["b", "OutOfSync"],
      ],
    ],
  );
});

const unreachable = { source: { repoURL: "http://127.0.0.1:1/none", path: "web", targetRevision: "main" } };
const isThrown = async (look: Promise<Reconciled>): Promise<boolean> =>
  look.then(
    () => false,
    () => true,
  );

test("an error that may pass is not told of for a while; then it is, and again at once after it has passed", async () => {
  const { world, app } = await synced();
  await using _world = world;
  world.change(app, unreachable);
  assert.equal(await isThrown(world.look(app, { level: 2 })), true, "the first one");
  await world.clock.advance(179_000);
  assert.equal(await isThrown(world.look(app, { level: 2 })), true, "within the grace period");
  await world.clock.advance(1_000);
  const told = await world.look(app, { level: 2 });
  assert.match(conditionsOf(told).join(), /^ComparisonError: Failed to load target state/);
  world.change(app, {});
  assert.deepEqual(conditionsOf(await world.look(app)), []);
  world.change(app, unreachable);
  assert.equal(await isThrown(world.look(app, { level: 2 })), true, "a new grace period");
});

test("the first failure is not told of, however late the next one is", async () => {
  const { world, app } = await synced();
  await using _world = world;
  world.change(app, unreachable);
  await world.clock.advance(500_000);
  assert.equal(await isThrown(world.look(app, { level: 2 })), true);
});

test("who asks at level 3 is told at once, also of an error that may pass", async () => {
  const { world, app } = await synced();
  await using _world = world;
  world.change(app, unreachable);
  assert.equal(syncOf(await world.look(app, { level: 3 })), "Unknown");
});

test("an error that cannot pass by itself is told of at once", async () => {
  const { world, app } = await synced();
  await using _world = world;
  await away(world, async () => {
    const result = await world.look(app, { level: 2, seen: "all" });
    assert.match(conditionsOf(result).join(), /^ComparisonError: /);
  });
});

test("a cluster that cannot be read", async () => {
  await using world = await openWorld();
  await world.repository.commit({
    "web/a.yaml": manifest({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" } }),
  });
  await using down = await openWorld();
  const app = world.app();
  const clusters = () => [down.cluster];
  const deps = { ...world.deps, directory: { ...world.deps.directory, clusters } };
  await down[Symbol.asyncDispose]();
  const result = await world.look(app, { deps });
  assert.deepEqual(conditionsOf(result), [
    "ComparisonError: Failed to load live state: the watches of the cluster have stopped",
  ]);
});

test("an aborted look ends with the signal's reason, and leaves no trace", async () => {
  const { world, app } = await synced();
  await using _world = world;
  const stop = new AbortController();
  const looking = world.look(app, { level: 3, signal: stop.signal });
  stop.abort(new Error("the engine ends"));
  await assert.rejects(looking, { message: "the engine ends" });
  assert.deepEqual([app.memory.hasFailed, app.memory.failingSince], [undefined, undefined]);
  assert.equal(syncOf(await world.look(app, { level: 1 })), "Synced");
});

test("automated: starts a sync of what differs, but not of what another Application owns", async () => {
  await using world = await openWorld();
  const commit = await world.repository.commit({ "web/a.yaml": configMap("a") });
  const automated = { syncPolicy: { automated: { prune: true } } };
  const [app, other] = [world.app("web", automated), world.app("other", automated)];
  const first = await world.look(app);
  assert.equal(first.decision.kind, "start");
  assert.equal(field(field("operation" in first.decision && first.decision.operation, "sync"), "revision"), commit);
  assert.equal((await world.look(other)).decision.kind, "start", "of the same age, and first by its name");
  const second = await world.look(app);
  assert.deepEqual(second.decision, {
    kind: "none",
    reason: "only objects that other Applications own differ; automated sync does not take them over",
    obstacle: { kind: "shared" },
  });
});

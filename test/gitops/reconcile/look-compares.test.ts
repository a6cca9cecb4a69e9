import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import type { ReconcileDeps } from "../../../src/gitops/reconcile/reconcile.ts";
import type { ObjectRef } from "../../../src/objects/object.ts";
import { configMap, manifest, openWorld, patient, type World } from "./world.ts";

const deployment = (image: string): object => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image }] } },
  },
});
const ref: ObjectRef = { apiVersion: "apps/v1", kind: "Deployment", namespace: "default", name: "web" };
const merge = "application/merge-patch+json";

/** Deps that count the objects that a look compares. */
function counting({ deps }: World) {
  const seen = { count: 0 };
  const metrics = { comparedObjects: { add: () => void seen.count++ } };
  const counted: ReconcileDeps = { ...deps, metrics };
  return { counted, seen };
}

async function openSynced(spec: JsonObject = {}) {
  const world = await openWorld();
  await world.repository.commit({
    "web/a.yaml": configMap("a", { x: "1" }),
    "web/b.yaml": manifest(deployment("web:1"), {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "web" },
    }),
  });
  const app = world.app("web", spec);
  await world.sync(app, await world.lookWell(app));
  const { counted, seen } = counting(world);
  const compares = async (): Promise<number> => {
    seen.count = 0;
    const look = await world.lookWell(app, { level: 2, deps: counted });
    assert.equal(
      look.status,
      look.comparison.objects.every(({ status }) => status === "Synced") ? "Synced" : "OutOfSync",
    );
    return seen.count;
  };
  assert.equal(await compares(), 3, "all of it changed by the sync");
  assert.equal(await compares(), 0);
  return { world, app, compares, counted };
}

test("a commit compares the objects that it changes, and no others", async () => {
  const { world, app, compares, counted } = await openSynced();
  await using _ = world;
  await world.repository.commit({ "web/a.yaml": configMap("a", { x: "2" }) });
  await world.rig.sources.fetch(world.repository.url, {}, patient());
  assert.equal(await compares(), 1);
  const look = await world.lookWell(app, { level: 2, deps: counted });
  assert.deepEqual(
    [look.status, look.comparison.objects.map(({ status }) => status)],
    ["OutOfSync", ["OutOfSync", "Synced", "Synced"]],
  );
});

test("a status that goes on is compared no more; anything else of the object is", async () => {
  const { world, app, compares } = await openSynced();
  await using _ = world;
  const { client } = world.plane;
  const change = async (patch: JsonObject, subresource?: "status"): Promise<void> => {
    await client.patch(ref, merge, patch, subresource === undefined ? {} : { subresource }, patient());
    await world.seen({ ...ref, metadata: { name: "web", namespace: "default" } });
  };
  await change({ status: { observedGeneration: 1, availableReplicas: 1, updatedReplicas: 1 } }, "status");
  assert.equal(await compares(), 0);
  const look = await world.lookWell(app);
  assert.equal(look.health.status, "Healthy", "health is judged anew");
  for (const [patch, status] of [
    [{ metadata: { annotations: { more: "1" } } }, "Synced"],
    [{ spec: { paused: true } }, "Synced"],
    [{ spec: { template: { spec: { containers: [{ name: "web", image: "web:2" }] } } } }, "OutOfSync"],
  ] as const) {
    await change(patch);
    assert.equal(await compares(), 1, JSON.stringify(patch));
    assert.equal((await world.lookWell(app)).status, status, JSON.stringify(patch));
  }
});

test("where a path may read the status, each change of it is compared", async () => {
  const spec = { ignoreDifferences: [{ group: "apps", kind: "Deployment", jqPathExpressions: [".spec.replicas"] }] };
  const { world, compares } = await openSynced(spec);
  await using _ = world;
  await world.plane.client.patch(ref, merge, { status: { replicas: 3 } }, { subresource: "status" }, patient());
  await world.seen({ ...ref, metadata: { name: "web", namespace: "default" } });
  assert.equal(await compares(), 1);
});

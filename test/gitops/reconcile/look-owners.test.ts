import assert from "node:assert/strict";
import { test } from "node:test";
import { trackingAnnotation } from "../../../src/gitops/diff/tracking.ts";
import { defaultProject } from "../../../src/gitops/project/project.ts";
import { planAnswer } from "../../../src/gitops/reconcile/plan-answer.ts";
import { applicationOf } from "./applications.ts";
import { configMap, openWorld, patient, shown, warnings } from "./world.ts";

test("two Applications, one object: who tracks it keeps it, the other takes it over by hand only", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a", { x: "1" }) });
  const first = world.app("first", {}, { creationTimestamp: "2026-11-29T11:00:00Z" });
  const older = world.app("older");
  await world.sync(first, await world.lookWell(first));
  const look = await world.lookWell(older);
  assert.deepEqual([...look.disturbed], ["argocd/first"]);
  assert.deepEqual(shown(look), ["!ConfigMap/a OutOfSync"]);
  assert.deepEqual(warnings(look), [
    "SharedResourceWarning: ConfigMap/a is part of applications argocd/older and first",
  ]);
  const idle = await world.sync(older, look, {}, true);
  assert.deepEqual([idle.phase, idle.resources], ["Succeeded", []]);
  const kept = await world.lookWell(first, { level: 1 });
  assert.deepEqual([shown(kept), kept.disturbed.size], [["ConfigMap/a Synced"], 0]);
  const owner = await world.sync(first, kept, { syncOptions: ["FailOnSharedResource=true"] });
  assert.equal(owner.phase, "Succeeded", "the owner is not kept from its own object");
  const refused = await world.sync(older, look, { syncOptions: ["FailOnSharedResource=true"] });
  assert.deepEqual(
    [refused.phase, refused.message],
    ["Failed", "Shared resource found: ConfigMap/a is part of applications argocd/older and first"],
  );
  const told = (...syncOptions: readonly string[]) => {
    const { operation } = applicationOf({}, { operation: { sync: { syncOptions } } });
    assert.ok(operation);
    const place = { project: defaultProject("argocd"), cluster: world.cluster };
    const plan = { steps: [], onFailure: [] };
    const application = { ...older.application, operation };
    return planAnswer({ application, place, look, plan, invalid: new Map(), now: world.clock.now() });
  };
  assert.deepEqual([told().problems, told().warnings.length], [[], 2], "a plan only warns");
  assert.deepEqual(told("FailOnSharedResource=true").problems, [refused.message]);
  const taken = await world.sync(older, look);
  assert.equal(taken.resources.length, 1);
  assert.deepEqual(shown(await world.lookWell(older)), ["ConfigMap/a Synced"]);
  assert.deepEqual(shown(await world.lookWell(first)), ["!ConfigMap/a OutOfSync"]);
});

test("an object that nobody tracks is the oldest Application's; the next one gets it when that is gone", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const young = world.app("young", {}, { creationTimestamp: "2026-11-29T11:00:00Z" });
  const old = world.app("old");
  assert.deepEqual(shown(await world.lookWell(young)), ["ConfigMap/a OutOfSync"]);
  assert.deepEqual([...(await world.lookWell(old)).disturbed], ["argocd/young"]);
  assert.deepEqual(shown(await world.lookWell(young)), ["!ConfigMap/a OutOfSync"]);
  await world.sync(old, await world.lookWell(old));
  assert.deepEqual([...world.deps.claims.forget("argocd/old")], ["argocd/young"]);
  // Still tracked as the one that is gone: it counts no more, but a person should know.
  const look = await world.lookWell(young);
  assert.deepEqual(shown(look), ["ConfigMap/a OutOfSync"]);
  assert.deepEqual(warnings(look), ["SharedResourceWarning: ConfigMap/a is part of applications argocd/young and old"]);
});

test("an Application that was renamed gets what the former name tracks", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const former = world.app("former");
  await world.sync(former, await world.lookWell(former));
  world.deps.claims.forget("argocd/former");
  const renamed = world.app("renamed");
  const progress = await world.sync(renamed, await world.lookWell(renamed), {}, true);
  assert.deepEqual(
    progress.resources.map(({ status }) => status),
    ["Synced"],
  );
  const look = await world.lookWell(renamed);
  assert.deepEqual([look.status, warnings(look)], ["Synced", []]);
});

test("after a restart an object stays with the Application that tracks it, whoever is looked at first", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const owner = world.app("owner", {}, { namespace: "team", creationTimestamp: "2026-11-29T11:00:00Z" });
  await world.sync(owner, await world.lookWell(owner));
  world.deps.claims.forget("team/owner");
  world.applications.add("team/owner");
  const other = world.app("other");
  const look = await world.lookWell(other);
  assert.deepEqual(shown(look), ["!ConfigMap/a OutOfSync"]);
  assert.deepEqual(warnings(look), [
    "SharedResourceWarning: ConfigMap/a is part of applications argocd/other and team/owner",
  ]);
});

test("the same object in two clusters is not shared", async () => {
  await using world = await openWorld();
  await using elsewhere = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const [here, there] = [
    world.app("here"),
    world.app("there", { destination: { name: "there", namespace: "default" } }),
  ];
  const clusters = [world.cluster, { ...elsewhere.cluster, server: "https://there.example", name: "there" }];
  const deps = { ...world.deps, directory: { ...world.deps.directory, clusters: () => clusters } };
  await world.lookWell(here);
  const look = await world.lookWell(there, { deps });
  assert.deepEqual([warnings(look), [...look.foreign], [...look.disturbed]], [[], [], []]);
});

test("a copy that somebody made with the tracking has no status and stays", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app();
  await world.sync(app, await world.lookWell(app));
  const annotations = { [trackingAnnotation]: "web:/ConfigMap:default/a" };
  const copy = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "copy", namespace: "default", annotations } };
  await world.seen(await world.plane.client.create(copy, {}, patient()));
  const look = await world.lookWell(app);
  assert.deepEqual([look.status, shown(look)], ["Synced", ["ConfigMap/a Synced", "ConfigMap/copy -"]]);
  assert.deepEqual(
    (await world.sync(app, look)).resources.map(({ name }) => name),
    ["a"],
  );
});

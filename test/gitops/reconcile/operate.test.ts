import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { operate } from "../../../src/gitops/reconcile/operate.ts";
import { touchedBy } from "../../../src/gitops/reconcile/touched.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { waitFor } from "../../harness/wait.ts";
import { applicationOf } from "./applications.ts";
import { configMap, manifest, openWorld, patient, type World } from "./world.ts";

const names = async (world: World, namespace = "default"): Promise<string[]> => {
  const list = await world.plane.client.list({ apiVersion: "v1", kind: "ConfigMap" }, { namespace }, patient());
  return list.items.map(({ metadata: { name = "" } }) => name).filter((name) => name.length === 1);
};

test("a dry run says what would be done and does nothing", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app();
  const { phase, resources } = await world.sync(app, await world.lookWell(app), { dryRun: true });
  assert.deepEqual([phase, resources.map(({ name }) => name)], ["Succeeded", ["a"]]);
  assert.deepEqual(await names(world), []);
});

test("only what was selected is synced, in the namespace that was named", async () => {
  await using world = await openWorld();
  await world.plane.client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "other" } }, {}, patient());
  const files = {
    "web/a.yaml": configMap("a"),
    "web/b.yaml": configMap("b"),
    "web/c.yaml": configMap("a", {}, { namespace: "other" }),
  };
  await world.repository.commit(files);
  const app = world.app();
  const look = await world.lookWell(app);
  await world.sync(app, look, { resources: [{ kind: "ConfigMap", name: "a", namespace: "other" }] });
  assert.deepEqual([await names(world), await names(world, "other")], [[], ["a"]]);
  await world.sync(app, look, { resources: [{ kind: "ConfigMap", name: "a" }] });
  assert.deepEqual([await names(world), await names(world, "other")], [["a"], ["a"]]);
});

test("without prune what is in the source no more stays, and is said to", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a"), "web/b.yaml": configMap("b") });
  const app = world.app();
  await world.sync(app, await world.lookWell(app));
  await world.repository.git("rm", "--quiet", "web/b.yaml");
  await world.repository.commit({});
  const look = await world.lookWell(app, { level: 3 });
  const kept = await world.sync(app, look, { prune: false });
  const touched = touchedBy(kept).map(({ object, status, phase, wave }) => ({ object, status, phase, wave }));
  assert.deepEqual(touched, [
    { object: "v1/ConfigMap/default/a", status: "Synced", phase: "Sync", wave: 0 },
    { object: "v1/ConfigMap/default/b", status: "PruneSkipped", phase: "Sync", wave: 0 },
  ]);
  assert.deepEqual(await names(world), ["a", "b"]);
  await world.sync(app, look);
  assert.deepEqual(await names(world), ["a"]);
});

for (const [name, options, expected] of [
  ["a namespace that is missing is made when asked for", ["CreateNamespace=true"], "Succeeded"],
  ["a namespace that is missing is an error otherwise", [], "Failed"],
] as const) {
  test(name, async () => {
    await using world = await openWorld();
    await world.repository.commit({ "web/a.yaml": configMap("a") });
    const app = world.app("web", { destination: { server: world.cluster.server, namespace: "made" } });
    for (const _ of [1, 2]) {
      const { phase, message } = await world.sync(app, await world.lookWell(app), { syncOptions: options });
      assert.equal(phase, expected, message);
    }
    assert.equal((await world.lookWell(app)).status, expected === "Succeeded" ? "Synced" : "OutOfSync");
  });
}

test("the namespace that a sync would make has to be permitted, too", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const project = world.projects.get("default");
  assert.ok(project);
  world.projects.set("default", { ...project, clusterResourceWhitelist: [] });
  const app = world.app("web", { destination: { server: world.cluster.server, namespace: "made" } });
  const { phase, message } = await world.sync(app, await world.lookWell(app), {
    syncOptions: ["CreateNamespace=true"],
  });
  assert.equal(phase, "Failed");
  assert.match(message, /resource :Namespace is not permitted in project default/);
});

test("what the server refuses is a failure that names the reason, and the rest stays undone", async () => {
  await using world = await openWorld();
  const wrong = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "Not A Name" } };
  await world.repository.commit({ "web/a.yaml": configMap("a"), "web/b.yaml": manifest(wrong) });
  const app = world.app();
  const { phase, message } = await world.sync(app, await world.lookWell(app)).catch((error: unknown) => {
    throw new Error("a refusal is a phase", { cause: error });
  });
  assert.equal(phase, "Failed");
  assert.match(message, /^one or more objects failed to apply \(dry run\), reason: .*Not A Name/);
  assert.deepEqual(await names(world), []);
});

test("a sync that is cut off ends with the signal's reason, and not as a failure", async () => {
  await using world = await openWorld();
  const waiting = { "argocd.argoproj.io/hook": "PreSync" };
  const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "j", annotations: waiting } };
  const spec = { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } } };
  await world.repository.commit({ "web/j.yaml": manifest({ ...job, spec }), "web/a.yaml": configMap("a") });
  const app = world.app();
  const look = await world.lookWell(app);
  const stop = new AbortController();
  const running = world.sync(app, look, {}, false, stop.signal);
  const ref = { apiVersion: "batch/v1", kind: "Job", namespace: "default", name: "j" };
  await waitFor("the hook to run", () => world.plane.client.get(ref, patient()));
  stop.abort(new Error("the engine ends"));
  await assert.rejects(running, { message: "the engine ends" });
  assert.deepEqual(await names(world), []);
});

for (const [option, tuned] of [
  ["RespectIgnoreDifferences=true", "9"],
  ["RespectIgnoreDifferences=false", "1"],
] as const) {
  test(`what somebody tuned and is ignored is ${tuned} after a sync with ${option}`, async () => {
    await using world = await openWorld();
    await world.repository.commit({ "web/a.yaml": configMap("a", { tuned: "1", plain: "1" }) });
    const app = world.app("web", { ignoreDifferences: [{ kind: "ConfigMap", jsonPointers: ["/data/tuned"] }] });
    await world.sync(app, await world.lookWell(app));
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" };
    const patch = { data: { tuned: "9" } };
    const seen = await world.plane.client.patch(ref, "application/merge-patch+json", patch, { fieldManager: "tuner" });
    await world.seen(seen);
    await world.repository.commit({ "web/a.yaml": configMap("a", { tuned: "1", plain: "2" }) });
    const look = await world.lookWell(app, { level: 3 });
    const { phase, message } = await world.sync(app, look, { syncOptions: [option] });
    assert.equal(phase, "Succeeded", message);
    assert.deepEqual((await world.plane.client.get(ref, patient()))?.data, { tuned, plain: "2" });
  });
}

test("a sync acts as the service account that its project names, in all it does", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app();
  const look = await world.lookWell(app);
  const users: string[] = [];
  const refuse = (): never => {
    throw new Error("the engine itself asks");
  };
  const kube: KubeClient = {
    ...world.plane.client,
    patch: refuse,
    as(user) {
      users.push(user);
      return world.plane.client;
    },
  };
  const destinationServiceAccounts = [{ server: "*", namespace: "default", defaultServiceAccount: "deployer" }];
  const permitted = world.projects.get("default");
  assert.ok(permitted);
  const project = { ...permitted, spec: { ...permitted.spec, destinationServiceAccounts } };
  const sync = parseOperation({ prune: true });
  const running = {
    ...{ sync, isAutomated: false, startedAt: world.clock.now(), previous: [], runId: "r" },
    ...{ current: () => app.application, project: () => project },
  };
  const deps = {
    clock: systemClock,
    report: async () => undefined,
    pollMs: 2,
    waveDelayMs: 0,
    impersonation: "enforced",
  } as const;
  const place = { project, cluster: { ...world.cluster, kube } };
  const { phase, message } = await operate(app.application, place, look, running, deps, patient());
  assert.equal(phase, "Succeeded", message);
  assert.deepEqual(users, ["system:serviceaccount:default:deployer"]);
});

function parseOperation(sync: JsonObject) {
  const { operation } = applicationOf({}, { operation: { sync } });
  assert.ok(operation?.sync);
  return operation.sync;
}

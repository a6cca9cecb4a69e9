import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf, textOf } from "../../../src/api/fields.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { defaultSyncSettings } from "../../../src/controllers/applications/sync-settings.ts";
import {
  applicationRef,
  configMap,
  configRef,
  createApplication,
  hookJob,
  openShop,
  type World,
} from "./application-rig.ts";

const merge = "application/merge-patch+json";
const pruning = { syncPolicy: { automated: { prune: true, allowEmpty: true } } };
const projectRef = { apiVersion: "argoproj.io/v1alpha1", kind: "AppProject", namespace: "argocd", name: "default" };

async function stateOf(world: World): Promise<JsonObject> {
  return objectOf((await world.application()).status.operationState);
}

function ask(world: World, sync: JsonObject = {}, more: JsonObject = {}): Promise<unknown> {
  const body = { operation: { sync, initiatedBy: { username: "ada" }, ...more } };
  return world.kube.patch(applicationRef, merge, body as JsonObject);
}

async function ended(world: World): Promise<JsonObject | undefined> {
  const state = await stateOf(world);
  return ["Succeeded", "Failed", "Error"].includes(textOf(state.phase)) ? state : undefined;
}

function annotate(world: World, annotations: JsonObject): Promise<unknown> {
  return world.kube.patch(applicationRef, merge, { metadata: { annotations } });
}

async function project(world: World, spec: JsonObject): Promise<void> {
  const all = { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }] };
  const kinds = { clusterResourceWhitelist: [{ group: "*", kind: "*" }] };
  const { apiVersion, kind, namespace, name } = projectRef;
  await world.kube.create({ apiVersion, kind, metadata: { namespace, name }, spec: { ...all, ...kinds, ...spec } });
}

const conditionsOf = async (world: World): Promise<string[]> =>
  listOf((await world.application()).status.conditions)
    .map(objectOf)
    .map(({ type, message }) => `${textOf(type)}: ${textOf(message)}`);

const looked = (world: World): Promise<unknown> =>
  world.until("the look", async () => textOf((await world.application()).status.reconciledAt) !== "");

/** An hour from now, for as long; the rig's time is told by the world's clock. */
function windowIn(world: World, kind: "allow" | "deny", minutes: number, more: JsonObject = {}): JsonObject {
  const at = new Date(world.clock.now() + minutes * 60_000);
  const schedule = `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
  return { syncWindows: [{ kind, schedule, duration: "1h", applications: ["*"], ...more }] };
}

test("an automated sync begins by itself when its window opens", async () => {
  await using world = await openShop();
  await project(world, windowIn(world, "allow", 10));
  await createApplication(world, pruning);
  await world.start();
  await looked(world);
  await world.pass(60_000, 5_000);
  assert.equal(world.syncs().length, 0);
  await world.until("the sync", () => world.syncs().length === 1, 10_000);
  assert.notEqual(await world.kube.get(configRef), undefined);
});

test("a sync by hand is kept back by a window, says so, and goes on when the project permits it", async () => {
  await using world = await openShop();
  await project(world, windowIn(world, "deny", -10));
  await createApplication(world);
  await world.start();
  await looked(world);
  await ask(world);
  await world.until("the message", async () => {
    const { phase, message } = await stateOf(world);
    return phase === "Running" && message === "Sync operation blocked by sync window";
  });
  await world.pass(30_000, 1_000);
  assert.equal(await world.kube.get(configRef), undefined);
  await world.kube.patch(projectRef, merge, { spec: windowIn(world, "deny", -10, { manualSync: true }) } as JsonObject);
  const state = await world.until("the end", () => ended(world));
  assert.equal(state.phase, "Succeeded", textOf(state.message));
  assert.equal(world.syncs()[0]?.by, "ada", "who broke the glass is on record");
});

test("what is on hold is not synced by itself, until the hold is taken away", async () => {
  await using world = await openShop();
  await createApplication(world, pruning, { annotations: { "tiphys.io/hold": "an incident" } });
  await world.start();
  await looked(world);
  await world.pass(30_000, 1_000);
  assert.equal(world.syncs().length, 0);
  await annotate(world, { "tiphys.io/hold": null });
  await world.until("the sync", () => world.syncs().length === 1);
});

test("an automated sync that would delete everything parks, names it, and goes on when approved", async () => {
  await using world = await openShop();
  await createApplication(world, pruning);
  await world.start();
  await world.until("the sync", () => world.syncs().length === 1);
  await world.repository.git("rm", "--quiet", "-r", "web");
  await world.repository.commit({ "web/README.md": "nothing\n" });
  await annotate(world, { "argocd.argoproj.io/refresh": "normal" });
  const message = await world.until("the condition", async () =>
    (await conditionsOf(world)).find((text) => text.includes("needs approval")),
  );
  assert.match(
    message,
    /^SyncError: needs approval: all objects of the Application would be deleted \(ConfigMap\/shop\//,
  );
  await world.pass(20_000, 1_000);
  assert.equal(world.syncs().length, 1);
  await annotate(world, { "tiphys.io/approved-plan": "0123456789abcdef" });
  await world.pass(5_000, 500);
  assert.equal(world.syncs().length, 1, "another plan's approval does not count");
  const digest = /approved-plan=([0-9a-f]+)/.exec(message)?.[1] ?? "";
  await annotate(world, { "tiphys.io/approved-plan": digest });
  await world.until("the sync", () => world.syncs().length === 2);
  assert.equal(await world.kube.get(configRef), undefined);
  assert.deepEqual(await conditionsOf(world), []);
});

test("the same by hand needs no approval", async () => {
  await using world = await openShop();
  await createApplication(world, { syncPolicy: {} });
  await world.start();
  await looked(world);
  await ask(world, { prune: true });
  await world.until("the sync", () => ended(world));
  await world.repository.git("rm", "--quiet", "-r", "web");
  await world.repository.commit({ "web/README.md": "nothing\n" });
  await ask(world, { prune: true });
  await world.until("the deletion", async () => (await world.kube.get(configRef)) === undefined);
});

test("a prune that needs confirmation waits for the annotation, over a restart", async () => {
  await using world = await openShop();
  const confirm = ", annotations: {argocd.argoproj.io/sync-options: Prune=confirm}";
  await world.repository.commit({ "web/old.yaml": configMap("old", {}, confirm) });
  await createApplication(world);
  const engine = await world.start();
  await looked(world);
  await ask(world);
  await world.until("the sync", () => ended(world));
  await world.repository.git("rm", "--quiet", "web/old.yaml");
  await world.repository.commit({});
  await ask(world, { prune: true });
  const waiting = "waiting for pruning confirmation of /ConfigMap/old";
  await world.until("the message", async () => (await stateOf(world)).message === waiting);
  const approval = "argocd.argoproj.io/deletion-approved";
  // One of an earlier operation does not count.
  await annotate(world, { [approval]: new Date(world.clock.now() - 3_600_000).toISOString() });
  await engine.kill();
  await world.start();
  await world.pass(10_000, 500);
  assert.equal((await stateOf(world)).message, waiting);
  await annotate(world, { [approval]: new Date(world.clock.now()).toISOString() });
  await world.until("the deletion", async () => (await world.kube.get({ ...configRef, name: "old" })) === undefined);
});

test("a project that changes while an operation waits holds for what is still to do, over a restart", async () => {
  await using world = await openShop();
  await project(world, {});
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world);
  const engine = await world.start();
  await looked(world);
  await ask(world);
  const jobRef = { apiVersion: "batch/v1", kind: "Job", namespace: "shop", name: "migrate" };
  await world.until("the hook", () => world.kube.get(jobRef));
  await world.until("the wait", async () => textOf((await stateOf(world)).message).startsWith("waiting for"));
  await engine.kill();
  const spec = { namespaceResourceBlacklist: [{ group: "", kind: "ConfigMap" }] };
  await world.kube.patch(projectRef, merge, { spec });
  await world.start();
  const complete = { status: { conditions: [{ type: "Complete", status: "True" }] } };
  await world.kube.patch(jobRef, merge, complete, { subresource: "status" });
  const state = await world.until("the end", () => ended(world));
  assert.equal(state.phase, "Failed");
  assert.match(textOf(state.message), /resource :ConfigMap is not permitted in project default/);
  assert.equal(await world.kube.get(configRef), undefined);
});

test("an operation that runs for too long is terminated, and says why", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world);
  await world.start({ syncSettings: { ...defaultSyncSettings, syncTimeoutMs: () => 60_000 } });
  await looked(world);
  await ask(world, {}, { retry: { limit: 5 } });
  const state = await world.until("the end", () => ended(world), 1_000);
  assert.deepEqual(
    [state.phase, state.message],
    ["Failed", "Operation terminated, triggered by controller sync timeout"],
  );
});

test("where accounts are enforced, a sync without one does nothing", async () => {
  await using world = await openShop();
  await createApplication(world);
  await world.start({ syncSettings: { ...defaultSyncSettings, impersonation: () => "enforced" } });
  await looked(world);
  await ask(world);
  const { phase, message } = await world.until("the end", () => ended(world));
  assert.equal(phase, "Error");
  assert.match(textOf(message), /^no matching service account found for destination server .* and namespace shop$/);
  assert.equal(await world.kube.get(configRef), undefined);
});

test("a sync outlasts an API that is away for a minute, without another attempt", async () => {
  await using world = await openShop();
  await world.repository.commit({
    "web/job.yaml": hookJob("migrate", "PreSync"),
    "web/late.yaml": configMap("late", {}, ', annotations: {argocd.argoproj.io/sync-wave: "1"}'),
  });
  await createApplication(world);
  let isAway = false;
  await world.start({
    fault: ({ path }) => {
      if (isAway && !path.includes("/argoproj.io/")) throw new Error("connection refused");
    },
  });
  await looked(world);
  await ask(world, {}, { retry: { limit: 5 } });
  const job = { apiVersion: "batch/v1", kind: "Job", namespace: "shop", name: "migrate" };
  const made = await world.until("the hook", () => world.kube.get(job));
  isAway = true;
  const complete = { status: { conditions: [{ type: "Complete", status: "True" }] } };
  await world.kube.patch(job, merge, complete, { subresource: "status" });
  await world.pass(60_000, 2_000);
  assert.equal((await stateOf(world)).phase, "Running");
  isAway = false;
  const state = await world.until("the end", () => ended(world), 1_000);
  assert.deepEqual([state.phase, state.retryCount], ["Succeeded", undefined], textOf(state.message));
  assert.equal((await world.kube.get(job))?.metadata.uid, made.metadata.uid);
  assert.notEqual(await world.kube.get({ ...configRef, name: "late" }), undefined);
});

test("manifests that an operation brings along are synced, and compared with until the next one", async () => {
  await using world = await openShop();
  await createApplication(world);
  await world.start();
  await looked(world);
  const own = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "local" }, data: { a: "1" } };
  await ask(world, { manifests: [JSON.stringify(own)] });
  const done = await world.until("the end", () => ended(world));
  assert.equal(done.phase, "Succeeded", textOf(done.message));
  assert.notEqual(await world.kube.get({ ...configRef, name: "local" }), undefined);
  assert.equal(await world.kube.get(configRef), undefined, "not what the source says");
  const compared = async () => {
    const { status } = await world.application();
    return [textOf(objectOf(status.sync).status), listOf(status.resources).map((one) => textOf(objectOf(one).name))];
  };
  await world.until("a comparison", async () => (await compared()).flat().includes("local"));
  await annotate(world, { "argocd.argoproj.io/refresh": "hard" });
  await world.until("the refresh", async () => {
    const { annotations = {} } = (await world.application()).metadata;
    return annotations["argocd.argoproj.io/refresh"] === undefined;
  });
  assert.deepEqual(await compared(), ["Synced", ["local"]]);
  await ask(world, { manifests: ["a: 1\na: 2\n"] });
  const failed = await world.until("the end", async () => {
    const state = await ended(world);
    return state?.phase === "Error" ? state : undefined;
  });
  assert.match(
    textOf(failed.message),
    /^ComparisonError: Failed to load local manifests: operation.sync.manifests\[0\]/,
  );
  assert.equal((await compared())[0], "Unknown");
  await ask(world, {});
  await world.until("what the source says", () => world.kube.get(configRef));
  await world.until("a comparison with it", async () => (await compared()).flat().includes("OutOfSync"));
  assert.deepEqual((await compared())[1], ["local", "settings"], "what was brought along is one to prune");
  await world.kube.patch(applicationRef, merge, { operation: { initiatedBy: { username: "ada" } } });
  await world.until("the end of one that asks for nothing", async () => {
    const { phase, message } = await stateOf(world);
    return phase === "Error" && message === "Invalid operation request: no operation specified";
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf, textOf } from "../../../src/api/fields.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { applicationPartition } from "../../../src/controllers/applications/application-partition.ts";
import { localEvent } from "../../../src/controllers/applications/application-requests.ts";
import type { GitOpsRequest } from "../../../src/events/triggers/gitops-request.ts";
import {
  allowAnyField,
  applicationRef,
  automated,
  configMap,
  configRef,
  createApplication,
  hookJob,
  openShop,
  type TestEngine,
  type World,
} from "./application-rig.ts";

const merge = "application/merge-patch+json";
const jobRef = { apiVersion: "batch/v1", kind: "Job", namespace: "shop", name: "migrate" };
const complete = { status: { conditions: [{ type: "Complete", status: "True" }] } };
const never = new AbortController().signal;
const positionKey = `position/${applicationPartition("argocd/web")}`;

function wish(world: World, engine: TestEngine, key: string, more: Partial<GitOpsRequest> = {}): Promise<unknown> {
  const application = { namespace: "argocd", name: "web" };
  const by = { namespace: "default", name: "deploy" };
  const sync = { prune: false, dryRun: false, syncOptions: [] };
  const request = { application, operation: "sync" as const, key, by, sync, ...more } as GitOpsRequest;
  return engine.target.request(request, world.kube, never);
}

async function syncStatus(world: World): Promise<string> {
  return textOf(objectOf((await world.application()).status.sync).status);
}

async function compared(world: World): Promise<void> {
  await world.until("the look", async () => (await syncStatus(world)) !== "");
}

async function position(world: World): Promise<number> {
  const entry = await world.bus.state("reconcile").get(positionKey);
  return entry === undefined ? 0 : JSON.parse(new TextDecoder().decode(entry.value)).after;
}

test("a wish for a sync is done, with the effect as its cause, and its position passes", async () => {
  await using world = await openShop();
  await createApplication(world);
  const engine = await world.start();
  await compared(world);
  await wish(world, engine, "uid/deploy/1");
  await world.until("the sync", () => world.syncs().length === 1);
  const [sync] = world.syncs();
  const decision = world.decisions().find(({ id }) => id === sync?.causes[0]);
  assert.deepEqual(decision?.causes, ["uid/deploy/1"]);
  const { initiatedBy } = objectOf(objectOf((await world.application()).status.operationState).operation);
  assert.equal(objectOf(initiatedBy).username, "Sensor default/deploy");
  await world.until("the position", async () => (await position(world)) === 1, 200);
});

test("a wish for an Application that our watch does not know yet waits for it", async () => {
  await using world = await openShop();
  const engine = await world.start();
  engine.freeze(true);
  await createApplication(world);
  await wish(world, engine, "uid/deploy/1");
  await world.pass(3_000, 100);
  assert.equal(await position(world), 0);
  engine.freeze(false);
  await world.kube.patch(applicationRef, merge, { metadata: { labels: { touched: "true" } } });
  await world.until("the sync", () => world.syncs().length === 1);
});

test("a request for an Application that never comes is let go after a minute, and says so", async () => {
  await using world = await openShop();
  const engine = await world.start();
  await createApplication(world);
  await compared(world);
  await wish(world, engine, "uid/deploy/1", { application: { namespace: "argocd", name: "web" } });
  await world.until("the sync", () => world.syncs().length === 1);
  await world.until("the position", async () => (await position(world)) === 1, 200);
  await engine.kill();
  await world.kube.delete(applicationRef);
  await world.bus.state("reconcile").delete(positionKey);
  await world.start();
  await world.pass(50_000, 1_000);
  assert.equal(await position(world), 0);
  await world.pass(15_000, 1_000);
  assert.equal(await position(world), 1);
  assert.ok(
    world.logged.some(
      ({ message, fields }) => message.includes("does not exist") && fields?.application === "argocd/web",
    ),
  );
});

test("wishes during an operation are one sync after it", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  const engine = await world.start();
  await world.until("the hook", () => world.kube.get(jobRef));
  for (const key of ["uid/deploy/1", "uid/deploy/2", "uid/deploy/3"]) await wish(world, engine, key);
  await world.pass(3_000, 100);
  assert.equal(await position(world), 0, "nothing passes before it was acted on");
  assert.equal(world.syncs().length, 0);
  await world.until("both syncs", async () => {
    if ((await world.kube.get(jobRef)) !== undefined)
      await world.kube.patch(jobRef, merge, complete, { subresource: "status" });
    return world.syncs().length === 2;
  });
  await world.pass(5_000, 100);
  assert.equal(world.syncs().length, 2);
  const decision = world.decisions().find(({ id }) => id === world.syncs()[1]?.causes[0]);
  assert.deepEqual(
    decision?.causes.filter((cause) => cause.startsWith("uid/")),
    ["uid/deploy/1", "uid/deploy/2", "uid/deploy/3"],
  );
  assert.equal(await position(world), 3);
});

test("a wish that waits costs no looks while the operation goes on", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  const engine = await world.start();
  await world.until("the hook", () => world.kube.get(jobRef));
  await wish(world, engine, "uid/deploy/1");
  await world.pass(2_000, 100);
  const looks = async (): Promise<number> =>
    Number(/argocd_app_reconcile_count\{[^}]*\} (\d+)/.exec(await engine.metrics())?.[1] ?? 0);
  const before = await looks();
  for (let round = 0; round < 10; round++) {
    await world.kube.patch(applicationRef, merge, { metadata: { annotations: { round: String(round) } } });
    await world.pass(300, 100);
  }
  assert.equal(await looks(), before);
});

test("killed after a wish began its sync, the wish that comes again does not begin another", async () => {
  await using world = await openShop();
  await createApplication(world);
  const engine = await world.start();
  await compared(world);
  world.bus.fault = (operation) => {
    if (operation === "put") throw new Error("no position is stored any more");
  };
  await wish(world, engine, "uid/deploy/1");
  await world.until("the sync", () => world.syncs().length === 1);
  await engine.kill();
  assert.equal(await position(world), 0);
  await world.start();
  await world.until("the position", async () => (await position(world)) === 1, 200);
  await world.pass(5_000, 200);
  assert.equal(world.syncs().length, 1);
});

test("killed at any write between a wish and its sync, it is synced all the same", async () => {
  for (const kill of [1, 2, 3]) {
    await using world = await openShop();
    await createApplication(world);
    let writes = Number.NEGATIVE_INFINITY;
    const engine = await world.start({
      fault({ method, path }) {
        if (method === "PATCH" && path.endsWith("/applications/web") && ++writes === kill) void engine.kill();
      },
    });
    await compared(world);
    await world.pass(500, 50);
    await wish(world, engine, "uid/deploy/1");
    writes = 0;
    await world.until("the kill", () => writes >= kill);
    await world.start();
    await world.until(
      "the sync",
      async () => objectOf((await world.application()).status.operationState).phase === "Succeeded",
    );
  }
});

test("a push is stored, acted on, and names its event in the decision", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const engine = await world.start();
  await world.until("the first sync", () => world.syncs().length === 1);
  const before = await world.repository.git("rev-parse", "HEAD");
  const after = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  const refs = [{ name: "refs/heads/main", old: before, new: after }];
  await engine.push({ url: world.repository.url, refs, headRef: "refs/heads/main" });
  await world.until("the second sync", () => world.syncs().length === 2);
  assert.deepEqual(world.syncs()[1]?.revisions, [after]);
  const decision = world.decisions().find(({ id }) => id === world.syncs()[1]?.causes[0]);
  assert.equal(decision?.events.push?.bus, "system");
  assert.equal(objectOf((await world.kube.get(configRef))?.data as never).a, "2");
  await world.until("the position", async () => (await position(world)) === 1, 200);
});

test("what is stored because of a registry makes it look at what its sources mean now, once for each push", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const { requests } = await world.start();
  await world.until("the first sync", () => world.syncs().length === 1);
  const commit = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  const what = { reason: "timer", application: "argocd/web", id: "registry/1", what: "it has 1.2", level: 3 } as const;
  for (let delivery = 0; delivery < 2; delivery++) {
    await requests.store("argocd/web", localEvent(what, world.clock.now()));
  }
  await world.until("the second sync", () => world.syncs().length === 2);
  assert.deepEqual(world.syncs()[1]?.revisions, [commit]);
  await world.until("the position", async () => (await position(world)) === 1, 200);
});

test("a push to another branch, or another repository, asks nobody", async () => {
  await using world = await openShop();
  await createApplication(world);
  const engine = await world.start();
  await compared(world);
  const refs = [{ name: "refs/heads/other", old: "0".repeat(40), new: "1".repeat(40) }];
  await engine.push({ url: world.repository.url, refs, headRef: "refs/heads/main" });
  await engine.push({ url: "https://git.example/else.git", refs, headRef: "refs/heads/other" });
  assert.equal(world.bus.stored("reconcile").length, 0);
  assert.equal(world.bus.stored("events").length, 2);
});

test("skip-reconcile: nothing is done, what was asked for leaves a record, and later it is looked at", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const engine = await world.start();
  await world.until("the first sync", () => world.syncs().length === 1);
  const skip = "argocd.argoproj.io/skip-reconcile";
  await world.kube.patch(applicationRef, merge, { metadata: { annotations: { [skip]: "true" } } });
  await world.pass(1_000, 100);
  const before = await world.repository.git("rev-parse", "HEAD");
  const after = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  const refs = [{ name: "refs/heads/main", old: before, new: after }];
  await engine.push({ url: world.repository.url, refs, headRef: "refs/heads/main" });
  await wish(world, engine, "uid/deploy/1");
  await world.until("the position", async () => (await position(world)) === 2, 200);
  assert.equal(world.syncs().length, 1);
  assert.ok(
    world
      .decisions()
      .some(({ causes, reason }) => causes.includes("uid/deploy/1") && reason?.includes("skip-reconcile")),
  );
  // The mirror has not been asked since: a look at what is known would not find the push.
  await world.kube.patch(applicationRef, merge, { metadata: { annotations: { [skip]: null } } });
  await world.until("the second sync", () => world.syncs().length === 2);
  assert.deepEqual(world.syncs()[1]?.revisions, [after]);
});

test("an Application whose spec cannot be read says so, and works once it was mended", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const engine = await world.start();
  await world.until("the first sync", () => world.syncs().length === 1);
  const { spec } = await world.application();
  await allowAnyField(world.kube);
  await world.kube.patch(applicationRef, merge, { spec: { syncPolicy: { retry: { limit: "many" } } } } as JsonObject);
  const conditions = await world.until("the condition", async () => {
    const found = listOf((await world.application()).status.conditions).map(objectOf);
    return found.some(({ type }) => type === "InvalidSpecError") ? found : undefined;
  });
  assert.equal(conditions.length, 1);
  await world.pass(1_000, 100);
  const writes = engine.writes();
  await wish(world, engine, "uid/deploy/1");
  await world.until("the position", async () => (await position(world)) === 1, 200);
  assert.ok(
    world.decisions().some(({ causes }) => causes.includes("uid/deploy/1")),
    "the wish leaves a record",
  );
  await world.pass(60_000, 1_000);
  assert.equal(engine.writes(), writes, "it is written once");
  await world.kube.patch(applicationRef, merge, { spec: { syncPolicy: { retry: null } } });
  await world.until("the mending", async () => {
    const { status } = await world.application();
    return listOf(status.conditions).length === 0 && objectOf(status.sync).status === "Synced";
  });
  assert.deepEqual((await world.application()).spec, spec);
  const before = await world.repository.git("rev-parse", "HEAD");
  const after = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  await engine.push({
    url: world.repository.url,
    refs: [{ name: "refs/heads/main", old: before, new: after }],
    headRef: undefined,
  });
  await world.until("the sync of a push", () => world.syncs().at(-1)?.revisions[0] === after);
});

test("the annotation refresh is answered and removed; one that was set meanwhile stays for another look", async () => {
  await using world = await openShop();
  await createApplication(world);
  const refresh = "argocd.argoproj.io/refresh";
  const stamp = "argocd.argoproj.io/refresh-timestamp";
  const annotate = (at: string): Promise<unknown> =>
    world.kube.patch(applicationRef, merge, { metadata: { annotations: { [refresh]: "normal", [stamp]: at } } });
  const removals: string[] = [];
  let isNext = false;
  const engine = await world.start({
    async fault({ method, path, body }) {
      const isRemoval = body.includes('"op":"remove"') || body.includes('refresh":null');
      if (method !== "PATCH" || !path.endsWith("/applications/web") || !isRemoval) return;
      removals.push(textOf(objectOf((await world.application()).metadata.annotations as never)[stamp]));
      if (removals.length === 1) {
        await annotate("second");
        isNext = true;
      }
    },
  });
  await compared(world);
  await annotate("first");
  await world.until("the removal", async () => {
    const { annotations = {} } = (await world.application()).metadata;
    return removals.length > 0 && annotations[refresh] === undefined;
  });
  assert.equal(isNext, true);
  assert.deepEqual(removals, ["first", "second"]);
  assert.ok(engine.writes() < 10);
});

test("a request is acted on while another Application waits for its first look", async () => {
  await using world = await openShop();
  await world.repository.commit({ "slow/other.yaml": configMap("other", {}) });
  await createApplication(world);
  const source = { repoURL: world.repository.url, path: "slow", targetRevision: "main" };
  await createApplication(world, { source }, { name: "slow" });
  const hang = Promise.withResolvers<void>();
  const engine = await world.start({ onRender: (folder) => (folder === "slow" ? hang.promise : undefined) });
  await wish(world, engine, "uid/deploy/1");
  await world.until("the sync", () => world.syncs().length === 1);
  hang.resolve();
});

test("a push that comes before the first look at an Application asks it, too", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const hang = Promise.withResolvers<void>();
  const engine = await world.start({ onRender: () => hang.promise });
  const before = await world.repository.git("rev-parse", "HEAD");
  await world.pass(500, 50);
  const after = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  await engine.push({
    url: world.repository.url,
    refs: [{ name: "refs/heads/main", old: before, new: after }],
    headRef: undefined,
  });
  hang.resolve();
  await world.until("the sync of the push", () => world.syncs().at(-1)?.revisions[0] === after);
});

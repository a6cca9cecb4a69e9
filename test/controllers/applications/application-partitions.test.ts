import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf, textOf } from "../../../src/api/fields.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { applicationPartition } from "../../../src/controllers/applications/application-partition.ts";
import {
  applicationRef,
  automated,
  type Call,
  configMap,
  configRef,
  createApplication,
  hookJob,
  openShop,
  type TestEngine,
  type World,
} from "./application-rig.ts";

const merge = "application/merge-patch+json";
const web = applicationPartition("argocd/web");
const jobRef = { apiVersion: "batch/v1", kind: "Job", namespace: "shop", name: "migrate" };
const complete = { status: { conditions: [{ type: "Complete", status: "True" }] } };
const never = new AbortController().signal;

/** Two engines; `holder` says whose the Applications of `web`'s partition are, all others are the second's. */
async function startPair(world: World, more: { readonly fault?: (call: Call) => void | Promise<void> } = {}) {
  let holder: "a" | "b" | undefined = "a";
  const a = await world.start({ owns: (partition) => partition === web && holder === "a", ...more });
  const b = await world.start({ owns: (partition) => partition !== web || holder === "b" });
  const tell = (engine: TestEngine): void => {
    engine.controller.partitionChanged(web);
    engine.requests.changed();
  };
  return {
    a,
    b,
    /** As leases do it: nobody has it until what is under way has ended. */
    async handOver() {
      holder = undefined;
      await a.controller.leavePartition(web);
      await a.requests.leave(web);
      holder = "b";
      tell(b);
    },
    /** The process of the first stands still: the other takes over, and it does not know. */
    take() {
      holder = "b";
      tell(b);
    },
    /** It goes on, and sees that its lease is lost. */
    wakeUp: () => tell(a),
  };
}

const writesIn = (calls: readonly Call[]): readonly string[] =>
  calls.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);
const isOf = (name: string) => (text: string) => text.endsWith(`/applications/${name}`);

async function syncStatus(world: World, name = "web"): Promise<string> {
  return textOf(objectOf((await world.application(name)).status.sync).status);
}

async function stateOf(world: World): Promise<string> {
  const { phase, message } = objectOf((await world.application()).status.operationState);
  return `${textOf(phase)}: ${textOf(message)}`;
}

function wish(world: World, engine: TestEngine, key: string): Promise<unknown> {
  const application = { namespace: "argocd", name: "web" };
  const by = { namespace: "default", name: "deploy" };
  const sync = { prune: false, dryRun: false, syncOptions: [] };
  return engine.target.request({ application, operation: "sync", key, by, sync, hop: 1 }, world.kube, never);
}

/** One whose partition is another than that of `web`. */
const other = "api";

test("each Application is written by the engine that has it, and by no other", async () => {
  assert.notEqual(applicationPartition(`argocd/${other}`), web);
  await using world = await openShop();
  await world.repository.commit({ "api/api.yaml": configMap("api", { a: "1" }) });
  await createApplication(world, automated);
  const source = { repoURL: world.repository.url, path: "api", targetRevision: "main" };
  await createApplication(world, { ...automated, source }, { name: other });
  const { a, b } = await startPair(world);
  for (const name of ["web", other]) {
    await world.until(`${name} to be synced`, async () => (await syncStatus(world, name)) === "Synced");
  }
  assert.deepEqual(writesIn(a.calls).filter(isOf(other)), []);
  assert.deepEqual(writesIn(b.calls).filter(isOf("web")), []);
  assert.ok(writesIn(a.calls).some(isOf("web")));
});

test("a push that one engine is told of, and a wish, reach the engine that has the Application", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  const { b } = await startPair(world);
  await world.until("the sync", () => world.syncs().length === 1);
  const commit = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  await b.push({
    url: world.repository.url,
    refs: [{ name: "refs/heads/main", old: "0".repeat(40), new: commit }],
    headRef: "refs/heads/main",
  });
  await world.until("the sync of the push", () => world.syncs().length === 2);
  assert.deepEqual(world.syncs()[1]?.revisions, [commit]);
  await wish(world, b, "uid/deploy/1");
  await world.until("the sync that was wished for", () => world.syncs().length === 3);
  const [first, second, third] = world.syncs().map(({ manifests }) => manifests);
  assert.match(first ?? "", /^sha256:[0-9a-f]{64}$/);
  assert.notEqual(second, first, "the push changed what was rendered");
  assert.equal(third, second, "the wish brought the same once more");
});

test("handed over during an operation: it goes on where it was, and its hook runs once", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  const { a, handOver } = await startPair(world);
  const hook = await world.until("the hook", () => world.kube.get(jobRef));
  let isHanded = false;
  void handOver().then(() => {
    isHanded = true;
  });
  await world.until("the hand-over", () => isHanded);
  const after = a.calls.length;
  await world.pass(2_000, 100);
  await world.kube.patch(jobRef, merge, complete, { subresource: "status" });
  await world.until("the sync", () => world.syncs().length === 1);
  assert.match(await stateOf(world), /^Succeeded: /);
  assert.equal((await world.kube.get(jobRef))?.metadata.uid, hook.metadata.uid, "the hook is made once");
  assert.deepEqual(writesIn(a.calls.slice(after)), []);
  assert.equal(world.syncs().length, 1);
});

test("taken over by an engine whose copy of the repository is older, it stays at its commit", async () => {
  await using world = await openShop();
  await world.repository.commit({ "api/api.yaml": configMap("api", { a: "1" }) });
  const source = { repoURL: world.repository.url, path: "api", targetRevision: "main" };
  await createApplication(world, { source }, { name: other });
  await createApplication(world, automated);
  const { b, take } = await startPair(world);
  await world.until("the sync", () => world.syncs().length === 1);
  await world.until("the copy of the other", async () => (await syncStatus(world, other)) !== "");
  const commit = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  await world.kube.patch(applicationRef, merge, {
    metadata: { annotations: { "argocd.argoproj.io/refresh": "normal" } },
  });
  await world.until("the second sync", () => world.syncs().length === 2);
  await world.until("its end", async () => (await world.application()).operation === undefined); // behind its record
  const before = b.calls.length;
  take();
  await world.kube.patch(applicationRef, merge, { metadata: { labels: { touched: "true" } } });
  await world.pass(5_000, 100);
  assert.deepEqual(
    writesIn(b.calls.slice(before)).filter((text) => text.endsWith("/configmaps/settings")),
    [],
  );
  assert.equal(world.syncs().length, 2);
  assert.equal(objectOf((await world.application()).status.sync).revision, commit);
});

test("taken over between an operation's record and its end: it ends at its commit, under the same name", async () => {
  await using world = await openShop();
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  const pair = await startPair(world, {
    async fault({ method, path, body }) {
      if (method !== "PATCH" || !isOf("web")(path) || !body.includes("Succeeded")) return;
      await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
      pair.take();
      await world.until("the successor's end", async () => (await world.application()).operation === undefined);
    },
  });
  await world.until("both records", () => world.syncs().length === 2);
  await world.until("the end", async () => (await stateOf(world)).startsWith("Succeeded: "));
  const [first, second] = world.syncs();
  assert.deepEqual([second?.key, second?.revisions], [first?.key, first?.revisions]);
  assert.deepEqual((await world.kube.get(configRef))?.data, { a: "1" });
  const late = () => pair.a.calls.filter(({ path, body }) => isOf("web")(path) && body.includes("Succeeded"));
  await world.until("the write that is late", () => late().length > 0);
  await world.pass(3_000, 100);
  assert.equal(late().length, 1, "refused, and not tried again");
});

test("a write that is under way is waited for before another engine has the Application", async () => {
  await using world = await openShop();
  await createApplication(world);
  let release: () => void = () => undefined;
  const isSlow = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isUnderWay = false;
  const { a, handOver } = await startPair(world, {
    async fault({ method, path }) {
      if (method !== "PATCH" || !isOf("web")(path)) return;
      isUnderWay = true;
      await isSlow;
    },
  });
  await world.until("the write", () => isUnderWay);
  let isHanded = false;
  void handOver().then(() => {
    isHanded = true;
  });
  await world.pass(1_000, 50);
  assert.equal(isHanded, false);
  release();
  await world.until("the hand-over", () => isHanded);
  const after = a.calls.length;
  await world.pass(3_000, 100);
  assert.deepEqual(writesIn(a.calls.slice(after)), []);
});

test("a request that was taken and not acted on goes with its Application", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  const { a, handOver } = await startPair(world);
  await world.until("the hook", () => world.kube.get(jobRef));
  await wish(world, a, "uid/deploy/1"); // it waits for the operation
  await world.pass(3_000, 100);
  let isHanded = false;
  void handOver().then(() => {
    isHanded = true;
  });
  await world.until("the hand-over", () => isHanded);
  await world.until("both syncs", async () => {
    if ((await world.kube.get(jobRef)) !== undefined)
      await world.kube.patch(jobRef, merge, complete, { subresource: "status" });
    return world.syncs().length === 2;
  });
  await world.pass(3_000, 100);
  assert.equal(world.syncs().length, 2);
});

test("an engine that stood still during an operation writes nothing once another has the Application", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/job.yaml": hookJob("migrate", "PreSync") });
  await createApplication(world, {}, {}, { operation: { sync: {} } });
  const { a, take, wakeUp } = await startPair(world);
  await world.until("the hook", () => world.kube.get(jobRef));
  take();
  const before = a.calls.length;
  await world.kube.patch(jobRef, merge, complete, { subresource: "status" });
  await world.until("the sync", () => world.syncs().length === 1);
  await world.pass(3_000, 100);
  assert.deepEqual(writesIn(a.calls.slice(before)), [], "before it knows");
  wakeUp();
  await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  await world.kube.patch(applicationRef, merge, { operation: { sync: {} } });
  await world.until("another sync", async () => {
    if ((await world.kube.get(jobRef)) !== undefined)
      await world.kube.patch(jobRef, merge, complete, { subresource: "status" });
    return world.syncs().length === 2;
  });
  assert.deepEqual(writesIn(a.calls.slice(before)), [], "after it knows");
});

test("a status that was on its way when the engine stood still is refused, and the successor's stays", async () => {
  await using world = await openShop();
  await createApplication(world);
  let isStopped = false;
  const pair = await startPair(world, {
    async fault({ method, path, body }) {
      if (isStopped || method !== "PATCH" || !isOf("web")(path) || !body.includes("sync")) return;
      isStopped = true;
      pair.take();
      await world.until("the successor's look", async () => (await syncStatus(world)) !== "");
      await world.repository.commit({ "web/more.yaml": configMap("more", { a: "1" }) });
      await pair.b.door.refresh({ namespace: "argocd", name: "web" }, false);
    },
  });
  await world.until("the write that is late", () => isStopped);
  await world.until(
    "the successor's second look",
    async () => listOf((await world.application()).status.resources).length === 2,
  );
  await world.pass(3_000, 100);
  assert.equal(listOf((await world.application()).status.resources).length, 2);
  const late = pair.a.calls.filter(({ method, path }) => method === "PATCH" && isOf("web")(path));
  assert.equal(late.length, 1, "it does not try again");
});

test("an object that Applications of two engines want belongs to one, and is told of to both", async () => {
  await using world = await openShop();
  const shared = configMap("settings", { a: "1" });
  await world.repository.commit({ "api/settings.yaml": shared });
  await createApplication(world, automated);
  await startPair(world);
  await world.until("the first", async () => (await syncStatus(world)) === "Synced");
  const source = { repoURL: world.repository.url, path: "api", targetRevision: "main" };
  await createApplication(world, { ...automated, source }, { name: other });
  const warned = async (name: string): Promise<boolean> =>
    listOf((await world.application(name)).status.conditions).some(
      (condition) => objectOf(condition).type === "SharedResourceWarning",
    );
  await world.until("both to be warned", async () => (await warned("web")) && (await warned(other)));
  await world.pass(3_000, 100);
  const live = await world.kube.get(configRef);
  assert.match(JSON.stringify(live?.metadata.annotations), /web:/, "automated syncs leave it to the first");
  await world.repository.commit({ "web/settings.yaml": "", "web/more.yaml": configMap("more", { a: "1" }) });
  await world.kube.patch(applicationRef, merge, {
    metadata: { annotations: { "argocd.argoproj.io/refresh": "normal" } },
  });
  await world.until("the other to have it", async () => {
    const { annotations } = (await world.kube.get(configRef))?.metadata ?? {};
    return JSON.stringify(annotations).includes(`${other}:`);
  });
});

test("whoever asks an engine without the Application to compare it gets the answer of the one with it", async () => {
  await using world = await openShop();
  await createApplication(world);
  const { b } = await startPair(world);
  await world.until("the look", async () => (await syncStatus(world)) !== "");
  await world.repository.commit({ "web/more.yaml": configMap("more", { a: "1" }) });
  let answer: JsonObject | undefined;
  void b.door.refresh({ namespace: "argocd", name: "web" }, true).then((object) => {
    answer = objectOf((object as { status?: JsonObject }).status);
  });
  await world.until("the answer", () => answer);
  assert.equal(listOf(answer?.resources).length, 2);
  assert.deepEqual(writesIn(b.calls).filter(isOf("web")).length, 1, "the annotation");
});

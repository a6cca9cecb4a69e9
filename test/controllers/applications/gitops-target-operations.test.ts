import assert from "node:assert/strict";
import { test } from "node:test";
import { objectOf, textOf } from "../../../src/api/fields.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import type { GitOpsRequest } from "../../../src/events/triggers/gitops-request.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import {
  automated,
  configMap,
  configRef,
  createApplication,
  openShop,
  type TestEngine,
  type World,
} from "./application-rig.ts";

const signal = new AbortController().signal;
const request = (
  key: string,
  operation: GitOpsRequest["operation"],
  more: Partial<GitOpsRequest> = {},
): GitOpsRequest => ({
  application: { namespace: "argocd", name: "web" },
  operation,
  key,
  by: { namespace: "default", name: "deploy" },
  hop: 1,
  ...more,
});
const plain = { prune: false, dryRun: false, syncOptions: [] };
const wait = { until: "healthy", timeoutMs: 60_000 } as const;

/** Waits while virtual time passes. */
async function outcomeOf(world: World, waiting: Promise<string>): Promise<string> {
  let settled = false;
  const end = (): void => {
    settled = true;
  };
  waiting.then(end, end);
  await world.until("the outcome", () => settled);
  return waiting;
}

async function syncTo(world: World, engine: TestEngine, key: string, revision?: string): Promise<string> {
  const asked = request(key, "sync", { sync: { ...plain, ...(revision ? { revision } : {}) } });
  await engine.target.request(asked, world.kube, signal);
  return outcomeOf(world, engine.target.wait(asked, wait, world.kube, signal));
}

const valueIn = async ({ kube }: World): Promise<unknown> =>
  ((await kube.get(configRef)) as unknown as { data?: { a?: string } })?.data?.a;

const historyOf = (application: KubeObject & { readonly status: JsonObject }) =>
  (application.status.history as { id?: number }[]).map(({ id = 0 }) => id);

test("a trigger that waits ends when its own sync has", async () => {
  await using world = await openShop();
  await createApplication(world);
  await using engine = await world.start();
  const message = await syncTo(world, engine, "k1");
  assert.equal(message, "Application argocd/web synced: it is Synced, Healthy");
  assert.equal(await valueIn(world), "1");
});

test("a sync that fails fails the trigger that waits, with its message", async () => {
  await using world = await openShop();
  await world.repository.commit({
    "web/bad.yaml": "apiVersion: none.example/v1\nkind: Nothing\nmetadata: {name: x}\n",
  });
  await createApplication(world);
  await using engine = await world.start();
  await assert.rejects(syncTo(world, engine, "k1"), { code: "SYNC_FAILED", message: /the sync ended: / });
});

test("a trigger does not wait for ever", async () => {
  await using world = await openShop();
  await createApplication(world);
  await using engine = await world.start();
  const never = engine.target.wait(request("nobody", "sync"), { ...wait, timeoutMs: 5_000 }, world.kube, signal);
  await assert.rejects(outcomeOf(world, never), { code: "SYNC_FAILED", message: /the sync has not begun after 5 s$/ });
});

test("a rollback goes back, and what it leaves does not come back under automated sync", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  await using engine = await world.start();
  await world.until("the first sync", async () => (await valueIn(world)) === "1");
  const bad = await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "2" }) });
  await syncTo(world, engine, "k1");
  assert.equal(await valueIn(world), "2");
  const [met] = await engine.target.find(request("", "rollback").application, world.kube, signal);
  assert.deepEqual(met?.history, [0, 1]);
  const back = request("k2", "rollback", { rollback: { id: 0, prune: false, dryRun: false } });
  await engine.target.request(back, world.kube, signal);
  const message = await outcomeOf(world, engine.target.wait(back, wait, world.kube, signal));
  assert.match(message, /^Application argocd\/web rolled back: it is OutOfSync, Healthy$/);
  await world.pass(30_000);
  assert.equal(await valueIn(world), "1");
  const after = await world.application();
  assert.equal(after.metadata.annotations?.["tiphys.io/quarantine"], bad);
  assert.deepEqual(historyOf(after), [0, 1, 2]);
  const repeated = await engine.target.request(back, world.kube, signal);
  assert.equal(repeated.message, "asked Application argocd/web to roll back");
  await world.pass(5_000);
  assert.deepEqual(historyOf(await world.application()), [0, 1, 2]);
});

test("a rollback to what is not in the history is recorded, and does nothing", async () => {
  await using world = await openShop();
  await createApplication(world);
  await using engine = await world.start();
  await syncTo(world, engine, "k1");
  const asked = request("k2", "rollback", { rollback: { id: 9, prune: false, dryRun: false } });
  await engine.target.request(asked, world.kube, signal);
  const reason = await world.until("the decision", () =>
    world
      .decisions()
      .map((one) => one.reason)
      .find((text) => text?.includes("rollback to 9")),
  );
  assert.match(reason ?? "", /which cannot be: application web does not have deployment id 9 in history$/);
});

test("terminate ends the operation that was met, as the Sensor's account, and no later one", async () => {
  await using world = await openShop();
  const hook = {
    "web/hook.yaml":
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: slow, namespace: shop, annotations: {argocd.argoproj.io/hook: PreSync}}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}\n",
  };
  await world.repository.commit(hook);
  await createApplication(world);
  await using engine = await world.start();
  const asked = request("k1", "sync", { sync: plain });
  await engine.target.request(asked, world.kube, signal);
  const meets = await world.until("the operation", async () => {
    const [one] = await engine.target.find(asked.application, world.kube, signal);
    return one?.begun === "" ? undefined : one;
  });
  const old = request("k2", "terminate", { begun: "2000-01-01T00:00:00Z" });
  assert.match((await engine.target.request(old, world.kube, signal)).message, /^no operation is in progress at /);
  const ending = request("k3", "terminate", { begun: meets.begun });
  const ended = await engine.target.request(ending, world.kube, signal);
  assert.equal(ended.message, "asked the operation of Application argocd/web to end");
  const phase = await world.until("its end", async () => {
    const text = textOf(objectOf((await world.application()).status.operationState).phase);
    return text === "Failed" || text === "Error" ? text : undefined;
  });
  assert.equal(phase, "Failed");
  assert.match((await engine.target.request(ending, world.kube, signal)).message, /^no operation is in progress at /);
});

test("a change of the source is written into the spec, by the Sensor's account, and synced", async () => {
  await using world = await openShop();
  await world.repository.git("checkout", "-q", "-b", "next");
  await world.repository.commit({ "web/settings.yaml": configMap("settings", { a: "next" }) });
  await world.repository.git("checkout", "-q", "main");
  await createApplication(world);
  await using engine = await world.start();
  const asked = request("k1", "sync", { sync: plain, source: { position: 1, targetRevision: "next" } });
  const { message } = await engine.target.request(asked, world.kube, signal);
  assert.equal(message, "asked Application argocd/web to sync, with another source");
  assert.equal(
    await outcomeOf(world, engine.target.wait(asked, wait, world.kube, signal)),
    "Application argocd/web synced: it is Synced, Healthy",
  );
  assert.equal(await valueIn(world), "next");
  const { spec } = await world.application();
  assert.equal(objectOf(objectOf(spec as never).source).targetRevision, "next");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf, textOf } from "../../../src/api/fields.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import type { ObjectRef } from "../../../src/objects/object.ts";
import {
  allowAnyField,
  applicationRef,
  automated,
  configMap,
  configRef,
  createApplication,
  openShop,
  type World,
} from "./application-rig.ts";

const merge = "application/merge-patch+json";
const cascade = "resources-finalizer.argocd.argoproj.io";
const ref = (name: string): ObjectRef => ({ ...configRef, name });

async function isGone(world: World): Promise<boolean> {
  return (await world.kube.get(applicationRef)) === undefined;
}

async function synced(world: World): Promise<void> {
  await world.until("the sync", async () => {
    const { status } = await world.application();
    return objectOf(status.operationState).phase === "Succeeded" && objectOf(status.sync).status === "Synced";
  });
}

test("without a finalizer the cluster is not touched", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  await world.start();
  await synced(world);
  await world.kube.delete(applicationRef);
  await world.pass(10_000, 200);
  assert.ok(await isGone(world));
  assert.notEqual(await world.kube.get(configRef), undefined);
});

test("with it, objects go wave by wave from the highest, and what is to be kept stays", async () => {
  await using world = await openShop();
  const annotated = (text: string): string => `, annotations: {${text}}`;
  await world.repository.commit({
    "web/early.yaml": configMap("early", {}, annotated('argocd.argoproj.io/sync-wave: "-1"')),
    "web/late.yaml": configMap(
      "late",
      {},
      `${annotated('argocd.argoproj.io/sync-wave: "2"')}, finalizers: [example.com/hold]`,
    ),
    "web/kept.yaml": configMap("kept", {}, annotated("argocd.argoproj.io/sync-options: Delete=false")),
    "web/helm.yaml": configMap("helm", {}, annotated("helm.sh/resource-policy: keep")),
  });
  await createApplication(world, automated, { finalizers: [cascade] });
  await world.start();
  await synced(world);
  await world.kube.delete(applicationRef);
  await world.until("the deletion of the last wave", async () => {
    return (await world.kube.get(ref("late")))?.metadata.deletionTimestamp !== undefined;
  });
  await world.pass(10_000, 200);
  assert.notEqual(await world.kube.get(configRef), undefined, "the next wave waits for the one before");
  await world.kube.patch(ref("late"), merge, { metadata: { finalizers: null } });
  await world.until("the end", () => isGone(world));
  for (const [name, isLeft] of [
    ["late", false],
    ["settings", false],
    ["early", false],
    ["kept", true],
    ["helm", true],
  ] as const) {
    assert.equal((await world.kube.get(ref(name))) !== undefined, isLeft, name);
  }
  const object = "argoproj.io/v1alpha1/Application/argocd/web";
  const told = world.records.filter((one) => one.kind === "observation" && one.object === object);
  assert.deepEqual(told.length, 1);
  assert.partialDeepStrictEqual(told[0], { change: "deleted", destination: { namespace: "shop" } });
});

test("what changed hands, or is another by the time it is deleted, stays", async () => {
  await using world = await openShop();
  await world.repository.commit({
    "web/other.yaml": configMap("other", {}),
    "web/saved.yaml": configMap("saved", {}),
    "web/written.yaml": configMap("written", {}),
  });
  await createApplication(world, automated, { finalizers: [cascade] });
  const annotate = (name: string, annotations: JsonObject): Promise<unknown> =>
    world.kube.patch(ref(name), merge, { metadata: { annotations } });
  const meanwhile: Record<string, () => Promise<unknown>> = {
    settings: () => annotate("settings", { "argocd.argoproj.io/tracking-id": "api:/ConfigMap:shop/settings" }),
    saved: () => annotate("saved", { "argocd.argoproj.io/sync-options": "Delete=false" }),
    written: () => annotate("written", { "example.com/seen": "now" }),
    async other() {
      await world.kube.delete(ref("other"));
      const { apiVersion, kind } = configRef;
      await world.kube.create({ apiVersion, kind, metadata: { name: "other", namespace: "shop" } });
    },
  };
  await world.start({
    async fault({ method, path }) {
      const name = path.split("/").at(-1) ?? "";
      const change = meanwhile[name];
      if (method !== "DELETE" || change === undefined) return;
      delete meanwhile[name];
      await change();
    },
  });
  await synced(world);
  await world.kube.delete(applicationRef);
  await world.until("the end", () => isGone(world));
  assert.deepEqual(Object.keys(meanwhile), []);
  for (const [name, isLeft] of [
    ["settings", true],
    ["saved", true],
    ["other", true],
    ["written", false],
  ] as const) {
    assert.equal((await world.kube.get(ref(name))) !== undefined, isLeft, name);
  }
});

test("goes on after a restart in the middle", async () => {
  await using world = await openShop();
  await world.repository.commit({
    "web/late.yaml": configMap(
      "late",
      {},
      ', annotations: {argocd.argoproj.io/sync-wave: "2"}, finalizers: [example.com/hold]',
    ),
  });
  await createApplication(world, automated, { finalizers: [`${cascade}/background`, "example.com/other"] });
  const engine = await world.start();
  await synced(world);
  await world.kube.delete(applicationRef);
  await world.until(
    "the first wave",
    async () => (await world.kube.get(ref("late")))?.metadata.deletionTimestamp !== undefined,
  );
  await engine.kill();
  await world.kube.patch(ref("late"), merge, { metadata: { finalizers: null } });
  await world.start();
  await world.until("our finalizer's removal", async () => {
    const { finalizers = [] } = (await world.application()).metadata;
    return finalizers.length === 1 && finalizers[0] === "example.com/other";
  });
  assert.equal(await world.kube.get(configRef), undefined);
});

const unknownServer = { destination: { server: "https://nowhere.example", namespace: "shop" } };

test("a destination that is unknown does not hold up the deletion", async () => {
  await using world = await openShop();
  await createApplication(world, unknownServer, { finalizers: [cascade] });
  await world.start();
  await world.until("the condition", async () => listOf((await world.application()).status.conditions).length > 0);
  await world.kube.delete(applicationRef);
  await world.until("the end", () => isGone(world));
});

test("a source that the project does not permit is no reason to leave objects behind", async () => {
  await using world = await openShop();
  const { apiVersion, ...rest } = { ...applicationRef, name: "team" };
  const projectRef = { apiVersion, kind: "AppProject", namespace: rest.namespace, name: rest.name };
  const spec = { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }] };
  await world.kube.create({ apiVersion, kind: "AppProject", metadata: { namespace: "argocd", name: "team" }, spec });
  await createApplication(world, { ...automated, project: "team" }, { finalizers: [cascade] });
  await world.start();
  await synced(world);
  await world.kube.patch(projectRef, merge, { spec: { sourceRepos: ["https://git.example/*"] } });
  await world.pass(1_000, 100);
  await world.kube.delete(applicationRef);
  await world.until("the end", () => isGone(world));
  assert.equal(await world.kube.get(configRef), undefined);
});

test("a project that is gone holds the deletion up, and says why", async () => {
  await using world = await openShop();
  const projectRef = { ...applicationRef, kind: "AppProject", name: "team" };
  const { apiVersion, kind, ...metadata } = projectRef;
  const project = {
    apiVersion,
    kind,
    metadata,
    spec: { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }] },
  };
  await world.kube.create(project);
  await createApplication(world, { ...automated, project: "team" }, { finalizers: [cascade] });
  await world.start();
  await synced(world);
  await world.kube.delete(projectRef);
  await world.kube.delete(applicationRef);
  await world.until("the condition", async () => {
    const conditions = listOf((await world.application()).status.conditions).map(objectOf);
    return conditions.some(({ type, message }) => type === "DeletionError" && textOf(message).includes("team"));
  });
  assert.notEqual(await world.kube.get(configRef), undefined);
  await world.kube.create(project);
  await world.until("the end", () => isGone(world), 500);
  assert.equal(await world.kube.get(configRef), undefined);
});

test("what needs confirmation waits for it", async () => {
  await using world = await openShop();
  await world.repository.commit({
    "web/precious.yaml": configMap("precious", {}, ", annotations: {argocd.argoproj.io/sync-options: Delete=confirm}"),
  });
  await createApplication(world, automated, { finalizers: [cascade] });
  await world.start();
  await synced(world);
  await world.kube.delete(applicationRef);
  await world.pass(10_000, 500);
  assert.notEqual(await world.kube.get(ref("precious")), undefined);
  assert.notEqual(await world.kube.get(configRef), undefined);
  const approve = (at: string): Promise<unknown> =>
    world.kube.patch(applicationRef, merge, {
      metadata: { annotations: { "argocd.argoproj.io/deletion-approved": at } },
    });
  await approve("2020-01-01T00:00:00Z");
  await world.pass(5_000, 500);
  assert.notEqual(
    await world.kube.get(ref("precious")),
    undefined,
    "an approval from before the deletion does not count",
  );
  await approve(new Date(world.clock.now()).toISOString());
  await world.until("the end", () => isGone(world), 200);
  assert.equal(await world.kube.get(ref("precious")), undefined);
});

test("an API that refuses a deletion is told of, and asked again", async () => {
  await using world = await openShop();
  await createApplication(world, automated, { finalizers: [cascade] });
  let isRefusing = true;
  let count = 0;
  const refused = new Error("refused");
  await world.start({
    fault({ method, path }) {
      if (method !== "DELETE" || !path.endsWith("/configmaps/settings") || !isRefusing) return;
      count += 1;
      throw new TypeError("fetch failed", { cause: refused });
    },
  });
  await synced(world);
  await world.kube.delete(applicationRef);
  await world.until("the condition", async () => {
    const conditions = listOf((await world.application()).status.conditions).map(objectOf);
    return conditions.some(({ type }) => type === "DeletionError");
  });
  await world.pass(120_000, 2_000);
  assert.ok(count > 1 && count < 30, `asked ${count} times in two minutes`);
  isRefusing = false;
  await world.until("the end", () => isGone(world), 500);
});

test("an Application that cannot be read can be deleted", async () => {
  await using world = await openShop();
  await createApplication(world, automated, { finalizers: [cascade] });
  await world.start();
  await synced(world);
  await allowAnyField(world.kube);
  await world.kube.patch(applicationRef, merge, { spec: { syncPolicy: { retry: { limit: "many" } } } } as JsonObject);
  await world.kube.delete(applicationRef);
  await world.until("the end", () => isGone(world));
});

test("an operation in progress ends before anything is deleted", async () => {
  await using world = await openShop();
  await world.repository.commit({
    "web/first.yaml": configMap("first", {}, ', annotations: {argocd.argoproj.io/sync-wave: "-1"}'),
  });
  await createApplication(world, automated, { finalizers: [cascade] });
  await world.start();
  await world.until("the first wave", () => world.kube.get(ref("first")));
  await world.kube.delete(applicationRef);
  await world.until("the end", () => isGone(world), 200);
  assert.deepEqual(
    world.syncs().map(({ phase }) => phase),
    ["Succeeded"],
  );
  assert.equal(await world.kube.get(configRef), undefined);
});

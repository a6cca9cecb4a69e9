import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf, textOf } from "../../../src/api/fields.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { defaultSyncSettings } from "../../../src/controllers/applications/sync-settings.ts";
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

const merge = "application/merge-patch+json";
const change = (world: World, spec: JsonObject): Promise<unknown> => world.kube.patch(applicationRef, merge, { spec });
const statusOf = async (world: World): Promise<JsonObject> => (await world.application()).status;

async function compared(world: World, status: string): Promise<void> {
  await world.until(`it to be ${status}`, async () => objectOf((await statusOf(world)).sync).status === status);
  await world.pass(5_000, 500);
}

test("automated sync that is turned on begins at once", async () => {
  await using world = await openShop();
  await createApplication(world, { syncPolicy: {} });
  await world.start();
  await compared(world, "OutOfSync");
  await change(world, automated);
  await world.until("the sync", () => world.syncs().length === 1);
});

test("self-heal that is turned on heals what was changed before", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  await world.start();
  await compared(world, "Synced");
  await world.kube.patch(configRef, merge, { data: { a: "2" } });
  await compared(world, "OutOfSync");
  assert.equal(world.syncs().length, 1);
  await change(world, selfHealing);
  await world.until("the heal", async () => objectOf((await world.kube.get(configRef))?.data as never).a === "1");
});

test("pruning that is turned on prunes what was left before", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/old.yaml": configMap("old", {}) });
  await createApplication(world, automated);
  await world.start();
  await compared(world, "Synced");
  await world.repository.git("rm", "--quiet", "web/old.yaml");
  await world.repository.commit({});
  await world.kube.patch(applicationRef, merge, {
    metadata: { annotations: { "argocd.argoproj.io/refresh": "normal" } },
  });
  await compared(world, "OutOfSync");
  await change(world, { syncPolicy: { automated: { prune: true } } });
  await world.until("the pruning", async () => (await world.kube.get({ ...configRef, name: "old" })) === undefined);
});

test("a project that does not permit what is there is told of at once", async () => {
  await using world = await openShop();
  const metadata = { namespace: "argocd", name: "strict" };
  await world.kube.create({ apiVersion: "argoproj.io/v1alpha1", kind: "AppProject", metadata, spec: {} });
  await createApplication(world, automated);
  await world.start();
  await compared(world, "Synced");
  await change(world, { project: "strict" });
  const message = await world.until("the condition", async () => {
    const [found] = listOf((await statusOf(world)).conditions).map(objectOf);
    return found === undefined ? undefined : textOf(found.message);
  });
  assert.match(message, /do not match any of the allowed destinations in project 'strict'/);
});

test("what is to be looked at whatever is kept is rendered anew", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  let renders = 0;
  const engine = await world.start({ onRender: async () => void renders++ });
  await compared(world, "Synced");
  const before = renders;
  engine.controller.lookAgain("all", "a test asks");
  await world.until("the rendering", () => renders > before);
  assert.equal(world.syncs().length, 1);
});

test("what says nothing is taken out of the spec, in the write of the status, once, and asks for no other look", async () => {
  await using world = await openShop();
  const source = { repoURL: world.repository.url, path: "web", targetRevision: "main" };
  const more = { helm: { values: "" }, kustomize: { images: [] }, directory: { recurse: false } };
  await createApplication(world, { source: { ...source, ...more }, syncPolicy: { syncOptions: [] } });
  const engine = await world.start();
  await compared(world, "OutOfSync");
  const { spec } = await world.application();
  assert.deepEqual(objectOf(spec as JsonValue).source, source);
  assert.equal(objectOf(spec as JsonValue).syncPolicy, undefined);
  const { comparedTo } = objectOf((await statusOf(world)).sync);
  assert.deepEqual(objectOf(comparedTo).source, source);
  assert.equal(engine.writes(), 1);
  await world.pass(60_000);
  assert.equal(engine.writes(), 1);
});

test("an Application of a namespace that argocd-cmd-params-cm leaves out is not looked at, until it does", async () => {
  await using world = await openShop();
  await createApplication(world, automated);
  let isEnabled = false;
  const syncSettings = { ...defaultSyncSettings, isNamespaceEnabled: () => isEnabled };
  const { controller } = await world.start({ syncSettings });
  await world.pass(5_000, 500);
  assert.deepEqual(await statusOf(world), {});
  isEnabled = true;
  controller.lookAgain("all", "argocd-cmd-params-cm changed");
  await compared(world, "Synced");
});

test("a spec that cannot be compared stays as it is", async () => {
  await using world = await openShop();
  const source = { repoURL: world.repository.url, path: "none", targetRevision: "main", helm: {} };
  await createApplication(world, { source });
  await world.start();
  await world.until("the condition", async () => listOf((await statusOf(world)).conditions).length > 0);
  const { spec } = await world.application();
  assert.deepEqual(objectOf(spec as JsonValue).source, source);
});

test("where Git has what says nothing, an Application of Applications is Synced all the same", async () => {
  await using world = await openShop();
  const child = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "child", namespace: "argocd" },
    spec: {
      project: "default",
      source: { repoURL: world.repository.url, path: "web", targetRevision: "main", helm: {} },
      destination: { server: "https://kubernetes.default.svc", namespace: "shop" },
      syncPolicy: {},
    },
  };
  await world.repository.commit({ "apps/child.yaml": JSON.stringify(child) });
  const source = { repoURL: world.repository.url, path: "apps", targetRevision: "main" };
  await createApplication(world, { source, ...selfHealing });
  await world.start();
  await compared(world, "Synced");
  await world.until("the child's spec", async () => {
    const { spec } = await world.application("child");
    return !("syncPolicy" in objectOf(spec as JsonValue));
  });
  await world.pass(120_000);
  assert.equal(objectOf((await statusOf(world)).sync).status, "Synced");
  assert.equal(world.syncs().length, 1);
});

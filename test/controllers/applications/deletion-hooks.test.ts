import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf, textOf } from "../../../src/api/fields.ts";
import { namedHooks, wantedFinalizers } from "../../../src/controllers/applications/deletion-hooks.ts";
import {
  applicationRef,
  automated,
  configRef,
  createApplication,
  hookJob,
  openShop,
  type World,
} from "./application-rig.ts";

const merge = "application/merge-patch+json";
const cascade = "resources-finalizer.argocd.argoproj.io";
const [pre, post] = ["pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"];
const job = (name: string) => ({ apiVersion: "batch/v1", kind: "Job", namespace: "shop", name });
const hook = (type: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "h", annotations: { "argocd.argoproj.io/hook": type } },
});

for (const [name, finalizers, types, expected] of [
  ["no hook", [cascade], ["PreSync"], undefined],
  ["a hook before", [cascade], ["PreDelete"], [cascade, pre, `${pre}/cleanup`]],
  ["a hook after", [], ["PostDelete"], [post, `${post}/cleanup`]],
  ["both in one", [], ["PreDelete,PostDelete"], [pre, `${pre}/cleanup`, post, `${post}/cleanup`]],
  ["one that is known", [pre, `${pre}/cleanup`], ["PreDelete"], undefined],
  ["one that is gone", [cascade, pre, `${pre}/cleanup`], [], [cascade]],
] as const) {
  test(`finalizers of an Application with ${name}`, () => {
    assert.deepEqual(wantedFinalizers(finalizers, types.map(hook)), expected);
  });
}

test("hooks with one generateName get a name each, the same at the next look", () => {
  const unnamed = { ...hook("PostDelete"), metadata: { generateName: "h-" } };
  const names = () =>
    namedHooks([unnamed, hook("PostDelete"), unnamed], "PostDelete", { deletedAt: "2026-01-01T00:00:00Z" }).map(
      ({ metadata }) => metadata.name,
    );
  assert.deepEqual(names(), ["h-postdelete-1767225600", "h", "h-postdelete-1767225600-2"]);
  assert.deepEqual(names(), names());
});

async function finish(world: World, name: string, type: "Complete" | "Failed"): Promise<void> {
  await world.until(`the Job ${name}`, () => world.kube.get(job(name)));
  const status = { conditions: [{ type, status: "True", message: "it is over" }] };
  await world.kube.patch(job(name), merge, { status }, { subresource: "status" });
}

async function synced(world: World): Promise<void> {
  await world.until("the sync", async () => {
    const { status, metadata } = await world.application();
    return objectOf(status.operationState).phase === "Succeeded" && (metadata.finalizers ?? []).length > 1;
  });
}

const isGone = async (world: World): Promise<boolean> => (await world.kube.get(applicationRef)) === undefined;
const policy = (text: string): string => `, argocd.argoproj.io/hook-delete-policy: ${text}`;

test("hooks run before and after the objects go, and are cleaned up by their policies", async () => {
  await using world = await openShop();
  await world.repository.commit({
    "web/before.yaml": hookJob("before", "PreDelete", policy("HookSucceeded")),
    "web/after.yaml": hookJob("after", "PostDelete", policy("HookSucceeded")),
    "web/rest.yaml": hookJob("rest", "PostDelete"),
  });
  await createApplication(world, automated, { finalizers: [cascade] });
  await world.start();
  await synced(world);
  assert.equal(await world.kube.get(job("before")), undefined, "a sync does not run them");
  await world.kube.delete(applicationRef);
  await world.until("the hook before", () => world.kube.get(job("before")));
  await world.pass(10_000, 500);
  assert.notEqual(await world.kube.get(configRef), undefined, "the objects wait for it");
  await finish(world, "before", "Complete");
  await world.until("the objects to go", async () => (await world.kube.get(configRef)) === undefined);
  await world.until("the hook after", () => world.kube.get(job("after")));
  assert.equal(await isGone(world), false);
  await finish(world, "after", "Complete");
  await finish(world, "rest", "Complete");
  await world.until("the end", () => isGone(world));
  assert.equal(await world.kube.get(job("after")), undefined);
  assert.notEqual(await world.kube.get(job("rest")), undefined, "only the default policy: it stays");
});

test("a hook that fails keeps the Application, is told, and is made again; killed in between, too", async () => {
  await using world = await openShop();
  await world.repository.commit({ "web/before.yaml": hookJob("before", "PreDelete") });
  await createApplication(world, automated, { finalizers: [cascade] });
  const engine = await world.start();
  await synced(world);
  await world.kube.delete(applicationRef);
  await finish(world, "before", "Failed");
  const first = (await world.kube.get(job("before")))?.metadata.uid;
  await world.until("the condition", async () =>
    listOf((await world.application()).status.conditions)
      .map(objectOf)
      .some(
        ({ type, message }) => type === "DeletionError" && textOf(message) === "PreDelete hook(s) failed: shop/before",
      ),
  );
  assert.notEqual(await world.kube.get(configRef), undefined);
  await world.until("the next one", async () => {
    const uid = (await world.kube.get(job("before")))?.metadata.uid;
    return uid !== undefined && uid !== first;
  });
  await engine.kill();
  await world.start();
  await finish(world, "before", "Complete");
  await world.until("the end", () => isGone(world));
  assert.equal(await world.kube.get(configRef), undefined);
});

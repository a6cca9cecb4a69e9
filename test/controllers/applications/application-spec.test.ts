import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf, textOf } from "../../../src/api/fields.ts";
import type { JsonObject } from "../../../src/base/json.ts";
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

import assert from "node:assert/strict";
import { test } from "node:test";

import { openTestPlane, type TestPlane } from "../harness/control-plane.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";

// A dry run, then the same apply: what comes of it must be what comes of the apply alone.

const applyType = { "content-type": "application/apply-patch+yaml" };
const services = "/api/v1/namespaces/default/services";

const service = (port: number, more: object = {}) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "default", labels: { app: "web" } },
  spec: { clusterIP: "None", selector: { app: "web" }, ports: [{ port }] },
  ...more,
});

async function apply(world: TestPlane, body: object, { dry = false, manager = "one", path = `${services}/web` } = {}) {
  const query = `fieldManager=${manager}&force=true${dry ? "&dryRun=All" : ""}`;
  const { status, body: answer } = await world.call("PATCH", `${path}?${query}`, body, applyType);
  return { status, answer: answer as { metadata: Record<string, unknown> } & Record<string, unknown> };
}

/** All but what is each object's own. */
function compared({ answer: { metadata, ...rest } }: Awaited<ReturnType<typeof apply>>) {
  const { uid: _uid, resourceVersion: _revision, ...kept } = metadata;
  return { ...rest, metadata: kept };
}

async function openAt(time: string) {
  const clock = createVirtualClock(time);
  return { clock, world: await openTestPlane({ clock }) };
}

async function applied(body: object, options: { manager?: string } = {}, time = "2026-11-30T10:00:00.250Z") {
  const { world } = await openAt(time);
  await using _world = world;
  return compared(await apply(world, body, options));
}

test("what a dry run made is stored as the apply alone would store it, once", async () => {
  const { world } = await openAt("2026-11-30T10:00:00.250Z");
  await using _world = world;
  const dry = await apply(world, service(80), { dry: true });
  const real = await apply(world, service(80));
  assert.deepEqual([dry.status, real.status], [201, 201]);
  assert.deepEqual(compared(real), await applied(service(80)));
  const again = await apply(world, service(80));
  assert.deepEqual([again.status, again.answer.metadata.uid], [200, real.answer.metadata.uid]);
  await world.call("DELETE", `${services}/web`);
  const anew = await apply(world, service(80));
  assert.deepEqual([anew.status, anew.answer.metadata.uid === real.answer.metadata.uid], [201, false]);
});

test("another body, another manager and a later second are made anew", async () => {
  const body = service(80);
  const cases = {
    "another body": { sent: service(81), options: {}, laterMs: 0 },
    "another manager": { sent: body, options: { manager: "two" }, laterMs: 0 },
    "a later second": { sent: body, options: {}, laterMs: 1_000 },
  };
  for (const [name, { sent, options, laterMs }] of Object.entries(cases)) {
    const { clock, world } = await openAt("2026-11-30T10:00:00.250Z");
    await using _world = world;
    await apply(world, body, { dry: true });
    await clock.advance(laterMs);
    const at = laterMs === 0 ? undefined : "2026-11-30T10:00:01.250Z";
    assert.deepEqual(compared(await apply(world, sent, options)), await applied(sent, options, at), name);
  }
});

test("what was stored between a dry run and its apply is merged with, not written over", async () => {
  await using world = await openTestPlane();
  await apply(world, service(80), { dry: true });
  const other = service(80, {
    spec: { clusterIP: "None", selector: { app: "other" }, ports: [{ port: 80 }, { port: 90, name: "more" }] },
  });
  await world.call("POST", services, other);
  const { status, answer } = await apply(world, service(80));
  const { ports } = answer.spec as { ports: readonly { port: number }[] };
  assert.deepEqual([status, ports.map(({ port }) => port)], [200, [80, 90]]);
});

test("a namespace that is gone, and an admission that says no, are asked again", async () => {
  let isDenied = false;
  await using world = await openTestPlane({ admission: () => (isDenied ? { denied: "not today" } : {}) });
  await world.call("POST", "/api/v1/namespaces", { metadata: { name: "short" } });
  const path = "/api/v1/namespaces/short/configmaps/a";
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "short" }, data: { a: "1" } };
  assert.equal((await apply(world, map, { dry: true, path })).status, 201);
  isDenied = true;
  assert.equal((await apply(world, map, { path })).status, 400);
  isDenied = false;
  assert.equal((await apply(world, map, { dry: true, path })).status, 201);
  await world.call("DELETE", "/api/v1/namespaces/short");
  assert.equal((await apply(world, map, { path })).status, 404);
});

test("a kind that was defined anew between a dry run and its apply is heeded", async () => {
  await using world = await openTestPlane();
  const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const path = "/apis/example.io/v1/namespaces/default/widgets/a";
  const widget = { apiVersion: "example.io/v1", kind: "Widget", metadata: { name: "a" }, spec: {} };
  const colored = (color: string) => definition({ color: { type: "string", default: color } });
  await world.call("POST", crds, colored("red"));
  assert.deepEqual((await apply(world, widget, { dry: true, path })).answer.spec, { color: "red" });
  await apply(world, colored("blue"), { path: `${crds}/widgets.example.io` });
  assert.deepEqual((await apply(world, widget, { path })).answer.spec, { color: "blue" });
});

function definition(properties: object) {
  const schema = { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties } } } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.io" },
    spec: {
      group: "example.io",
      scope: "Namespaced",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
}

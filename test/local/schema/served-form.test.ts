import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { adminToken, openTestPlane, type TestPlane } from "../../harness/control-plane.ts";

const path = "/apis/example.com/v1/namespaces/default/crontabs";
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

const definition = (specFields: JsonObject) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "crontabs.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "crontabs", singular: "crontab", kind: "CronTab" },
    versions: ["v1", "v1beta1"].map((name) => ({
      name,
      served: true,
      storage: name === "v1",
      additionalPrinterColumns: [{ name: "Replicas", type: "integer", jsonPath: ".spec.replicas" }],
      schema: {
        openAPIV3Schema: {
          type: "object",
          properties: { spec: { type: "object", properties: { cron: { type: "string" }, ...specFields } } },
        },
      },
    })),
  },
});

const before = definition({ old: { type: "string" } });
const after = definition({ replicas: { type: "integer", default: 3 } });

/** An object that was stored before its definition had a default, and had a field that it has no longer. */
async function openPlane(metadata: JsonObject = {}) {
  const plane = await openTestPlane();
  await plane.call("POST", definitions, before);
  await plane.call("POST", path, { metadata: { name: "a", ...metadata }, spec: { cron: "x", old: "y" } });
  const stored = (await plane.call("GET", `${path}/a`)).body;
  assert.deepEqual(stored.spec, { cron: "x", old: "y" });
  const merge = { "content-type": "application/merge-patch+json" };
  assert.equal((await plane.call("PATCH", `${definitions}/crontabs.example.com`, after, merge)).status, 200);
  return {
    plane,
    version: stored.metadata.resourceVersion as string,
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  };
}

const now = { cron: "x", replicas: 3 };

const reads: readonly (readonly [name: string, read: (plane: TestPlane) => Promise<unknown>])[] = [
  ["get", async (plane) => (await plane.call("GET", `${path}/a`)).body.spec],
  ["list", async (plane) => (await plane.call("GET", path)).body.items[0].spec],
  ["another version", async (plane) => (await plane.call("GET", `${path.replace("v1", "v1beta1")}/a`)).body.spec],
  ["watch", async (plane) => (await firstOfWatch(plane)).object.spec],
];

async function firstOfWatch({ plane }: TestPlane): Promise<{ object: { spec: unknown } }> {
  const stop = new AbortController();
  const headers = { authorization: `Bearer ${adminToken}` };
  const response = await plane.fetch(new Request(`http://kube.local${path}?watch=1`, { headers, signal: stop.signal }));
  for await (const chunk of response.body ?? []) {
    stop.abort();
    return JSON.parse(Buffer.from(chunk).toString().split("\n")[0] ?? "");
  }
  throw new Error("the watch ended");
}

for (const [name, read] of reads) {
  test(`what was stored before its definition changed has today's fields and defaults: ${name}`, async () => {
    await using world = await openPlane();
    assert.deepEqual(await read(world.plane), now);
  });
}

test("columns, too, show a default that came later", async () => {
  await using world = await openPlane();
  const accept = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };
  const { rows } = (await world.plane.call("GET", path, undefined, accept)).body;
  assert.deepEqual(rows[0].cells[1], 3);
});

test("a label does not hide that an object is old", async () => {
  await using world = await openPlane({ labels: { resourceVersion: "999999" } });
  assert.deepEqual((await world.plane.call("GET", `${path}/a`)).body.spec, now);
});

test("reading stores nothing; a patch sees the default, and an update of nothing stores it", async () => {
  await using world = await openPlane();
  const { plane, version } = world;
  const read = (await plane.call("GET", `${path}/a`)).body;
  assert.equal(read.metadata.resourceVersion, version);
  const test = [{ op: "test", path: "/spec/replicas", value: 3 }];
  const patched = await plane.call("PATCH", `${path}/a`, test, { "content-type": "application/json-patch+json" });
  assert.equal(patched.status, 200);
  assert.notEqual(patched.body.metadata.resourceVersion, version);
  const again = await plane.call("PUT", `${path}/a`, patched.body);
  assert.equal(again.body.metadata.resourceVersion, patched.body.metadata.resourceVersion);
  assert.deepEqual(again.body.spec, now);
});

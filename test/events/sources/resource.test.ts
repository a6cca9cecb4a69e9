import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { sortedDeep } from "../../../src/events/sources/go-map.ts";
import { resourceSource } from "../../../src/events/sources/resource.ts";
import { changedPaths } from "../../../src/events/sources/resource-filter.ts";
import type { SourceContext } from "../../../src/events/sources/source.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { waitFor } from "../../harness/wait.ts";
import { type RunningSource, runSource } from "./running-source.ts";
import { memoryState } from "./source-context.ts";

const spec: JsonObject = {
  namespace: "default",
  version: "v1",
  resource: "configmaps",
  eventTypes: ["ADD", "UPDATE", "DELETE"],
};
const configMap = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default", labels },
  data,
});
const ref = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name });

const told = ({ data }: RunningSource): string[] =>
  data().map(({ type, body }) => `${String(type)} ${String(((body as JsonObject).metadata as JsonObject).name)}`);

async function run(
  kube: KubeClient,
  more: JsonObject = {},
  parts: Partial<SourceContext> = {},
): Promise<RunningSource> {
  return runSource(resourceSource, { ...spec, ...more }, { kube, ...parts });
}

test("adding, changing and removing an object are events of the exact shape", async () => {
  await using cluster = await openTestPlane();
  const { client } = cluster;
  const added = await client.create(configMap("old"));
  await using source = await run(client, { metadata: { team: "a" }, changedPaths: true });
  await waitFor("what is there", () => source.data().length === 1);
  const changed = await client.update({ ...configMap("old", { a: "1" }, { "x.y/z": "1" }) });
  await waitFor("the change", () => source.data().length === 2);
  await client.delete(ref("old"));
  await waitFor("the removal", () => source.data().length === 3);
  const group = { group: "", version: "v1", resource: "configmaps" };
  const [first, second, third] = source.data();
  // The API's server writes the fields of its structures in their order, Go those of a map, as informers have it, by name.
  const body = sortedDeep(added as unknown as JsonObject);
  assert.equal(
    JSON.stringify(first),
    JSON.stringify({ type: "ADD", body, oldBody: null, ...group, metadata: { team: "a" } }),
  );
  assert.deepEqual(second, {
    type: "UPDATE",
    body: changed,
    oldBody: added,
    ...group,
    changed: ["metadata.labels.x\\.y/z", "data.a"],
    metadata: { team: "a" },
  });
  assert.equal(third?.type, "DELETE");
  const { uid, resourceVersion } = changed.metadata;
  assert.deepEqual(
    source.context.emitted.map(({ id }) => id),
    [`default/es/e@${uid}/ADD`, `default/es/e@${uid}/${resourceVersion}`, `default/es/e@${uid}/DELETE`],
  );
});

test("after a restart only what was missed is told, and another spec begins anew", async () => {
  await using cluster = await openTestPlane();
  const { client } = cluster;
  const state = memoryState();
  for (const name of ["same", "changed", "removed", "replaced"]) await client.create(configMap(name));
  const first = await run(client, {}, { state });
  await waitFor("all four", () => first.data().length === 4);
  await first.stop();
  await client.update(configMap("changed", { a: "1" }));
  await client.delete(ref("removed"));
  await client.delete(ref("replaced"));
  await client.create(configMap("replaced"));
  await client.create(configMap("new"));
  {
    await using second = await run(client, {}, { state });
    await waitFor("what was missed", () => second.data().length >= 5);
    assert.deepEqual(told(second).sort(), [
      "ADD new",
      "ADD replaced",
      "DELETE removed",
      "DELETE replaced",
      "UPDATE changed",
    ]);
  }
  await using third = await run(client, { resource: "secrets" }, { state });
  assert.deepEqual(told(third), []);
});

test("an event that was not kept when the engine died comes again with the same id", async () => {
  await using cluster = await openTestPlane();
  const { client } = cluster;
  const state = memoryState();
  const ids: (string | undefined)[] = [];
  await run(client, {}, { state, emit: ({ id }) => new Promise(() => void ids.push(id)) });
  void client.create(configMap("a"));
  await waitFor("the event", () => ids.length === 1);
  await using again = await run(client, {}, { state });
  await waitFor("the event again", () => again.context.emitted.length === 1);
  assert.equal(again.context.emitted[0]?.id, ids[0]);
});

const filters: readonly (readonly [string, JsonObject, readonly string[]])[] = [
  ["types", { eventTypes: ["DELETE"] }, []],
  ["a prefix", { filter: { prefix: "web-" } }, ["ADD web-1"]],
  ["a label", { filter: { labels: [{ key: "app", value: "db" }] } }, ["ADD db-1"]],
  ["a label that must differ", { filter: { labels: [{ key: "app", operation: "!=", value: "db" }] } }, ["ADD web-1"]],
  ["labels of a list", { filter: { labels: [{ key: "app", operation: "in", value: "db,x" }] } }, ["ADD db-1"]],
  ["a label that must not be", { filter: { labels: [{ key: "gone", operation: "!" }] } }, ["ADD db-1", "ADD web-1"]],
  ["a label that must be", { filter: { labels: [{ key: "gone", operation: "exists" }] } }, []],
  ["a field", { filter: { fields: [{ key: "data.size", operation: "==", value: "^1" }] } }, ["ADD web-1"]],
  ["a field without an operation", { filter: { fields: [{ key: "data.size", value: "2" }] } }, ["ADD db-1"]],
  [
    "a field that must differ",
    { filter: { fields: [{ key: "data.size", operation: "!=", value: "2" }] } },
    ["ADD web-1"],
  ],
  ["a field that is not there", { filter: { fields: [{ key: "data.no", operation: "!=", value: "2" }] } }, []],
  ["the time of creation", { filter: { createdBy: "2020-01-01T00:00:00Z" } }, []],
  ["the start", { filter: { afterStart: true } }, []],
];
for (const [what, more, wanted] of filters) {
  test(`objects can be chosen by ${what}`, async () => {
    await using cluster = await openTestPlane({
      clock: (await import("../../harness/virtual-clock.ts")).createVirtualClock(),
    });
    await cluster.client.create(configMap("web-1", { size: "10" }, { app: "web" }));
    await cluster.client.create(configMap("db-1", { size: "2" }, { app: "db" }));
    await using source = await run(cluster.client, more);
    assert.deepEqual(told(source).sort(), wanted);
  });
}

test("a kind that is not there yet is a failure that is tried again", async () => {
  await using cluster = await openTestPlane();
  await assert.rejects(run(cluster.client, { group: "example.com", resource: "widgets" }), {
    name: "EngineError",
    code: "API_NOT_FOUND",
    message: 'the server has no resource "widgets" in version "example.com/v1"',
  });
});

test("changed paths name what differs, without what the server keeps", () => {
  const before = {
    metadata: { resourceVersion: "1", managedFields: [1] },
    spec: { a: [1, { b: 1 }], gone: 1, "c.d": 1 },
  };
  const after = { metadata: { resourceVersion: "2", managedFields: [2] }, spec: { a: [1, { b: 2 }, 3], "c.d": 2 } };
  assert.deepEqual(changedPaths(before, after), ["spec.a.1.b", "spec.a.2", "spec.gone", "spec.c\\.d"]);
});

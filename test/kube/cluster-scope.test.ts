import assert from "node:assert/strict";
import { test } from "node:test";
import { scopedClient, scopeOf, scopeProblem } from "../../src/kube/cluster-scope.ts";
import type { WatchEvent } from "../../src/kube/kube.ts";
import { openTestPlane } from "../harness/control-plane.ts";

const configMap = (namespace: string, name: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace, name },
});
const kind = { apiVersion: "v1", kind: "ConfigMap" };

test("what a Secret says", () => {
  assert.equal(scopeOf({}), undefined);
  assert.equal(scopeOf({ namespaces: " , ", clusterResources: "true" }), undefined);
  assert.deepEqual(scopeOf({ namespaces: "b, a,b", clusterResources: "true" }), {
    namespaces: ["a", "b"],
    hasClusterKinds: true,
  });
});

for (const [name, object, isNamespaced, hasClusterKinds, problem] of [
  ["in it", configMap("a", "x"), true, false, undefined],
  ["elsewhere", configMap("c", "x"), true, true, /^namespace "c" for ConfigMap "x" is not managed$/],
  [
    "of the cluster",
    { ...configMap("", "x"), kind: "Namespace" },
    false,
    false,
    /^cluster level Namespace "x" can not/,
  ],
  ["of the cluster, which is wanted", { ...configMap("", "x"), kind: "Namespace" }, false, true, undefined],
] as const) {
  test(`an object ${name}`, () => {
    const found = scopeProblem(object, isNamespaced, { namespaces: ["a", "b"], hasClusterKinds });
    if (problem === undefined) assert.equal(found, undefined);
    else assert.match(found ?? "", problem);
  });
}

test("a watch of several namespaces goes on where it was, and tells nothing of others", async () => {
  await using plane = await openTestPlane();
  const { client } = plane;
  for (const name of ["a", "b", "c"]) {
    await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    await client.create(configMap(name, "first"));
  }
  const scoped = scopedClient(client, { namespaces: ["a", "b"], hasClusterKinds: false });
  const names = (items: readonly { metadata: { namespace?: string } }[]) =>
    items.map(({ metadata }) => metadata.namespace).sort();
  const list = await scoped.list(kind);
  assert.deepEqual(names(list.items), ["a", "b"]);
  assert.deepEqual((await scoped.list({ apiVersion: "v1", kind: "Namespace" })).items, []);
  for (const name of ["b", "c", "a"]) await client.create(configMap(name, "second"));

  /** Until so many objects were told; gives the version after them. */
  async function follow(from: string, count: number): Promise<{ seen: string[]; version: string }> {
    const stop = new AbortController();
    const seen: string[] = [];
    let version = from;
    const take = (event: WatchEvent): void => {
      if (event.type === "BOOKMARK") version = event.resourceVersion;
      else seen.push(`${event.object.metadata.namespace}/${event.object.metadata.name}`);
    };
    for await (const event of scoped.watch(kind, from, {}, stop.signal)) {
      take(event);
      if (event.type === "BOOKMARK" && seen.length === count) stop.abort();
      if (stop.signal.aborted) break;
    }
    return { seen: seen.sort(), version };
  }
  const first = await follow(list.resourceVersion, 2);
  assert.deepEqual(first.seen, ["a/second", "b/second"]);
  await client.delete({ ...configMap("c", "first"), namespace: "c", name: "first" });
  await client.create(configMap("b", "third"));
  assert.deepEqual((await follow(first.version, 1)).seen, ["b/third"]);
});

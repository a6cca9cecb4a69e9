import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { openTestPlane, type TestPlane } from "../harness/control-plane.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const mergeType = { "content-type": "application/merge-patch+json" };

/** A map owned by those of the names; `blockOwnerDeletion` is set for all. */
async function create(plane: TestPlane, name: string, owners: readonly string[] = [], finalizers: string[] = []) {
  const ownerReferences = [];
  for (const owner of owners) {
    const { body } = await plane.call("GET", `${maps}/${owner}`);
    const { uid } = body.metadata;
    ownerReferences.push({ apiVersion: "v1", kind: "ConfigMap", name: owner, uid, blockOwnerDeletion: true });
  }
  const { status } = await plane.call("POST", maps, { metadata: { name, ownerReferences, finalizers } });
  assert.equal(status, 201);
}

async function names(plane: TestPlane): Promise<string[]> {
  const { body } = await plane.call("GET", maps);
  return body.items.map(({ metadata }: { metadata: { name: string; deletionTimestamp?: string } }) =>
    metadata.deletionTimestamp ? `${metadata.name} (deleting)` : metadata.name,
  );
}

interface Case {
  readonly name: string;
  readonly policy?: string;
  readonly objects: readonly (readonly [name: string, owners?: readonly string[], finalizers?: string[]])[];
  /** What is left after `root` was deleted. */
  readonly left: readonly string[];
}

const tree = [["root"], ["child", ["root"]], ["grandchild", ["child"]]] as const;

const cases: readonly Case[] = [
  { name: "dependents go with their owner", objects: tree, left: [] },
  { name: "in the foreground too", policy: "Foreground", objects: tree, left: [] },
  { name: "orphans stay, with what they own", policy: "Orphan", objects: tree, left: ["child", "grandchild"] },
  {
    name: "who has another owner stays",
    objects: [["root"], ["other"], ["child", ["root", "other"]]],
    left: ["child", "other"],
  },
  {
    name: "in the background the owner does not wait for a dependent's finalizer",
    objects: [["root"], ["child", ["root"], ["x.io/wait"]]],
    left: ["child (deleting)"],
  },
  {
    name: "in the foreground it does",
    policy: "Foreground",
    objects: [["root"], ["child", ["root"], ["x.io/wait"]]],
    left: ["child (deleting)", "root (deleting)"],
  },
  {
    name: "an owner that waits for a finalizer keeps its dependents",
    objects: [
      ["root", [], ["x.io/wait"]],
      ["child", ["root"]],
    ],
    left: ["child", "root (deleting)"],
  },
];

for (const { name, policy, objects, left } of cases) {
  test(`deletion: ${name}`, async () => {
    await using plane = await openTestPlane();
    for (const object of objects) await create(plane, ...object);
    const options = policy === undefined ? undefined : { propagationPolicy: policy };
    assert.equal((await plane.call("DELETE", `${maps}/root`, options)).status, 200);
    assert.deepEqual(await names(plane), left);
  });
}

test("the last blocking dependent lets its owner go", async () => {
  await using plane = await openTestPlane();
  await create(plane, "root");
  await create(plane, "child", ["root"], ["x.io/wait"]);
  const { body } = await plane.call("DELETE", `${maps}/root`, { propagationPolicy: "Foreground" });
  assert.deepEqual(body.metadata.finalizers, ["foregroundDeletion"]);
  await plane.call("PATCH", `${maps}/child`, { metadata: { finalizers: null } }, mergeType);
  assert.deepEqual(await names(plane), []);
});

test("an orphan loses its reference", async () => {
  await using plane = await openTestPlane();
  await create(plane, "root");
  await create(plane, "child", ["root"]);
  await plane.call("DELETE", `${maps}/root?propagationPolicy=Orphan`);
  assert.equal((await plane.call("GET", `${maps}/child`)).body.metadata.ownerReferences, undefined);
});

test("a policy that does not exist is refused", async () => {
  await using plane = await openTestPlane();
  await create(plane, "root");
  const { status, body } = await plane.call("DELETE", `${maps}/root`, { propagationPolicy: "Later" });
  assert.equal(status, 422);
  assert.match(body.message, /propagationPolicy: Invalid value: "Later"/);
});

const gone = { apiVersion: "v1", kind: "ConfigMap", name: "root", uid: "00000000-0000-0000-0000-000000000000" };
const unserved = { ...gone, apiVersion: "no.such/v1", kind: "Thing" };

const late: readonly {
  readonly name: string;
  readonly owners: (root: JsonObject) => readonly JsonObject[];
  readonly finalizers?: readonly string[];
  /** Undefined: it goes. */
  readonly left: number | undefined;
}[] = [
  { name: "whose owner is gone", owners: () => [{ ...gone, name: "nobody" }], left: undefined },
  { name: "whose owner is another one of its name", owners: () => [gone], left: undefined },
  { name: "with a finalizer", owners: () => [gone], finalizers: ["x.io/wait"], left: 1 },
  { name: "with one owner that is there", owners: (root) => [gone, root], left: 1 },
  { name: "with an owner of a kind that is not served", owners: () => [gone, unserved], left: 2 },
];

for (const { name, owners, finalizers = [], left } of late) {
  test(`an object that arrives later than its owner went: ${name}`, async () => {
    await using plane = await openTestPlane();
    await create(plane, "root");
    const { uid } = (await plane.call("GET", `${maps}/root`)).body.metadata;
    const ownerReferences = owners({ ...gone, uid });
    const made = await plane.call("POST", maps, { metadata: { name: "new", ownerReferences, finalizers } });
    assert.equal(made.status, 201);
    await create(plane, "old");
    await plane.call("PATCH", `${maps}/old`, { metadata: { ownerReferences, finalizers } }, mergeType);
    for (const which of ["new", "old"]) {
      const { status, body } = await plane.call("GET", `${maps}/${which}`);
      assert.equal(status, left === undefined ? 404 : 200, which);
      if (left === undefined) continue;
      assert.equal(body.metadata.ownerReferences.length, left);
      assert.equal(body.metadata.deletionTimestamp !== undefined, finalizers.length > 0);
    }
  });
}

test("a cluster-scoped object that names an owner in a namespace stays", async () => {
  await using plane = await openTestPlane();
  const object = { metadata: { name: "n", ownerReferences: [gone] } };
  await plane.call("POST", "/api/v1/namespaces", object);
  assert.equal((await plane.call("GET", "/api/v1/namespaces/n")).status, 200);
});

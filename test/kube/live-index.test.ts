import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveIndex } from "../../src/kube/live-index.ts";
import type { KubeObject } from "../../src/objects/object.ts";

interface Made {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly namespace?: string;
  readonly owners?: readonly (string | { readonly uid: string; readonly controller: true })[];
  readonly spec?: unknown;
}

/** An object whose uid is `uid-NAME`; owners are given by name. */
function object(name: string, { kind = "Pod", apiVersion = "v1", namespace = "shop", owners = [], spec }: Made = {}) {
  const ownerReferences = owners.map((owner) => {
    const { uid, ...more } = typeof owner === "string" ? { uid: owner } : owner;
    return { apiVersion: "v1", kind: "Any", name: uid, uid: `uid-${uid}`, ...more };
  });
  return {
    ...{ apiVersion, kind },
    metadata: { name, namespace, uid: `uid-${name}`, ...(owners.length > 0 ? { ownerReferences } : {}) },
    ...(spec === undefined ? {} : { spec }),
  } satisfies KubeObject;
}

function indexOf(objects: readonly KubeObject[], group?: string): LiveIndex {
  const index = new LiveIndex();
  for (const one of objects) index.set(one, group);
  return index;
}

const names = (objects: readonly KubeObject[]): readonly (string | undefined)[] => {
  return objects.map(({ metadata }) => metadata.name);
};

test("a group is in the order of kind, namespace and name, however its objects came", () => {
  const objects = [
    object("b", { kind: "Service" }),
    object("z", { kind: "ConfigMap", namespace: "b" }),
    object("a", { kind: "Service" }),
    object("a", { kind: "ConfigMap", namespace: "c" }),
    object("y", { kind: "ConfigMap", namespace: "b" }),
  ];
  const wanted = ["y", "z", "a", "a", "b"];
  assert.deepEqual(names(indexOf(objects, "g").ofGroup("g")), wanted);
  assert.deepEqual(names(indexOf(objects.toReversed(), "g").ofGroup("g")), wanted);
});

test("an object is in its last group and under its last owners only", () => {
  const index = indexOf([object("a", { owners: ["one"] })], "g");
  index.set(object("a", { owners: ["two"] }), "h");
  assert.deepEqual([names(index.ofGroup("g")), names(index.ofGroup("h"))], [[], ["a"]]);
  assert.deepEqual([names(index.childrenOf("uid-one")), names(index.childrenOf("uid-two"))], [[], ["a"]]);
  index.set(object("a"), undefined);
  assert.deepEqual([names(index.ofGroup("h")), names(index.childrenOf("uid-two"))], [[], []]);
  index.delete(object("a"));
  index.delete(object("a"));
  assert.deepEqual(names(index.descendantsOf("uid-two")), []);
});

test("a list that was read shows later changes", () => {
  const index = indexOf([object("b")], "g");
  assert.deepEqual(names(index.ofGroup("g")), ["b"]);
  index.set(object("a"), "g");
  assert.deepEqual(names(index.ofGroup("g")), ["a", "b"]);
  index.delete(object("b"));
  assert.deepEqual(names(index.ofGroup("g")), ["a"]);
});

const deployment = object("web", { kind: "Deployment", apiVersion: "apps/v1" });
const sets = ["web-1", "web-2"].map((name) => object(name, { kind: "ReplicaSet", owners: ["web"] }));
const pods = ["web-1", "web-1", "web-2"].map((owner, at) => object(`pod-${at}`, { owners: [owner] }));
const tree = [deployment, ...sets, ...pods];

for (const [order, objects] of [
  ["owners first", tree],
  ["owners last", tree.toReversed()],
] as const) {
  test(`a tree is known from both ends, ${order}`, () => {
    const index = indexOf(objects);
    assert.deepEqual(names(index.descendantsOf("uid-web")), ["web-1", "pod-0", "pod-1", "web-2", "pod-2"]);
    for (const pod of pods) assert.equal(index.rootOf(pod), deployment);
    assert.equal(index.rootOf(deployment), deployment);
  });
}

test("without the middle, the root is as far up as is known", () => {
  const index = indexOf(tree);
  index.delete(deployment);
  assert.equal(index.rootOf(pods[0]!).metadata.name, "web-1");
  index.delete(sets[0]!);
  assert.equal(index.rootOf(pods[0]!), pods[0]);
  assert.equal(index.rootOf(pods[2]!), sets[1]);
});

for (const [name, owners, root] of [
  ["the controller goes first", ["a", { uid: "b", controller: true }], "b"],
  ["without a controller the first known owner counts", ["unknown", "b", "a"], "b"],
  ["a controller that is not known does not hide the others", [{ uid: "unknown", controller: true }, "a"], "a"],
] as const) {
  test(`of several owners, ${name}`, () => {
    const child = object("child", { owners });
    const index = indexOf([object("a"), object("b"), child]);
    assert.equal(index.rootOf(child).metadata.name, root);
    assert.deepEqual(names(index.childrenOf("uid-a")), owners.includes("a" as never) ? ["child"] : []);
  });
}

test("objects that own each other end every walk", () => {
  const [a, b, self] = [object("a", { owners: ["b"] }), object("b", { owners: ["a"] }), object("s", { owners: ["s"] })];
  const index = indexOf([a, b, self]);
  assert.deepEqual(names(index.descendantsOf("uid-a")), ["b"]);
  assert.deepEqual(names(index.descendantsOf("uid-s")), []);
  assert.equal(index.rootOf(a), b);
  assert.equal(index.rootOf(self), self);
});

test("claims belong to the StatefulSet whose template names them", () => {
  const spec = { volumeClaimTemplates: [{ metadata: { name: "data" } }, { metadata: { name: "logs" } }] };
  const set = object("db", { kind: "StatefulSet", apiVersion: "apps/v1", spec });
  const claim = (name: string, more: Made = {}) => object(name, { kind: "PersistentVolumeClaim", ...more });
  const claims = ["data-db-0", "data-db-11", "logs-db-0"].map((name) => claim(name));
  const others = [claim("data-db-x"), claim("other-db-0"), claim("data-db-1", { namespace: "far" }), claim("plain")];
  const pod = object("db-0", { owners: ["db"] });
  for (const objects of [
    [set, pod, ...claims, ...others],
    [...others, ...claims, pod, set],
  ]) {
    const index = indexOf(objects);
    assert.deepEqual(names(index.childrenOf("uid-db")), ["db-0", "data-db-0", "data-db-11", "logs-db-0"]);
    for (const one of claims) assert.equal(index.rootOf(one), set);
    for (const one of others) assert.equal(index.rootOf(one), one);
    index.set({ ...set, spec: {} }, undefined);
    assert.deepEqual(names(index.childrenOf("uid-db")), ["db-0"]);
  }
});

test("the end of one of two StatefulSets whose claims have the same names leaves the other's", () => {
  const named = (name: string, template: string) => {
    const spec = { volumeClaimTemplates: [{ metadata: { name: template } }] };
    return object(name, { kind: "StatefulSet", apiVersion: "apps/v1", spec });
  };
  const [one, two] = [named("c", "a-b"), named("b-c", "a")];
  const claim = object("a-b-c-0", { kind: "PersistentVolumeClaim" });
  const index = indexOf([one, two, claim]);
  index.delete(one);
  assert.equal(index.rootOf(claim), two);
});

test("what lies below one object is cut at 10,000", () => {
  const children = Array.from({ length: 10_001 }, (_, at) => object(`p${at}`, { owners: ["web"] }));
  assert.equal(indexOf([deployment, ...children]).descendantsOf("uid-web").length, 10_000);
});

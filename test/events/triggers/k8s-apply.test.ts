import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { k8sTrigger } from "../../../src/events/triggers/k8s.ts";
import type { Firing, Outcome } from "../../../src/events/triggers/trigger.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { type KubeObject, refText } from "../../../src/objects/object.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

/** A map of objects that keeps the calls; the real API is held to the same in the contract suite. */
function memoryKube(): {
  readonly kube: KubeClient;
  readonly objects: Map<string, KubeObject>;
  readonly calls: string[];
} {
  const objects = new Map<string, KubeObject>();
  const calls: string[] = [];
  const keyOf = (object: KubeObject): string =>
    refText({ ...object, ...object.metadata, name: object.metadata.name ?? "" });
  const put = (verb: string, object: KubeObject): KubeObject => {
    calls.push(verb);
    objects.set(keyOf(object), object);
    return object;
  };
  const unused = (): never => {
    throw new Error("not used by this trigger");
  };
  const kube: KubeClient = {
    get: async (ref) => objects.get(refText(ref)),
    list: unused,
    watch: unused,
    async create(object) {
      if (objects.has(keyOf(object))) throw new EngineError("API_CONFLICT", `${keyOf(object)} already exists`);
      return put("create", object);
    },
    update: async (object) => put("update", object),
    async patch(ref, type, patch) {
      calls.push(`patch ${type} ${JSON.stringify(patch)}`);
      return objects.get(refText(ref)) as KubeObject;
    },
    async delete(ref) {
      calls.push("delete");
      return objects.delete(refText(ref));
    },
    isNamespaced: async () => true,
    as: () => kube,
  };
  return { kube, objects, calls };
}

async function fire(kube: KubeClient, spec: unknown, parts: Partial<Firing> = {}): Promise<Outcome> {
  const context = triggerContext({ kube });
  const fired = firing(parts);
  const plan = await k8sTrigger.plan(k8sTrigger.schema.parse(spec, "k8s"), fired, context, never);
  return k8sTrigger.apply(plan, fired, context, never);
}

const named = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data: { a: "1" } };
const generated = { apiVersion: "v1", kind: "Pod", metadata: { generateName: "p-" } };

for (const [what, resource] of [
  ["a fixed name", named],
  ["a generated name", generated],
] as const) {
  test(`the same firing twice creates one object with ${what}`, async () => {
    const { kube, objects, calls } = memoryKube();
    assert.match((await fire(kube, { source: { resource } })).message, /^created v1\//);
    assert.match((await fire(kube, { source: { resource } })).message, /^had already created v1\//);
    assert.deepEqual([objects.size, calls], [1, ["create"]]);
  });
}

test("an object that another firing made is an error, as in the original; a generated name is a new one", async () => {
  const { kube, objects } = memoryKube();
  await fire(kube, { source: { resource: named } });
  await fire(kube, { source: { resource: generated } });
  await assert.rejects(fire(kube, { source: { resource: named } }, { key: "other" }), { code: "API_CONFLICT" });
  await fire(kube, { source: { resource: generated } }, { key: "other" });
  assert.equal(objects.size, 3);
});

test("an update merges over what is there, and creates what is not", async () => {
  const { kube, objects, calls } = memoryKube();
  await fire(kube, { source: { resource: named }, operation: "update" });
  await fire(kube, { source: { resource: { ...named, data: { b: "2" } } }, operation: "update" });
  assert.deepEqual(calls, ["create", "update"]);
  assert.deepEqual(objects.get("v1/ConfigMap/team/c")?.data, { a: "1", b: "2" });
});

test("a patch sends the object in the strategy asked for, and creates what is not there", async () => {
  const { kube, calls } = memoryKube();
  const spec = {
    source: { resource: named },
    operation: "patch",
    patchStrategy: "application/strategic-merge-patch+json",
  };
  await fire(kube, spec);
  await fire(kube, spec);
  const body = JSON.stringify({ ...named, metadata: { name: "c", namespace: "team" } });
  assert.deepEqual(calls, ["create", `patch application/strategic-merge-patch+json ${body}`]);
});

test("deleting what is not there is a success", async () => {
  const { kube } = memoryKube();
  await fire(kube, { source: { resource: named } });
  const spec = { source: { resource: named }, operation: "delete" };
  assert.equal((await fire(kube, spec)).message, "deleted v1/ConfigMap/team/c");
  assert.equal((await fire(kube, spec)).message, "nothing to delete at v1/ConfigMap/team/c");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalError } from "../../../src/base/errors.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { config, hook, ref, run, show, wave } from "./rig.ts";

const skip = { syncOptions: ["SkipDryRunOnMissingResource=true"] };

/** `fields`: what its schema knows. */
const crd = (fields: readonly string[], scope = "Namespaced") => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope,
    names: { kind: "Widget", plural: "widgets", singular: "widget", listKind: "WidgetList" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: {
                type: "object",
                properties: Object.fromEntries(fields.map((field) => [field, { type: "integer" }])),
              },
            },
          },
        },
      },
    ],
  },
});
const widget = (spec: object, annotations: object = {}) => ({
  apiVersion: "example.com/v1",
  kind: "Widget",
  metadata: { name: "w", annotations },
  spec,
});
const crdRef = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  name: "widgets.example.com",
};
const widgetRef = { apiVersion: "example.com/v1", kind: "Widget", namespace: "default", name: "w" };

/** As a sync left it. */
async function synced(plane: TestPlane, targets: readonly object[]): Promise<readonly KubeObject[]> {
  const { phase, message } = await run(plane, { targets });
  assert.equal(phase, "Succeeded", message);
  const live = await plane.client.get(crdRef);
  assert.ok(live);
  return [live];
}

test("an object of a known kind is dry-run, even where its kind might be missing", async () => {
  await using plane = await openTestPlane();
  const result = await run(plane, { targets: [config("a"), config("Not_A_Name", wave(1))], options: skip });
  assert.match(result.message, /^one or more objects failed to apply \(dry run\), reason: .*Not_A_Name/);
  assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined, "nothing was written");
});

test("an object whose CRD is a target and stays as it is is dry-run", async () => {
  await using plane = await openTestPlane();
  const live = await synced(plane, [crd(["size"])]);
  const result = await run(plane, { targets: [crd(["size"]), config("a"), widget({ size: "big" }, wave(1))], live });
  assert.match(result.message, /^one or more objects failed to apply \(dry run\), reason: .*size/);
  assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined, "nothing was written");
});

test("an object whose CRD comes, or changes, in the same sync is not judged by what was there before", async () => {
  await using plane = await openTestPlane();
  const first = await run(plane, { targets: [widget({ size: 1 }), crd(["size"])] });
  assert.equal(first.phase, "Succeeded", first.message);
  const live = await plane.client.get(crdRef);
  assert.ok(live);
  const second = await run(plane, { targets: [widget({ size: 1, depth: 2 }), crd(["size", "depth"])], live: [live] });
  assert.equal(second.phase, "Succeeded", second.message);
  assert.deepEqual((await plane.client.get(widgetRef))?.spec, { size: 1, depth: 2 });
});

for (const [name, targets, options] of [
  ["whose CRD comes with it", [crd([]), widget({})], {}],
  ["for which the user vouches", [widget({})], skip],
  ["for which it vouches itself", [widget({}, { "argocd.argoproj.io/sync-options": skip.syncOptions[0] })], {}],
] as const) {
  test(`the project is asked about an object of an unknown kind ${name}`, async () => {
    await using plane = await openTestPlane();
    const asked: boolean[] = [];
    const refusal = ({ key: { group, kind } }: { key: { group: string; kind: string } }, isNamespaced: boolean) => {
      if (kind !== "Widget") return undefined;
      asked.push(isNamespaced);
      return `resource ${group}:${kind} is not permitted in project p`;
    };
    const { phase, message } = await run(plane, { targets, options: { ...options, refusal } });
    assert.equal(phase, "Failed");
    assert.match(message, /are not valid: resource example.com:Widget is not permitted in project p$/);
    assert.equal(asked[0], true);
    assert.equal(await plane.client.get(crdRef), undefined, "nothing was written");
  });
}

test("an object of the cluster is asked about as one, by the CRD that comes with it", async () => {
  await using plane = await openTestPlane();
  const asked: boolean[] = [];
  const refusal = ({ key }: { key: { kind: string } }, isNamespaced: boolean) => {
    if (key.kind === "Widget") asked.push(isNamespaced);
    return undefined;
  };
  await run(plane, { targets: [crd([], "Cluster"), widget({})], options: { refusal } });
  assert.deepEqual(asked, [false]);
});

test("what is unchanged and not written is asked about, too", async () => {
  await using plane = await openTestPlane();
  await run(plane, { targets: [config("a")] });
  const live = await plane.client.get(ref("ConfigMap", "a"));
  assert.ok(live);
  const options = { syncOptions: ["ApplyOutOfSyncOnly=true"], refusal: () => "not in this project" };
  const { message } = await run(plane, { targets: [config("a")], live: [live], options });
  assert.equal(message, "one or more synchronization tasks are not valid: not in this project");
});

test("a sync that is a dry run ends as one that has no more to do", async () => {
  await using plane = await openTestPlane();
  const targets = [config("pre", hook("PreSync")), config("a"), config("post", hook("PostSync"))];
  const result = await run(plane, { targets, options: { dryRun: true } });
  assert.deepEqual([result.phase, result.message], ["Succeeded", "successfully synced (no more tasks)"]);
  assert.deepEqual(show(result), [
    "pre Synced Succeeded: configmap/pre serverside-applied (server dry run)",
    "a Synced Succeeded: configmap/a serverside-applied (server dry run)",
    "post Synced Succeeded: configmap/post serverside-applied (server dry run)",
  ]);
});

test("a webhook that cannot say in a dry run is not asked, and the object is written", async () => {
  await using plane = await openTestPlane();
  const why = 'admission webhook "w" does not support dry run';
  const patch: typeof plane.client.patch = (to, type, body, options, signal) => {
    if (options?.dryRun) return Promise.reject(new TerminalError("API_INVALID", why));
    return plane.client.patch(to, type, body, options, signal);
  };
  const result = await run(plane, { targets: [config("a")], kube: { ...plane.client, patch } });
  assert.equal(result.phase, "Succeeded", result.message);
  assert.ok(await plane.client.get(ref("ConfigMap", "a")));
});

test("a namespace that cannot be made runs what is meant for failures", async () => {
  await using plane = await openTestPlane();
  const result = await run(plane, {
    targets: [config("a"), config("sorry", hook("SyncFail"))],
    plan: { namespace: "Not_A_Name", namespaceExists: false },
    options: { syncOptions: ["CreateNamespace=true"] },
  });
  assert.equal(result.phase, "Failed");
  assert.match(result.message, /^the namespace failed to apply, reason: .*Not_A_Name/);
  assert.ok(await plane.client.get(ref("ConfigMap", "sorry")));
  assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined);
});

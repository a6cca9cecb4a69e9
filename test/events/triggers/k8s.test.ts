import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { type K8sPlan, k8sTrigger, mergeOver } from "../../../src/events/triggers/k8s.ts";
import type { Firing, TriggerContext } from "../../../src/events/triggers/trigger.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

/** Answers reads only: any write in a plan fails the test. */
function readOnlyKube(live?: KubeObject): KubeClient {
  const refuse = (): never => {
    throw new Error("a plan must not write");
  };
  const kube: KubeClient = {
    get: async () => live,
    list: refuse,
    create: refuse,
    update: refuse,
    patch: refuse,
    delete: refuse,
    watch: refuse,
    logs: refuse,
    isNamespaced: async ({ kind }) => {
      if (kind === "Nonsense") throw new EngineError("API_NOT_FOUND", "no such kind");
      return kind !== "Namespace";
    },
    document: refuse,
    kindOf: refuse,
    as: () => kube,
  };
  return kube;
}

async function plan(spec: unknown, fired: Firing = firing(), parts: Partial<TriggerContext> = {}): Promise<K8sPlan> {
  const context = triggerContext({ kube: readOnlyKube(), ...parts });
  return k8sTrigger.plan(k8sTrigger.schema.parse(spec, "k8s"), fired, context, never);
}

const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data: { a: "1" } };
const workflow = { apiVersion: "argoproj.io/v1alpha1", kind: "Workflow", metadata: { generateName: "build-" } };
const labels = {
  "events.argoproj.io/sensor": "sensor",
  "events.argoproj.io/trigger": "deploy",
  "events.argoproj.io/action-timestamp": "1767225600000",
};

test("create is the default: the Sensor's namespace, the original's labels, the effect's key", async () => {
  const planned = await plan({ source: { resource: { ...configMap, metadata: { name: "c", labels: { own: "x" } } } } });
  assert.deepEqual(planned.ref, { apiVersion: "v1", kind: "ConfigMap", namespace: "team", name: "c" });
  assert.equal(planned.operation, "create");
  const { annotations, ...metadata } = planned.object.metadata;
  assert.deepEqual(metadata, { name: "c", namespace: "team", labels: { own: "x", ...labels } });
  assert.match(annotations?.["tiphys.io/effect-key"] ?? "", /^[0-9a-f]{32}$/);
});

test("a generated name follows from the firing", async () => {
  const first = await plan({ source: { resource: workflow } });
  const repeat = await plan({ source: { resource: workflow } });
  const other = await plan({ source: { resource: workflow } }, firing({ key: "uid/deploy/2" }));
  assert.match(first.ref.name, /^build-[0-9a-f]{10}$/);
  assert.equal(first.object.metadata.generateName, undefined);
  assert.equal(repeat.ref.name, first.ref.name);
  assert.notEqual(other.ref.name, first.ref.name);
});

test("a generated name stays within 63 characters", async () => {
  const planned = await plan({ source: { resource: { ...workflow, metadata: { generateName: "x".repeat(70) } } } });
  assert.equal(planned.ref.name.length, 63);
});

test("the object's own namespace wins, and kinds without namespaces get none", async () => {
  const own = await plan({ source: { resource: { ...configMap, metadata: { name: "c", namespace: "own" } } } });
  const cluster = await plan({
    source: { resource: { apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } } },
  });
  assert.equal(own.ref.namespace, "own");
  assert.equal(cluster.ref.namespace, undefined);
  assert.equal(cluster.object.metadata.namespace, undefined);
});

test("parameters are set on the object before anything else is looked at", async () => {
  const parameters = [{ src: { dependencyName: "dep", value: "changed" }, dest: "metadata.name" }];
  assert.equal((await plan({ source: { resource: configMap }, parameters })).ref.name, "changed");
});

test("inline text is YAML or JSON, and its first document counts", async () => {
  const yaml = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: first\n---\nkind: Other\n";
  assert.equal((await plan({ source: { inline: yaml } })).ref.name, "first");
  assert.equal((await plan({ source: { inline: JSON.stringify(configMap), resource: workflow } })).ref.name, "c");
});

for (const operation of ["update", "patch", "delete"]) {
  test(`${operation} sends the object without labels of ours`, async () => {
    const planned = await plan({ source: { resource: configMap }, operation });
    assert.deepEqual(planned.object, { ...configMap, metadata: { name: "c", namespace: "team" } });
    assert.equal(planned.patchType, operation === "patch" ? "application/merge-patch+json" : undefined);
  });
}

test("liveObject sets parameters on the object of the cluster, and sends what they changed", async () => {
  const live = {
    ...configMap,
    metadata: { name: "c", namespace: "team", resourceVersion: "7" },
    data: { a: "live", b: "2" },
  };
  const parameters = [{ src: { dependencyName: "dep", value: "new" }, dest: "data.a" }];
  const spec = { source: { resource: configMap }, operation: "update", liveObject: true, parameters };
  assert.deepEqual((await plan(spec, firing(), { kube: readOnlyKube(live) })).object, {
    ...configMap,
    metadata: { name: "c", namespace: "team" },
    data: { a: "new" },
  });
  await assert.rejects(plan(spec), { code: "API_NOT_FOUND" });
});

const refused: readonly [string, unknown, { code: string; message?: RegExp }][] = [
  ["no source", { source: {} }, { code: "MANIFEST_INVALID", message: /unknown artifact location/ }],
  [
    "Git where there is none",
    { source: { git: { url: "https://git.example/r.git", filePath: "pod.yaml" } } },
    { code: "TRIGGER_UNSUPPORTED", message: /k8s\.source\.git: there is no Git here/ },
  ],
  [
    "text that is not YAML",
    { source: { inline: "a: [" } },
    { code: "MANIFEST_INVALID", message: /k8s\.source\.inline: not YAML/ },
  ],
  [
    "text that is no object",
    { source: { inline: "- a" } },
    { code: "MANIFEST_INVALID", message: /must hold an object/ },
  ],
  ["no kind", { source: { resource: { apiVersion: "v1" } } }, { code: "MANIFEST_INVALID", message: /must have kind/ }],
  [
    "no name",
    { source: { resource: { apiVersion: "v1", kind: "Pod" } } },
    { code: "MANIFEST_INVALID", message: /metadata\.name or metadata\.generateName/ },
  ],
  [
    "a generated name to update",
    { source: { resource: workflow }, operation: "update" },
    { code: "MANIFEST_INVALID", message: /must have metadata\.name$/ },
  ],
  [
    "a kind that the server lacks",
    { source: { resource: { ...configMap, kind: "Nonsense" } } },
    { code: "API_NOT_FOUND" },
  ],
];

for (const [what, spec, expected] of refused) {
  test(`refuses ${what}`, async () => {
    await assert.rejects(plan(spec), expected);
  });
}

test("refuses operations that do not exist", () => {
  assert.throws(
    () => k8sTrigger.schema.parse({ source: {}, operation: "replace" }, "k8s"),
    /k8s\.operation: "replace" must be one of/,
  );
});

test("a merge replaces lists, keeps what is not named, and lets nothing empty override", () => {
  const live = {
    apiVersion: "v1",
    kind: "X",
    metadata: { name: "x", resourceVersion: "7", labels: { a: "1" } },
    spec: { replicas: 3, list: [1, 2], keep: true, deep: { a: 1 } },
  };
  const wanted = {
    apiVersion: "v1",
    kind: "X",
    metadata: { name: "x", labels: { b: "2" } },
    spec: { replicas: 0, list: [3], keep: false, deep: { b: 2 }, fresh: "" },
  };
  assert.deepEqual(mergeOver(live, wanted), {
    apiVersion: "v1",
    kind: "X",
    metadata: { name: "x", resourceVersion: "7", labels: { a: "1", b: "2" } },
    spec: { replicas: 3, list: [3], keep: true, deep: { a: 1, b: 2 }, fresh: "" },
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, JsonValue } from "../../src/base/json.ts";
import { fieldManager, lastApplied, ownedBy } from "../../src/gitops/diff/last-applied.ts";
import { lastAppliedAnnotation } from "../../src/gitops/diff/normalize.ts";
import { diffObject } from "../../src/gitops/diff/object-diff.ts";
import { trackingAnnotation } from "../../src/gitops/diff/tracking.ts";
import { assessHealth } from "../../src/gitops/health/assess.ts";
import { trimLive } from "../../src/kube/trim-live.ts";
import type { KubeObject, ObjectMeta } from "../../src/objects/object.ts";

const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-1", uid: "u1", controller: true };

function entry(manager: string, operation: string, fieldsV1: JsonObject, subresource?: string): JsonValue {
  return { manager, operation, apiVersion: "v1", fieldsV1, ...(subresource === undefined ? {} : { subresource }) };
}

const owners = [
  entry(fieldManager, "Apply", { "f:data": { "f:ours": {}, "f:shared": {} } }),
  entry("kubectl-edit", "Update", { "f:data": { "f:shared": {} } }),
  entry("scaler", "Update", { "f:spec": { "f:replicas": {} } }, "scale"),
  entry("machine", "Update", { "f:status": { "f:x": {} } }, "status"),
  entry("rollout", "Update", { "f:metadata": { "f:annotations": { "f:revision": {} } }, "f:status": {} }, "status"),
];

function configMap(metadata: ObjectMeta): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", namespace: "shop", uid: "u", resourceVersion: "7", ...metadata },
    data: { ours: "1", shared: "2", other: "3" },
    spec: { replicas: 3 },
    status: { x: 1 },
  };
}

const tracked = configMap({
  annotations: { [trackingAnnotation]: "web:/ConfigMap:shop/a", revision: "4", [lastAppliedAnnotation]: "{}" },
  managedFields: owners,
});

test("what a comparison reads of a tracked object is the same after trimming", () => {
  const trimmed = trimLive(tracked);
  assert.deepEqual(lastApplied(trimmed), lastApplied(tracked));
  assert.deepEqual(lastApplied(trimmed), { data: { ours: "1" } }, "a field with another owner is not ours alone");
  for (const manager of ["kubectl-edit", "scaler"])
    assert.deepEqual(ownedBy(trimmed, manager), ownedBy(tracked, manager));
  assert.deepEqual(ownedBy(trimmed, "rollout"), [{ metadata: { annotations: { revision: "4" } } }]);
  const target = { ...configMap({}), metadata: { name: "a", annotations: { revision: "5" } }, data: {} };
  for (const managedFieldsManagers of [[], ["kubectl-edit"], ["rollout"], ["scaler", "machine"]]) {
    const options = { ignore: [{ group: "", kind: "ConfigMap", managedFieldsManagers }] };
    assert.deepEqual(diffObject(target, trimmed, options), diffObject(target, tracked, options));
  }
});

test("who wrote the status of a tracked object is dropped, and nothing else of it", () => {
  const { managedFields, ...metadata } = trimLive(tracked).metadata;
  const { managedFields: _all, ...before } = tracked.metadata;
  assert.deepEqual(
    managedFields?.map((kept) => (kept as JsonObject).manager),
    [fieldManager, "kubectl-edit", "scaler", "rollout"],
  );
  assert.deepEqual({ ...trimLive(tracked), metadata }, { ...tracked, metadata: before });
});

for (const [name, metadata, keeps] of [
  ["an untracked object", { managedFields: owners.slice(1) }, false],
  ["one tracked by label that we wrote", { managedFields: owners }, true],
  ["one tracked by annotation that others wrote", { ...tracked.metadata, managedFields: owners.slice(1) }, true],
] as const) {
  test(`${name} ${keeps ? "keeps" : "loses"} who owns its fields`, () => {
    const trimmed = trimLive(configMap(metadata));
    assert.equal(trimmed.metadata.managedFields !== undefined, keeps);
    assert.deepEqual(trimmed.data, tracked.data);
  });
}

function pod(metadata: ObjectMeta, status: JsonObject = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-1-x", namespace: "shop", uid: "u2", resourceVersion: "9", ...metadata },
    spec: {
      restartPolicy: "Always",
      nodeName: "n1",
      containers: [{ name: "c", image: "i", args: ["x"] }],
      volumes: [],
    },
    status,
  };
}

test("a Pod that a controller made keeps metadata, status, images and what health reads", () => {
  const annotations = { [lastAppliedAnnotation]: "{}", kept: "1" };
  const made = pod({ ownerReferences: [owner], labels: { app: "web" }, annotations, managedFields: owners.slice(1) });
  assert.deepEqual(trimLive(made), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...pod({}).metadata,
      ownerReferences: [owner],
      labels: { app: "web" },
      annotations: { kept: "1" },
    },
    spec: { restartPolicy: "Always", nodeName: "n1", containers: [{ name: "c", image: "i" }] },
    status: {},
  });
});

const waiting = { name: "c", state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } } };
const made = { ownerReferences: [owner] };
const replicaSet = (available: number): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: { name: "web-1", generation: 2, ownerReferences: [{ ...owner, kind: "Deployment" }] },
  spec: { replicas: 2, template: { spec: {} } },
  status: { observedGeneration: 2, availableReplicas: available },
});
for (const [name, object, status] of [
  ["a crashing Pod", pod(made, { phase: "Running", containerStatuses: [waiting] }), "Degraded"],
  ["a ready Pod", pod(made, { phase: "Running", conditions: [{ type: "Ready", status: "True" }] }), "Healthy"],
  ["a ReplicaSet that lacks Pods", replicaSet(1), "Progressing"],
  ["a ReplicaSet with all Pods", replicaSet(2), "Healthy"],
] as const) {
  test(`the health of ${name} is the same after trimming`, () => {
    assert.equal(assessHealth(object)?.status, status);
    assert.deepEqual(assessHealth(trimLive(object)), assessHealth(object));
  });
}

for (const [name, metadata, isWhole] of [
  ["without owners", {}, true],
  ["that its own tracking id names", { ...made, annotations: { [trackingAnnotation]: "web:/Pod:shop/web-1-x" } }, true],
  ["that we wrote", { ...made, managedFields: owners }, true],
  [
    "with a copied tracking id",
    { ...made, annotations: { [trackingAnnotation]: "web:apps/Deployment:shop/web" } },
    false,
  ],
] as const) {
  test(`a Pod ${name} is kept ${isWhole ? "whole" : "slim"}`, () => {
    const trimmed = trimLive(pod(metadata));
    assert.equal(Object.hasOwn(trimmed.spec as JsonObject, "volumes"), isWhole);
    assert.deepEqual(trimLive(trimmed), trimmed);
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { orderTasks, reversePruneWaves } from "../../../src/gitops/sync/order.ts";
import type { SyncPhase, SyncTask } from "../../../src/gitops/sync/sync.ts";

/** spec argo-cd-engine 4.3, word for word. */
const kinds =
  "Namespace, NetworkPolicy, ResourceQuota, LimitRange, PodSecurityPolicy, PodDisruptionBudget, ServiceAccount, Secret, " +
  "SecretList, ConfigMap, StorageClass, PersistentVolume, PersistentVolumeClaim, CustomResourceDefinition, ClusterRole, " +
  "ClusterRoleList, ClusterRoleBinding, ClusterRoleBindingList, Role, RoleList, RoleBinding, RoleBindingList, Service, " +
  "DaemonSet, Pod, ReplicationController, ReplicaSet, Deployment, HorizontalPodAutoscaler, StatefulSet, Job, CronJob, " +
  "IngressClass, Ingress, APIService";

interface Given {
  readonly phase?: SyncPhase;
  readonly wave?: number;
  readonly name?: string;
  readonly namespace?: string;
  readonly group?: string;
  readonly spec?: object;
}

function apply(
  kind: string,
  { phase = "Sync", wave = 0, name = "x", namespace = "", group = "g", spec }: Given = {},
): SyncTask {
  const metadata = { name, ...(namespace === "" ? {} : { namespace }) };
  return {
    action: "apply",
    phase,
    wave,
    key: { group, kind, namespace, name },
    version: "v1",
    target: { apiVersion: group === "" ? "v1" : `${group}/v1`, kind, metadata, ...(spec ? { spec } : {}) },
    needsConfirmation: false,
    skipsDryRun: false,
  };
}

const show = (tasks: readonly SyncTask[]) =>
  tasks.map(({ phase, wave, key }) => `${phase} ${wave} ${key.kind}/${key.name}`);

test("kinds come in their order, whatever their group, and others after all of them by name", () => {
  const listed = kinds.split(", ");
  const wanted = [...listed.map((kind) => apply(kind)), apply("Widget", { name: "a" }), apply("Gadget", { name: "b" })];
  fc.assert(
    fc.property(fc.shuffledSubarray(wanted, { minLength: wanted.length }), (tasks) => {
      assert.deepEqual(
        orderTasks(tasks).map(({ key }) => key.kind),
        [...listed, "Widget", "Gadget"],
      );
    }),
    { numRuns: 30 },
  );
});

test("phase goes before wave, wave before kind, kind before name, name before namespace", () => {
  const tasks = [
    apply("Pod", { phase: "PostSync", wave: -9 }),
    apply("Pod", { wave: 1, name: "a" }),
    apply("Ingress", { name: "a" }),
    apply("Pod", { name: "b" }),
    apply("Pod", { name: "a", namespace: "two" }),
    apply("Pod", { name: "a", namespace: "one" }),
    apply("Pod", { phase: "PreSync", wave: 9 }),
    apply("Pod", { phase: "SyncFail", wave: -99 }),
  ];
  const order = orderTasks(tasks);
  assert.deepEqual(show(order), [
    "PreSync 9 Pod/x",
    "Sync 0 Pod/a",
    "Sync 0 Pod/a",
    "Sync 0 Pod/b",
    "Sync 0 Ingress/a",
    "Sync 1 Pod/a",
    "PostSync -9 Pod/x",
    "SyncFail -99 Pod/x",
  ]);
  assert.equal(order[1]?.key.namespace, "one");
});

const crd = (given: Given) =>
  apply("CustomResourceDefinition", {
    group: "apiextensions.k8s.io",
    spec: { group: "x.io", names: { kind: "Widget" } },
    ...given,
  });
const widget = (given: Given) => apply("Widget", { group: "x.io", ...given });
const space = (given: Given) => apply("Namespace", { group: "", name: "n", ...given });

for (const [name, tasks, expected] of [
  [
    "a Namespace before what is in it",
    [space({ wave: 3 }), apply("Pod", { namespace: "n", wave: 1 })],
    ["Sync 1 Namespace/n", "Sync 1 Pod/x"],
  ],
  [
    "a Namespace in the phase of a hook that is in it",
    [space({}), apply("Job", { phase: "PreSync", wave: 2, namespace: "n" })],
    ["PreSync 2 Namespace/n", "PreSync 2 Job/x"],
  ],
  [
    "a Namespace that is a hook of two phases, once where both are moved into one",
    [space({ phase: "PostSync" }), space({ phase: "SyncFail" }), apply("Pod", { namespace: "n" })],
    ["Sync 0 Namespace/n", "Sync 0 Pod/x"],
  ],
  [
    "a Namespace of another group not",
    [space({ group: "x.io", wave: 3 }), apply("Pod", { namespace: "n" })],
    ["Sync 0 Pod/x", "Sync 3 Namespace/n"],
  ],
  [
    "a Namespace that comes first anyway not",
    [space({ wave: -1 }), apply("Pod", { namespace: "n", wave: 4 })],
    ["Sync -1 Namespace/n", "Sync 4 Pod/x"],
  ],
  [
    "a CRD before its kind",
    [crd({ wave: 5 }), widget({ wave: 2 })],
    ["Sync 2 CustomResourceDefinition/x", "Sync 2 Widget/x"],
  ],
  [
    "a CRD before the first of its kind",
    [crd({ wave: 5 }), widget({ wave: 2 }), widget({ wave: -1, name: "w" })],
    ["Sync -1 CustomResourceDefinition/x", "Sync -1 Widget/w", "Sync 2 Widget/x"],
  ],
  [
    "a CRD of another group not",
    [crd({ wave: 5 }), widget({ group: "y.io" })],
    ["Sync 0 Widget/x", "Sync 5 CustomResourceDefinition/x"],
  ],
] as const) {
  test(`bubbles up: ${name}`, () => {
    assert.deepEqual(show(orderTasks(tasks)), expected);
    assert.deepEqual(show(orderTasks(tasks.toReversed())), expected);
  });
}

const prune = (wave: number): SyncTask => {
  const { target: _, ...task } = apply("Pod", { wave });
  return { ...task, action: "prune" };
};

for (const [prunes, applies, expected] of [
  [[0, 1, 2, 3, 4], [], [4, 3, 2, 1, 0]],
  [
    [1, 3, 4],
    [0, 2],
    [4, 3, 1],
  ],
  [[1, 3, 3, 4, 5], [], [5, 4, 4, 3, 1]],
  [[-2, 7], [0], [7, -2]],
  [[3], [1], [3]],
] as const) {
  test(`prunes of the waves ${prunes.join()} go in ${expected.join()}`, () => {
    const tasks = reversePruneWaves([...prunes.map(prune), ...applies.map((wave) => apply("Pod", { wave }))]);
    assert.deepEqual(
      tasks.map(({ wave }) => wave),
      [...expected, ...applies],
    );
  });
}

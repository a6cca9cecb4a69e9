import assert from "node:assert/strict";
import { test } from "node:test";
import { assessHealth } from "../../../src/gitops/health/assess.ts";

type Fields = Record<string, unknown>;
type Row = readonly [
  name: string,
  spec: Fields,
  status: Fields,
  state: string,
  message?: string | undefined,
  metadata?: Fields,
];

const seen = { observedGeneration: 2 };
const roll = "Waiting for rollout to finish:";

const tables: Readonly<Record<string, readonly Row[]>> = {
  "apps/v1 Deployment": [
    ["is paused, whatever else", { paused: true }, {}, "Suspended", "Deployment is paused"],
    [
      "is not observed",
      {},
      { observedGeneration: 1 },
      "Progressing",
      `${roll} observed deployment generation less than desired generation`,
    ],
    [
      "is past its deadline",
      { replicas: 1 },
      { ...seen, conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }] },
      "Degraded",
      'Deployment "x" exceeded its progress deadline',
    ],
    [
      "is past its deadline, whatever the condition's status and however many replicas there are",
      { replicas: 1 },
      {
        ...seen,
        ...{ updatedReplicas: 1, replicas: 1, availableReplicas: 1 },
        conditions: [{ type: "Progressing", status: "True", reason: "ProgressDeadlineExceeded" }],
      },
      "Degraded",
      'Deployment "x" exceeded its progress deadline',
    ],
    [
      "is past the deadline of a generation before",
      { replicas: 1 },
      { observedGeneration: 1, conditions: [{ type: "Progressing", reason: "ProgressDeadlineExceeded" }] },
      "Progressing",
      `${roll} observed deployment generation less than desired generation`,
    ],
    [
      "progresses for another reason",
      { replicas: 0 },
      { ...seen, conditions: [{ type: "Progressing", status: "False", reason: "ReplicaSetUpdated" }] },
      "Healthy",
    ],
    ["does not say how many", {}, { ...seen, updatedReplicas: 1, replicas: 1, availableReplicas: 1 }, "Healthy"],
    [
      "updates",
      { replicas: 3 },
      { ...seen, updatedReplicas: 1 },
      "Progressing",
      `${roll} 1 out of 3 new replicas have been updated...`,
    ],
    [
      "has old replicas",
      { replicas: 1 },
      { ...seen, updatedReplicas: 1, replicas: 3 },
      "Progressing",
      `${roll} 2 old replicas are pending termination...`,
    ],
    [
      "has an old replica",
      { replicas: 1 },
      { ...seen, updatedReplicas: 1, availableReplicas: 1, replicas: 2 },
      "Progressing",
      `${roll} 1 old replicas are pending termination...`,
    ],
    [
      "waits for replicas",
      { replicas: 2 },
      { ...seen, updatedReplicas: 2, replicas: 2, availableReplicas: 1 },
      "Progressing",
      `${roll} 1 of 2 updated replicas are available...`,
    ],
    ["is there", { replicas: 1 }, { ...seen, updatedReplicas: 1, replicas: 1, availableReplicas: 1 }, "Healthy"],
    ["is scaled to nothing", { replicas: 0 }, seen, "Healthy"],
    ["is being deleted", {}, {}, "Progressing", "Pending deletion", { deletionTimestamp: "2026-01-01T00:00:00Z" }],
    [
      "is being deleted as a hook: its own health",
      { paused: true },
      {},
      "Suspended",
      "Deployment is paused",
      { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["argocd.argoproj.io/hook-finalizer"] },
    ],
  ],
  "apps/v1beta1 Deployment": [
    ["has a version that nobody knows", {}, {}, "Unknown", "unsupported Deployment GVK: apps/v1beta1, Kind=Deployment"],
  ],
  "apps/v1 ReplicaSet": [
    ["is not observed", {}, {}, "Progressing", `${roll} observed replica set generation less than desired generation`],
    [
      "cannot create pods",
      { replicas: 1 },
      { ...seen, conditions: [{ type: "ReplicaFailure", status: "True", message: "quota" }] },
      "Degraded",
      "quota",
    ],
    [
      "waits",
      { replicas: 2 },
      { ...seen, availableReplicas: 1 },
      "Progressing",
      `${roll} 1 out of 2 new replicas are available...`,
    ],
    ["is there", { replicas: 1 }, { ...seen, availableReplicas: 1 }, "Healthy"],
    [
      "could not create pods once",
      { replicas: 1 },
      { ...seen, availableReplicas: 1, conditions: [{ type: "ReplicaFailure", status: "False", message: "quota" }] },
      "Healthy",
    ],
  ],
  "apps/v1 StatefulSet": [
    [
      "has no partition: what is updated is not asked",
      { replicas: 3, updateStrategy: { type: "RollingUpdate", rollingUpdate: {} } },
      { ...seen, readyReplicas: 3, updatedReplicas: 1, updateRevision: "b", currentRevision: "a" },
      "Healthy",
      "partitioned roll out complete: 1 new pods have been updated...",
    ],
    [
      "has a partition but not how many",
      { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } } },
      { ...seen, updatedReplicas: 0 },
      "Healthy",
      "partitioned roll out complete: 0 new pods have been updated...",
    ],
    [
      "rolls without a block of it",
      { replicas: 1, updateStrategy: { type: "RollingUpdate", rollingUpdate: null } },
      { ...seen, readyReplicas: 1, updatedReplicas: 1, updateRevision: "b", currentRevision: "a" },
      "Progressing",
      "waiting for statefulset rolling update to complete 1 pods at revision b...",
    ],
    [
      "was observed, but not since",
      { replicas: 1 },
      { observedGeneration: 1, readyReplicas: 1 },
      "Progressing",
      "Waiting for statefulset spec update to be observed...",
    ],
    [
      "has a status of a generation that nobody counts",
      { replicas: 1 },
      { observedGeneration: 0, readyReplicas: 1 },
      "Progressing",
      "Waiting for statefulset spec update to be observed...",
      { generation: 0 },
    ],
    ["is not observed", {}, {}, "Progressing", "Waiting for statefulset spec update to be observed..."],
    ["waits", { replicas: 3 }, { ...seen, readyReplicas: 1 }, "Progressing", "Waiting for 2 pods to be ready..."],
    [
      "rolls out in part",
      { replicas: 3, updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 1 } } },
      { ...seen, readyReplicas: 3, updatedReplicas: 1 },
      "Progressing",
      "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...",
    ],
    [
      "is rolled out in part",
      { replicas: 1, updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } } },
      { ...seen, readyReplicas: 1, updatedReplicas: 1 },
      "Healthy",
      "partitioned roll out complete: 1 new pods have been updated...",
    ],
    [
      "is updated by hand, whatever its other strategy says",
      { replicas: 1, updateStrategy: { type: "OnDelete", rollingUpdate: { partition: 0 } } },
      { ...seen, readyReplicas: 1 },
      "Healthy",
      "statefulset has 1 ready pods",
    ],
    [
      "is updated by hand",
      { replicas: 1, updateStrategy: { type: "OnDelete" } },
      { ...seen, readyReplicas: 1 },
      "Healthy",
      "statefulset has 1 ready pods",
    ],
    [
      "updates",
      { replicas: 1 },
      { ...seen, readyReplicas: 1, updatedReplicas: 1, updateRevision: "b", currentRevision: "a" },
      "Progressing",
      "waiting for statefulset rolling update to complete 1 pods at revision b...",
    ],
    [
      "is there",
      { replicas: 1 },
      { ...seen, readyReplicas: 1, currentReplicas: 1, updateRevision: "a", currentRevision: "a" },
      "Healthy",
      "statefulset rolling update complete 1 pods at revision a...",
    ],
  ],
  "apps/v1 DaemonSet": [
    ["is not observed", {}, {}, "Progressing", `${roll} observed daemon set generation less than desired generation`],
    [
      "is updated by hand",
      { updateStrategy: { type: "OnDelete" } },
      { ...seen, updatedNumberScheduled: 1, desiredNumberScheduled: 2 },
      "Healthy",
      "daemon set 1 out of 2 new pods have been updated",
    ],
    [
      "updates",
      {},
      { ...seen, updatedNumberScheduled: 1, desiredNumberScheduled: 2 },
      "Progressing",
      'Waiting for daemon set "x" rollout to finish: 1 out of 2 new pods have been updated...',
    ],
    [
      "waits",
      {},
      { ...seen, updatedNumberScheduled: 2, desiredNumberScheduled: 2, numberAvailable: 1 },
      "Progressing",
      'Waiting for daemon set "x" rollout to finish: 1 of 2 updated pods are available...',
    ],
    ["is there", {}, { ...seen, updatedNumberScheduled: 2, desiredNumberScheduled: 2, numberAvailable: 2 }, "Healthy"],
  ],
  "v1 Pod": [
    [
      "cannot start",
      { restartPolicy: "Always" },
      {
        phase: "Pending",
        containerStatuses: [
          { state: { waiting: { reason: "ImagePullBackOff", message: "no image" } } },
          { state: { waiting: { reason: "ErrImagePull", message: "denied" } } },
          { state: { waiting: { reason: "ContainerCreating", message: "soon" } } },
        ],
      },
      "Degraded",
      "no image, denied",
    ],
    ...["ErrWhatever", "CreateContainerConfigError", "CrashLoopBackOff"].map(
      (reason): Row => [
        `waits for ${reason}`,
        { restartPolicy: "Always" },
        { phase: "Running", containerStatuses: [{ state: { waiting: { reason, message: "m" } } }] },
        "Degraded",
        "m",
      ],
    ),
    [
      "cannot start an init container",
      { restartPolicy: "Always" },
      {
        phase: "Pending",
        initContainerStatuses: [{ state: { waiting: { reason: "CrashLoopBackOff", message: "init" } } }],
      },
      "Progressing",
    ],
    ...["OnFailure", "Never"].map(
      (restartPolicy): Row => [
        `cannot start and restarts ${restartPolicy}`,
        { restartPolicy },
        {
          phase: "Pending",
          message: "soon",
          containerStatuses: [{ state: { waiting: { reason: "ImagePullBackOff", message: "no image" } } }],
        },
        "Progressing",
        "soon",
      ],
    ),
    ["waits", { restartPolicy: "Always" }, { phase: "Pending", message: "soon" }, "Progressing", "soon"],
    [
      "has done its work and says so",
      { restartPolicy: "OnFailure" },
      { phase: "Succeeded", message: "ok" },
      "Healthy",
      "ok",
    ],
    [
      "failed and says why",
      { restartPolicy: "Never" },
      {
        phase: "Failed",
        message: "evicted",
        containerStatuses: [{ name: "c", state: { terminated: { exitCode: 3, message: "own" } } }],
      },
      "Degraded",
      "evicted",
    ],
    [
      "failed in a container that says why",
      { restartPolicy: "OnFailure" },
      {
        phase: "Failed",
        containerStatuses: [{ name: "c", state: { terminated: { exitCode: 3, reason: "OOMKilled", message: "own" } } }],
      },
      "Degraded",
      "own",
    ],
    [
      "failed in an init container before the main ones",
      { restartPolicy: "Never" },
      {
        phase: "Failed",
        initContainerStatuses: [
          { name: "a", state: { terminated: { exitCode: 0 } } },
          { name: "b", state: { terminated: { exitCode: 7 } } },
        ],
        containerStatuses: [{ name: "c", state: { terminated: { exitCode: 3 } } }],
      },
      "Degraded",
      'container "b" failed with exit code 7',
    ],
    ["failed without a word", { restartPolicy: "Never" }, { phase: "Failed", containerStatuses: [{}] }, "Degraded"],
    ["has done its work", { restartPolicy: "Never" }, { phase: "Succeeded" }, "Healthy"],
    [
      "failed with a code",
      { restartPolicy: "Never" },
      { phase: "Failed", containerStatuses: [{ name: "c", state: { terminated: { exitCode: 3 } } }] },
      "Degraded",
      'container "c" failed with exit code 3',
    ],
    [
      "failed for want of memory",
      { restartPolicy: "Never" },
      { phase: "Failed", containerStatuses: [{ state: { terminated: { exitCode: 137, reason: "OOMKilled" } } }] },
      "Degraded",
      "OOMKilled",
    ],
    [
      "runs and is ready",
      { restartPolicy: "Always" },
      { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
      "Healthy",
    ],
    [
      "starts over and over",
      { restartPolicy: "Always" },
      { phase: "Running", containerStatuses: [{ lastState: { terminated: { exitCode: 1 } } }] },
      "Degraded",
    ],
    ["runs and is not ready", { restartPolicy: "Always" }, { phase: "Running" }, "Progressing"],
    [
      "runs once",
      { restartPolicy: "Never" },
      { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
      "Progressing",
    ],
    [
      "runs once but is to be judged as lasting",
      { restartPolicy: "Never" },
      { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
      "Healthy",
      undefined,
      { annotations: { "argocd.argoproj.io/ignore-restart-policy": "true" } },
    ],
    ["runs on failure", { restartPolicy: "OnFailure" }, { phase: "Running", message: "m" }, "Progressing", "m"],
    [
      "runs once as a hook, whatever it says",
      { restartPolicy: "Never" },
      { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
      "Progressing",
      undefined,
      { annotations: { "argocd.argoproj.io/ignore-restart-policy": "true", "helm.sh/hook": "test" } },
    ],
    ["runs and does not say whether it restarts", {}, { phase: "Running", message: "m" }, "Unknown", "m"],
    ["has a phase that nobody knows", { restartPolicy: "Always" }, { phase: "Odd", message: "m" }, "Unknown", "m"],
    ["has no phase", {}, {}, "Unknown"],
  ],
  "batch/v1 Job": [
    [
      "failed and is complete",
      {},
      {
        conditions: [
          { type: "Failed", status: "True", message: "limit" },
          { type: "Complete", status: "True", message: "done" },
        ],
      },
      "Degraded",
      "limit",
    ],
    ["failed, in a condition of any status", {}, { conditions: [{ type: "Failed", status: "False" }] }, "Degraded"],
    ["has other conditions", {}, { conditions: [{ type: "SuccessCriteriaMet", status: "True" }] }, "Progressing"],
    [
      "failed and is suspended",
      {},
      {
        conditions: [
          { type: "Suspended", status: "True" },
          { type: "Failed", status: "True", message: "limit" },
        ],
      },
      "Degraded",
      "limit",
    ],
    ["runs", {}, { active: 1 }, "Progressing"],
    ["is complete", {}, { conditions: [{ type: "Complete", status: "True", message: "done" }] }, "Healthy", "done"],
    ["failed", {}, { conditions: [{ type: "Failed", status: "True", message: "limit" }] }, "Degraded", "limit"],
    ["is suspended", {}, { conditions: [{ type: "Suspended", status: "True" }] }, "Suspended"],
    ["was resumed", {}, { conditions: [{ type: "Suspended", status: "False" }] }, "Healthy"],
  ],
  "v1 Service": [
    ["is in the cluster", { type: "ClusterIP" }, {}, "Healthy"],
    ["waits for an address", { type: "LoadBalancer" }, {}, "Progressing"],
    ["has an address", { type: "LoadBalancer" }, { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } }, "Healthy"],
  ],
  "networking.k8s.io/v1 Ingress": [
    ["waits for an address", {}, {}, "Progressing"],
    ["has an address", {}, { loadBalancer: { ingress: [{}] } }, "Healthy"],
  ],
  "extensions/v1beta1 Ingress": [
    ["waits for an address", {}, { loadBalancer: { ingress: [] } }, "Progressing"],
    ["has an address", {}, { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } }, "Healthy"],
  ],
  "networking.k8s.io/v1beta1 Ingress": [["has an address", {}, { loadBalancer: { ingress: [{}] } }, "Healthy"]],
  "v1 PersistentVolumeClaim": [
    ["has a phase by the name of a method", {}, { phase: "constructor" }, "Unknown"],
    ["is bound", {}, { phase: "Bound" }, "Healthy"],
    ["waits", {}, { phase: "Pending" }, "Progressing"],
    ["lost its volume", {}, { phase: "Lost" }, "Degraded"],
    ["has no phase", {}, {}, "Unknown"],
  ],
};

for (const [type, rows] of Object.entries(tables)) {
  const [apiVersion = "", kind = ""] = type.split(" ");
  for (const [name, spec, status, state, message, metadata] of rows) {
    test(`a ${kind} of ${apiVersion} that ${name} is ${state}`, () => {
      const object = { apiVersion, kind, metadata: { name: "x", generation: 2, ...metadata }, spec, status };
      assert.deepEqual(assessHealth(object), message ? { status: state, message } : { status: state });
    });
  }
}

test("other kinds have no health", () => {
  assert.equal(assessHealth({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" } }), undefined);
  assert.equal(assessHealth({ apiVersion: "example.com/v1", kind: "Deployment", metadata: { name: "x" } }), undefined);
});

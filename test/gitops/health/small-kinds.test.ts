import assert from "node:assert/strict";
import { test } from "node:test";
import { assessObject } from "../../../src/gitops/health/assess.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

type Row = readonly [name: string, fields: object, state: string | undefined, message?: string];

const conditions = (...list: object[]) => ({ status: { conditions: list } });
const is = (type: string, status: string, reason = "", message = "") => ({ type, status, reason, message });
const annotated = (...list: object[]) => ({
  metadata: { annotations: { "autoscaling.alpha.kubernetes.io/conditions": JSON.stringify(list) } },
});

const scaled: readonly Row[] = [
  ["has said nothing", {}, "Progressing", "Waiting to Autoscale"],
  [
    "has a condition by the name of a method",
    conditions(is("constructor", "True", "toString")),
    "Progressing",
    "Waiting to Autoscale",
  ],
  [
    "has failed, whatever stands before and whatever its status",
    conditions(is("ScalingLimited", "True", "x", "fine"), is("ScalingActive", "True", "InvalidSelector", "m")),
    "Degraded",
    "m",
  ],
  [
    "cannot scale and is not limited",
    conditions(is("AbleToScale", "False"), is("ScalingLimited", "False")),
    "Progressing",
    "Waiting to Autoscale",
  ],
  ["cannot get its scale", conditions(is("AbleToScale", "False", "FailedGetScale", "m")), "Degraded", "m"],
  ["cannot update it", conditions(is("AbleToScale", "False", "FailedUpdateScale", "m")), "Degraded", "m"],
  ...[
    "FailedGetResourceMetric",
    "FailedGetObjectMetric",
    "FailedGetPodsMetric",
    "FailedGetExternalMetric",
    "FailedComputeMetricsReplicas",
    "InvalidSelector",
  ].map(
    (reason): Row => [
      `has ${reason}`,
      conditions(is("AbleToScale", "True", "ok", "fine"), is("ScalingActive", "False", reason, "m")),
      "Degraded",
      "m",
    ],
  ),
  [
    "is disabled",
    conditions(is("ScalingActive", "False", "ScalingDisabled", "m")),
    "Progressing",
    "Waiting to Autoscale",
  ],
  ["can scale", conditions(is("AbleToScale", "True", "ReadyForNewScale", "ready")), "Healthy", "ready"],
  [
    "is at its limit",
    conditions(is("AbleToScale", "False"), is("ScalingLimited", "True", "TooMany", "limited")),
    "Healthy",
    "limited",
  ],
];

const tables: Readonly<Record<string, readonly Row[]>> = {
  "autoscaling/v2 HorizontalPodAutoscaler": scaled,
  "autoscaling/v1 HorizontalPodAutoscaler": [
    ["has no annotation", {}, "Progressing", "Waiting to Autoscale"],
    [
      "has one that cannot be read",
      { metadata: { annotations: { "autoscaling.alpha.kubernetes.io/conditions": "[" } } },
      "Unknown",
      "failed to convert conditions annotation to typed: Unexpected end of JSON input",
    ],
    [
      "has one that is no list",
      { metadata: { annotations: { "autoscaling.alpha.kubernetes.io/conditions": "{}" } } },
      "Unknown",
      "failed to convert conditions annotation to typed: it is no list",
    ],
    [
      "has an empty one",
      { metadata: { annotations: { "autoscaling.alpha.kubernetes.io/conditions": "null" } } },
      "Progressing",
      "Waiting to Autoscale",
    ],
    ["can scale", annotated(is("AbleToScale", "True", "x", "ready")), "Healthy", "ready"],
    ["cannot", annotated(is("ScalingActive", "False", "InvalidSelector", "m")), "Degraded", "m"],
  ],
  "autoscaling/v2beta2 HorizontalPodAutoscaler": [
    [
      "has another version",
      {},
      "Unknown",
      "unsupported HorizontalPodAutoscaler GVK: autoscaling/v2beta2, Kind=HorizontalPodAutoscaler",
    ],
  ],
  "v2 Pod": [["has another version", {}, "Unknown", "unsupported Pod GVK: /v2, Kind=Pod"]],
  "apiregistration.k8s.io/v1 APIService": [
    ["waits", {}, "Progressing", "Waiting to be processed"],
    [
      "is there",
      conditions(is("Available", "True", "Passed", "all checks passed")),
      "Healthy",
      "Passed: all checks passed",
    ],
    [
      "is away",
      conditions(is("Available", "False", "MissingEndpoints", "none")),
      "Progressing",
      "MissingEndpoints: none",
    ],
  ],
  "apiregistration.k8s.io/v1beta1 APIService": [
    ["waits", conditions(is("Other", "True")), "Progressing", "Waiting to be processed"],
    ["is there", conditions(is("Available", "True", "Local", "is local")), "Healthy", "Local: is local"],
    ["is away", conditions(is("Available", "Unknown", "r", "m")), "Progressing", "r: m"],
  ],
  "apiregistration.k8s.io/v2 APIService": [
    ["has another version", {}, "Unknown", "unsupported APIService GVK: apiregistration.k8s.io/v2, Kind=APIService"],
  ],
  "batch/v2 Job": [["has another version", {}, "Unknown", "unsupported Job GVK: batch/v2, Kind=Job"]],
  "v2 Service": [["has another version", {}, "Unknown", "unsupported Service GVK: /v2, Kind=Service"]],
  "v2 PersistentVolumeClaim": [
    ["has another version", {}, "Unknown", "unsupported PersistentVolumeClaim GVK: /v2, Kind=PersistentVolumeClaim"],
  ],
  "apps/v2 StatefulSet": [
    ["has another version", {}, "Unknown", "unsupported StatefulSet GVK: apps/v2, Kind=StatefulSet"],
  ],
  "apps/v2 DaemonSet": [["has another version", {}, "Unknown", "unsupported DaemonSet GVK: apps/v2, Kind=DaemonSet"]],
  "apps/v2 ReplicaSet": [
    ["has another version", {}, "Unknown", "unsupported ReplicaSet GVK: apps/v2, Kind=ReplicaSet"],
  ],
  "argoproj.io/v1alpha1 Workflow": [
    ["has a phase by the name of a method", { status: { phase: "constructor" } }, "Unknown"],
    ["has not begun", {}, "Progressing"],
    ["is pending", { status: { phase: "Pending", message: "m" } }, "Progressing", "m"],
    ["runs", { status: { phase: "Running" } }, "Progressing"],
    ["is done", { status: { phase: "Succeeded", message: "m" } }, "Healthy", "m"],
    ["failed", { status: { phase: "Failed", message: "m" } }, "Degraded", "m"],
    ["broke", { status: { phase: "Error" } }, "Degraded"],
    ["has a phase that nobody knows", { status: { phase: "Odd" } }, "Unknown"],
  ],
  "argoproj.io/v1alpha1 Application": [
    ["is degraded counts for nothing", { status: { health: { status: "Degraded" } } }, undefined],
  ],
  "argoproj.io/v1alpha1 Rollout": [
    ["has a phase by the name of a method", { status: { phase: "toString", observedGeneration: "2" } }, "Unknown"],
    ["has not begun", {}, "Progressing", "Waiting for rollout spec update to be observed"],
    [
      "is not observed",
      { status: { phase: "Healthy", observedGeneration: "1" } },
      "Progressing",
      "Waiting for rollout spec update to be observed",
    ],
    ["is there", { status: { phase: "Healthy", observedGeneration: "2" } }, "Healthy"],
    [
      "waits for a person",
      { status: { phase: "Paused", observedGeneration: "2", message: "CanaryPauseStep" } },
      "Suspended",
      "CanaryPauseStep",
    ],
    [
      "was aborted",
      { status: { phase: "Degraded", observedGeneration: "2", message: "RolloutAborted" } },
      "Degraded",
      "RolloutAborted",
    ],
  ],
  "batch/v1 CronJob": [
    ["is suspended", { spec: { suspend: true } }, "Healthy", "CronJob is Suspended"],
    ["is new", {}, "Progressing", "Waiting for CronJob"],
    ["was never scheduled", { status: {} }, "Healthy", "CronJob has not been scheduled yet"],
    ["runs", { status: { lastScheduleTime: "2026-01-02", active: [{}] } }, "Healthy", "CronJob has jobs that run"],
    [
      "never succeeded",
      { status: { lastScheduleTime: "2026-01-02" } },
      "Healthy",
      "CronJob has not completed a job successfully yet",
    ],
    [
      "failed last",
      { status: { lastScheduleTime: "2026-01-02", lastSuccessfulTime: "2026-01-01" } },
      "Degraded",
      "CronJob has not completed its last job successfully",
    ],
    [
      "succeeded last",
      { status: { lastScheduleTime: "2026-01-02", lastSuccessfulTime: "2026-01-03" } },
      "Healthy",
      "CronJob has completed its last job successfully",
    ],
  ],
  "apiextensions.k8s.io/v1 CustomResourceDefinition": [
    ["is new", {}, "Progressing", "Status conditions not found"],
    ["goes", conditions(is("Terminating", "True")), "Progressing", "CRD is being terminated"],
    ["has a name that is taken", conditions(is("NamesAccepted", "False", "x", "taken")), "Degraded", "taken"],
    [
      "has no structure",
      conditions(is("NamesAccepted", "True"), is("NonStructuralSchema", "True", "x", "odd"), is("Established", "True")),
      "Degraded",
      "odd",
    ],
    [
      "is being installed",
      conditions(is("NamesAccepted", "True"), is("Established", "False", "Installing")),
      "Progressing",
      "CRD is being installed",
    ],
    ["is not established", conditions(is("NamesAccepted", "True")), "Degraded", "CRD is not established"],
    ["is established", conditions(is("NamesAccepted", "True"), is("Established", "True")), "Healthy", "CRD is healthy"],
  ],
  "policy/v1 PodDisruptionBudget": [
    ["is not observed", {}, "Progressing", "Waiting for the PodDisruptionBudget to be observed"],
    ["is there", { status: { observedGeneration: 2 } }, "Healthy"],
    [
      "has too few pods",
      { status: { observedGeneration: 2, conditions: [is("DisruptionAllowed", "False", "InsufficientPods")] } },
      "Healthy",
    ],
    [
      "cannot be synced",
      { status: { observedGeneration: 2, conditions: [is("DisruptionAllowed", "False", "SyncFailed")] } },
      "Degraded",
      "PodDisruptionBudget has SyncFailed",
    ],
  ],
  "v1 ConfigMap": [["has no health", {}, undefined]],
  "example.com/v1 Widget": [
    ["says nothing", { status: { phase: "odd" } }, undefined],
    [
      "is not observed",
      { status: { observedGeneration: 1, conditions: [is("Ready", "True")] } },
      "Progressing",
      "Widget generation is 2, but latest observed generation is 1",
    ],
    [
      "is observed as it was to be, before it was brought back from a backup",
      { status: { observedGeneration: 3, conditions: [is("Ready", "True")] } },
      "Progressing",
      "Widget generation is 2, but latest observed generation is 3",
    ],
    ["is observed, and says no more", { status: { observedGeneration: 2 } }, "Healthy"],
    [
      "is being reconciled",
      conditions(is("Ready", "True"), is("Reconciling", "True", "x", "at it")),
      "Progressing",
      "at it",
    ],
    ["is stalled", conditions(is("Stalled", "True", "x", "no way"), is("Ready", "False")), "Degraded", "no way"],
    ["is neither", conditions(is("Stalled", "False"), is("Reconciling", "False")), "Healthy"],
    ["is ready", conditions(is("Ready", "True", "x", "fine")), "Healthy", "fine"],
    ["is not ready", conditions(is("Ready", "False", "x", "soon")), "Progressing", "soon"],
    ["does not know", conditions(is("Ready", "Unknown", "x", "who knows")), "Progressing", "who knows"],
    ["writes its generation as text", { status: { observedGeneration: "1" } }, undefined],
    ["has conditions that are none", { status: { conditions: "odd" } }, undefined],
  ],
};

for (const [type, rows] of Object.entries(tables)) {
  const [apiVersion = "", kind = ""] = type.split(" ");
  for (const [name, fields, state, message] of rows) {
    test(`a ${kind} of ${apiVersion} that ${name} is ${state ?? "without health"}`, () => {
      const { metadata, ...rest } = { metadata: {}, ...fields } as { metadata: object };
      const object = { apiVersion, kind, metadata: { name: "x", generation: 2, ...metadata }, ...rest } as KubeObject;
      const expected = message ? { status: state, message } : { status: state };
      assert.deepEqual(assessObject(object).health, state === undefined ? undefined : expected);
    });
  }
}

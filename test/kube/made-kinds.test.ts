import assert from "node:assert/strict";
import { test } from "node:test";
import { withMadeKinds } from "../../src/kube/made-kinds.ts";

for (const [kinds, all] of [
  [["apps/v1/Deployment"], ["apps/v1/Deployment", "apps/v1/ReplicaSet", "v1/Pod"]],
  [["apps/v1/StatefulSet"], ["apps/v1/StatefulSet", "v1/PersistentVolumeClaim", "v1/Pod"]],
  [["apps/v1/DaemonSet"], ["apps/v1/DaemonSet", "v1/Pod"]],
  [["apps/v1/ReplicaSet"], ["apps/v1/ReplicaSet", "v1/Pod"]],
  [["batch/v1/Job"], ["batch/v1/Job", "v1/Pod"]],
  [["batch/v1beta1/CronJob"], ["batch/v1/Job", "batch/v1beta1/CronJob", "v1/Pod"]],
  [["example.com/v1/Deployment"], ["example.com/v1/Deployment"]],
  [
    ["v1/Pod", "v1/Pod", "v1/constructor"],
    ["v1/Pod", "v1/constructor"],
  ],
  [[], []],
] as const) {
  test(`${kinds.join(", ") || "nothing"} needs ${all.join(", ") || "nothing"}`, () => {
    const given = kinds.map((text) => {
      const at = text.lastIndexOf("/");
      return { apiVersion: text.slice(0, at), kind: text.slice(at + 1) };
    });
    assert.deepEqual([...withMadeKinds(given).keys()].sort(), all);
  });
}

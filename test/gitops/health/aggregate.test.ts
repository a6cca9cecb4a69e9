import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregateHealth } from "../../../src/gitops/health/aggregate.ts";

const claim = (name: string, phase: string, annotations = {}) => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "ns", annotations },
  status: { phase },
});
const job = (name: string, type: string, annotations = {}) => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name, namespace: "ns", annotations },
  status: { conditions: [{ type, status: "True" }] },
});
const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } };
const hook = { "argocd.argoproj.io/hook": "PreSync" };
const self = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata: { namespace: "ns", name: "app" } };

for (const [name, pairs, expected] of [
  ["of nothing", [], { status: "Healthy" }],
  ["of what is well", [{ live: claim("a", "Bound") }, { live: config }], { status: "Healthy" }],
  ["of nothing live", [{ target: config }], { status: "Missing" }],
  ["of a part: as healthy as what is live", [{ target: config }, { live: claim("a", "Bound") }], { status: "Healthy" }],
  [
    "is the worst one's",
    [{ live: claim("a", "Pending") }, { live: claim("b", "Lost") }],
    { status: "Degraded", message: "Caused by PersistentVolumeClaim:ns/b" },
  ],
  [
    "names three causes",
    ["a", "b", "c", "d", "e"].map((one) => ({ live: job(one, "Failed") })),
    { status: "Degraded", message: "Caused by batch/Job:ns/a, batch/Job:ns/b, batch/Job:ns/c and 2 more" },
  ],
  ["of hooks only", [{ live: job("a", "Failed", hook) }], { status: "Healthy" }],
  [
    "does not count what says so",
    [{ live: claim("a", "Lost", { "argocd.argoproj.io/ignore-healthcheck": "true" }) }],
    { status: "Healthy" },
  ],
  [
    "counts what does not say so",
    [{ live: claim("a", "Lost", { "argocd.argoproj.io/ignore-healthcheck": "false" }) }],
    { status: "Degraded", message: "Caused by PersistentVolumeClaim:ns/a" },
  ],
  [
    "of a part that is missing, and one that is suspended",
    [{ target: config }, { live: job("a", "Suspended") }],
    { status: "Suspended", message: "Caused by batch/Job:ns/a" },
  ],
  [
    "of a part that is missing, and one that waits",
    [{ target: config }, { live: claim("a", "Pending") }],
    { status: "Progressing", message: "Caused by PersistentVolumeClaim:ns/a" },
  ],
  [
    "of a part that is missing, beside one that is not asked: there is something",
    [{ target: config }, { live: claim("a", "Lost", { "argocd.argoproj.io/ignore-healthcheck": "true" }) }],
    { status: "Healthy" },
  ],
  [
    "of a part that is missing, beside a hook",
    [{ target: config }, { live: job("a", "Failed", hook) }],
    { status: "Missing" },
  ],
  [
    "of what is skipped only",
    [{ target: { ...config, metadata: { name: "c", annotations: { "argocd.argoproj.io/hook": "Skip" } } } }],
    { status: "Healthy" },
  ],
  [
    "of what is suspended before what waits",
    [{ live: job("a", "Suspended") }, { live: claim("a", "Pending") }],
    { status: "Progressing", message: "Caused by PersistentVolumeClaim:ns/a" },
  ],
  [
    "counts what has to be pruned, too",
    [{ live: claim("a", "Lost") }],
    { status: "Degraded", message: "Caused by PersistentVolumeClaim:ns/a" },
  ],
  ["does not count the Application itself", [{ live: self }], { status: "Healthy" }],
] as const) {
  test(`an Application's health ${name}`, () => assert.deepEqual(aggregateHealth(pairs, "ns/app").health, expected));
}

test("each object has its own health", () => {
  const pairs = [{ target: config }, { live: claim("a", "Bound") }, { live: config }];
  assert.deepEqual(aggregateHealth(pairs, "ns/app").resources, [
    { status: "Missing" },
    { status: "Healthy" },
    undefined,
  ]);
});

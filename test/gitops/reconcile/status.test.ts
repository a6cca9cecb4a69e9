import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { compareObjects } from "../../../src/gitops/diff/compare.ts";
import { setTracking } from "../../../src/gitops/diff/tracking.ts";
import { aggregateHealth } from "../../../src/gitops/health/aggregate.ts";
import { buildStatus, invalidStatus, type StatusInput, statusPatch } from "../../../src/gitops/reconcile/status.ts";
import { applyMergePatch } from "../../../src/objects/merge-patch.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { ago, applicationOf, destination, now, source } from "./applications.ts";

const tracking = { method: "annotation", instance: "web", label: "app.kubernetes.io/instance" } as const;
const tracked = (
  kind: string,
  name: string,
  annotations: Readonly<Record<string, string>> = {},
  more: JsonObject = {},
) => {
  const object: KubeObject = {
    apiVersion: kind === "Job" ? "batch/v1" : "v1",
    kind,
    metadata: { name, namespace: "shop", annotations },
    ...more,
  };
  return setTracking(object, tracking, "shop");
};
const claim = (name: string, phase: string, annotations = {}) => {
  return tracked("PersistentVolumeClaim", name, annotations, { status: { phase } });
};

const targets = [tracked("Secret", "b", { "argocd.argoproj.io/sync-wave": "2" }), tracked("ConfigMap", "a")];
const live = [
  tracked("ConfigMap", "a"),
  claim("old", "Lost", { "argocd.argoproj.io/sync-options": "Prune=confirm" }),
  tracked("Job", "hook", { "argocd.argoproj.io/hook": "PreSync" }),
];

function inputOf(spec: JsonObject = {}, status: JsonObject = {}, more: Partial<StatusInput> = {}): StatusInput {
  const application = applicationOf(spec, { status });
  const { objects, status: syncStatus } = compareObjects(targets, live, { method: "annotation", ignore: [] });
  return {
    application,
    syncStatus,
    objects,
    health: aggregateHealth(objects, "argocd/web"),
    revisions: ["c1"],
    sourceTypes: ["Directory"],
    conditions: [],
    summary: {},
    controllerNamespace: "argocd",
    level: 2,
    startedAt: instant(now - 3_000),
    now,
    ...more,
  };
}

test("a status tells the comparison, the health and each object, sorted", () => {
  const common = { version: "v1", namespace: "shop" };
  assert.deepEqual(buildStatus(inputOf()), {
    sync: { status: "OutOfSync", comparedTo: { source, destination }, revision: "c1" },
    health: {
      status: "Degraded",
      message: "Caused by PersistentVolumeClaim:shop/old",
      lastTransitionTime: ago(0),
    },
    resources: [
      { ...common, kind: "ConfigMap", name: "a", status: "Synced" },
      {
        ...common,
        kind: "PersistentVolumeClaim",
        name: "old",
        status: "OutOfSync",
        health: { status: "Degraded" },
        requiresPruning: true,
        requiresDeletionConfirmation: true,
      },
      { ...common, kind: "Secret", name: "b", status: "OutOfSync", health: { status: "Missing" }, syncWave: 2 },
      { ...common, group: "batch", kind: "Job", name: "hook", hook: true, requiresPruning: true },
    ],
    reconciledAt: ago(3),
    sourceType: "Directory",
    controllerNamespace: "argocd",
  });
});

const several = { sources: [source, source], ignoreDifferences: [{ kind: "Secret" }] };
for (const [name, spec, status, more, expected] of [
  [
    "of several sources",
    several,
    {},
    { revisions: ["c1", "c2"], sourceTypes: ["Helm", "Kustomize"] },
    {
      sync: { comparedTo: { ...several, destination }, revisions: ["c1", "c2"] },
      sourceTypes: ["Helm", "Kustomize"],
    },
  ],
  ["of a time that a deeper look moves", {}, { reconciledAt: ago(90) }, { level: 3 }, { reconciledAt: ago(3) }],
  ["of a time that a short look leaves", {}, { reconciledAt: ago(90) }, { level: 1 }, { reconciledAt: ago(90) }],
  ["of a time that a short look sets first", {}, {}, { level: 1 }, { reconciledAt: ago(3) }],
  [
    "of health that stayed, with another message",
    {},
    { health: { status: "Degraded", message: "x", lastTransitionTime: ago(90) } },
    {},
    {
      health: { status: "Degraded", message: "Caused by PersistentVolumeClaim:shop/old", lastTransitionTime: ago(90) },
    },
  ],
  [
    "of health that changed",
    {},
    { health: { status: "Healthy", lastTransitionTime: ago(90) } },
    {},
    { health: { status: "Degraded", lastTransitionTime: ago(0) } },
  ],
  [
    "of what others wrote",
    {},
    { history: [{ id: 1 }], operationState: { phase: "Running" } },
    {},
    { history: [{ id: 1 }], operationState: { phase: "Running" } },
  ],
  [
    "of conditions and a summary",
    {},
    {},
    { conditions: [{ type: "SyncError" }], summary: { images: ["a"] } },
    { conditions: [{ type: "SyncError" }], summary: { images: ["a"] } },
  ],
  [
    "of what asks for confirmation all over",
    { syncPolicy: { syncOptions: ["Delete=confirm"] } },
    {},
    {},
    {
      resources: [
        { name: "a", requiresDeletionConfirmation: true },
        { name: "old", requiresDeletionConfirmation: true },
        { name: "b", requiresDeletionConfirmation: true },
        { name: "hook", requiresDeletionConfirmation: true },
      ],
    },
  ],
] as const) {
  test(`a status ${name}`, () => {
    const built: JsonObject = buildStatus(inputOf(spec, status, more));
    assert.partialDeepStrictEqual(built, expected);
  });
}

test("a status keeps nothing of its own that is over", () => {
  const stale = {
    sync: { status: "Synced", revision: "c0", revisions: ["c0"] },
    conditions: [{ type: "SyncError", message: "x" }],
    sourceTypes: ["Helm"],
    summary: { images: ["a"] },
    resources: [{ kind: "Secret" }],
    resourceHealthSource: "appTree",
  };
  const empty = {
    objects: [],
    health: { health: { status: "Healthy" }, resources: [] },
    sourceTypes: [],
    revisions: [],
  } as const;
  assert.deepEqual(buildStatus(inputOf({}, stale, { ...empty, syncStatus: "Unknown" })), {
    sync: { status: "Unknown", comparedTo: { source, destination } },
    health: { status: "Healthy", lastTransitionTime: ago(0) },
    reconciledAt: ago(3),
    controllerNamespace: "argocd",
  });
});

test("the status of a wrong spec is Unknown, and nothing else changes", () => {
  const status = buildStatus(inputOf());
  const conditions = [{ type: "InvalidSpecError", message: "x", lastTransitionTime: ago(0) }];
  const invalid = invalidStatus(
    applicationOf({ source: { ...source, path: "y" } }, { status }),
    conditions,
    instant(now + 60_000),
  );
  assert.deepEqual(statusPatch(status, invalid), {
    status: {
      sync: { status: "Unknown" },
      health: { status: "Unknown", message: null, lastTransitionTime: ago(-60) },
      conditions,
    },
  });
});

test("the same found again writes nothing", () => {
  const first = buildStatus(inputOf());
  const later = { now: instant(now + 60_000), startedAt: instant(now + 57_000), level: 1 } as const;
  assert.equal(statusPatch(first, buildStatus(inputOf({}, first, later))), undefined);
});

test("a patch of the status writes what changed only, and leads to the new status", () => {
  const first = buildStatus(inputOf({}, {}, { summary: { images: ["a"] }, conditions: [{ type: "SyncError" }] }));
  const second = buildStatus(inputOf({}, first, { revisions: ["c2"], level: 1 }));
  const patch = statusPatch(first, second);
  assert.deepEqual(patch, { status: { sync: { revision: "c2" }, summary: null, conditions: null } });
  assert.deepEqual(applyMergePatch({ status: first }, patch ?? {}), { status: second });
});

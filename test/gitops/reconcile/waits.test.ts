import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppProject } from "../../../src/api/app-project.ts";
import { instant, isoTime } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import type { AutoSyncDecision } from "../../../src/gitops/reconcile/auto-sync.ts";
import { waitsOf } from "../../../src/gitops/reconcile/waits.ts";
import { ago, applicationOf, now } from "./applications.ts";

const project = parseAppProject({
  apiVersion: "argoproj.io/v1alpha1",
  kind: "AppProject",
  metadata: { name: "default", namespace: "argocd" },
  spec: { syncWindows: [{ kind: "deny", schedule: "0 12 * * *", duration: "1h", applications: ["*"] }] },
}).resource;

interface Case {
  readonly top?: JsonObject;
  readonly status?: JsonObject;
  readonly decision?: AutoSyncDecision;
}

const none = (reason: string, more: object = {}): AutoSyncDecision => ({ kind: "none", reason, ...more });
const quiet = none("everything is as it should be");
const operation = (state: JsonObject, more: JsonObject = {}): Case => ({
  top: { operation: { sync: { revision: "c1" }, retry: { limit: 2, backoff: { duration: "10s" } }, ...more } },
  status: { operationState: { phase: "Running", startedAt: ago(5), ...state } },
});
const at = (seconds: number) => isoTime(instant(now + seconds * 1_000));
const ill = (name: string, status: string, message?: string): JsonObject => ({
  kind: "Pod",
  namespace: "shop",
  name,
  health: { status, ...(message === undefined ? {} : { message }) },
});
const condition = (type: string, message: string): Case => ({ status: { conditions: [{ type, message }] } });

const cases: readonly (readonly [name: string, given: Case, waits: readonly (readonly string[])[]])[] = [
  ["nothing when all is well", { decision: quiet, status: { health: { status: "Healthy" } } }, []],
  ["its first look", {}, [["look", "it was not looked at yet"]]],
  [
    "nobody while it is skipped",
    { top: { metadata: { name: "web", annotations: { "argocd.argoproj.io/skip-reconcile": "true" } } } },
    [["skip-reconcile", "reconciling is turned off by argocd.argoproj.io/skip-reconcile"]],
  ],
  [
    "nobody while it is skipped, in a form that Go takes for true",
    { top: { metadata: { name: "web", annotations: { "argocd.argoproj.io/skip-reconcile": "T" } } } },
    [["skip-reconcile", "reconciling is turned off by argocd.argoproj.io/skip-reconcile"]],
  ],
  [
    "its own deletion",
    { top: { metadata: { name: "web", deletionTimestamp: ago(5), finalizers: ["x/y"] } } },
    [["deletion", `it is being deleted since ${ago(5)} with x/y`]],
  ],
  [
    "a project",
    condition("InvalidSpecError", "repo is not permitted in project 'a'"),
    [["project", "InvalidSpecError: repo is not permitted in project 'a'"]],
  ],
  [
    "a spec",
    condition("InvalidSpecError", "spec.source is wrong"),
    [["spec", "InvalidSpecError: spec.source is wrong"]],
  ],
  [
    "a cluster by name",
    condition("InvalidSpecError", "there are no clusters with this name: x"),
    [["cluster", "InvalidSpecError: there are no clusters with this name: x"]],
  ],
  [
    "a project, though the cluster's URL has the word",
    condition("InvalidSpecError", "application destination server 'https://cluster.x' and … allowed … in project 'a'"),
    [
      [
        "project",
        "InvalidSpecError: application destination server 'https://cluster.x' and … allowed … in project 'a'",
      ],
    ],
  ],
  [
    "a repository, though its folder has the word",
    condition("ComparisonError", "clusters/prod: app path does not exist"),
    [["repository", "ComparisonError: clusters/prod: app path does not exist"]],
  ],
  [
    "a cluster that is away",
    condition("ComparisonError", "Failed to load live state: x"),
    [["cluster", "ComparisonError: Failed to load live state: x"]],
  ],
  [
    "a repository",
    condition("ComparisonError", "repository not found"),
    [["repository", "ComparisonError: repository not found"]],
  ],
  ["a deletion that fails", condition("DeletionError", "no"), [["deletion", "DeletionError: no"]]],
  ["a sync", operation({ message: "syncing" }), [["operation", "syncing"]]],
  ["a sync that says nothing", operation({}), [["operation", "a sync is in progress"]]],
  ["a termination", operation({ phase: "Terminating" }), [["termination", "the sync is being terminated"]]],
  [
    "a retry, and when",
    operation({ finishedAt: ago(4), retryCount: 1, message: "no. Retrying attempt #1" }),
    [["retry", "no. Retrying attempt #1", at(6)]],
  ],
  [
    "a window, and when it changes",
    operation({ message: "Sync operation blocked by sync window" }),
    [["window", "Sync operation blocked by sync window", at(0.001)]],
  ],
  ["an approval", operation({ message: "needs approval: x" }), [["approval", "needs approval: x"]]],
  [
    "a confirmation",
    operation({ message: "waiting for pruning confirmation of /Pod/a" }),
    [["confirmation", "waiting for pruning confirmation of /Pod/a"]],
  ],
  [
    "a hook",
    operation({ message: "waiting for completion of hook batch/Job/a" }),
    [["hook", "waiting for completion of hook batch/Job/a"]],
  ],
  [
    "the health of what it applied",
    operation({ message: "waiting for healthy state of /Pod/a" }),
    [["health", "waiting for healthy state of /Pod/a"]],
  ],
  [
    "the deletion of what it prunes",
    operation({ message: "waiting for deletion of /Pod/a" }),
    [["deletion", "waiting for deletion of /Pod/a"]],
  ],
  [
    "a sync, with a newer revision behind it",
    {
      ...operation({}),
      status: {
        sync: { revision: "c2" },
        operationState: {
          phase: "Running",
          syncResult: { revision: "c1" },
          message: "waiting for completion of hook /Pod/a",
        },
      },
    },
    [
      ["hook", "waiting for completion of hook /Pod/a"],
      ["newer-revision", "c2 comes after the sync to c1"],
    ],
  ],
  [
    "a person, where automated sync is off",
    { decision: none("off", { obstacle: { kind: "manual" } }), status: { sync: { status: "OutOfSync" } } },
    [["manual", "off"]],
  ],
  [
    "nobody, where nothing differs",
    { decision: none("off", { obstacle: { kind: "manual" } }), status: { sync: { status: "Synced" } } },
    [],
  ],
  [
    "a hold, and its end",
    { decision: none("held", { obstacle: { kind: "hold", until: instant(now + 5_000) } }) },
    [["hold", "held", at(5)]],
  ],
  ["another Application", { decision: none("it needs b", { obstacle: { kind: "need" } }) }, [["need", "it needs b"]]],
  [
    "the next revision after a rollback",
    { decision: none("left", { obstacle: { kind: "quarantine" } }) },
    [["quarantine", "left"]],
  ],
  [
    "an approval before it begins",
    { decision: { kind: "error", message: "needs approval: x", obstacle: { kind: "approval" } } },
    [["approval", "needs approval: x"]],
  ],
  [
    "what failed",
    { decision: { kind: "error", message: "Failed last", obstacle: { kind: "failed" } } },
    [["failed", "Failed last"]],
  ],
  [
    "self-heal, and when",
    { decision: { kind: "wait", afterMs: 6_000, reason: "later" } },
    [["self-heal", "later", at(5)]],
  ],
  ["a sync that begins now", { decision: { kind: "start", operation: {}, reason: "new" } }, [["operation", "new"]]],
  [
    "the health of objects, by name",
    {
      decision: quiet,
      status: {
        health: { status: "Degraded" },
        resources: [ill("a", "Degraded", "crashed"), ill("b", "Healthy"), ill("c", "Missing")],
      },
    },
    [
      ["health", "Pod/shop/a is Degraded: crashed"],
      ["health", "Pod/shop/c is Missing"],
    ],
  ],
  [
    "what keeps objects from being made, not for them",
    {
      decision: none("held", { obstacle: { kind: "hold" } }),
      status: { health: { status: "Missing" }, resources: [ill("c", "Missing")] },
    },
    [["hold", "held"]],
  ],
  [
    "many objects, the first ten by name",
    {
      decision: quiet,
      status: {
        health: { status: "Progressing" },
        resources: Array.from({ length: 12 }, (_, n) => ill(`p${n}`, "Progressing")),
      },
    },
    [
      ...Array.from({ length: 10 }, (_, n) => ["health", `Pod/shop/p${n} is Progressing`]),
      ["health", "2 more objects are not healthy"],
    ],
  ],
];

for (const [name, { top = {}, status = {}, decision }, waits] of cases) {
  test(`an Application waits for ${name}`, () => {
    const application = applicationOf({}, { status, ...top });
    const decided = decision === undefined ? undefined : { at: now - 1_000, decision };
    const found = waitsOf({ application, project, decided, isOurs: true, now });
    assert.deepEqual(
      found.map((wait) => [wait.for, wait.text, ...(wait.until === undefined ? [] : [wait.until])]),
      waits,
    );
  });
}

const began = ago(90);
const sinces: readonly (readonly [
  name: string,
  given: Case & { readonly since?: number },
  since: string | undefined,
])[] = [
  [
    "an error",
    { status: { conditions: [{ type: "ComparisonError", message: "x", lastTransitionTime: began }] } },
    began,
  ],
  ["a sync", operation({ startedAt: began }), began],
  ["a retry", operation({ startedAt: began, finishedAt: ago(4), retryCount: 1, message: "no" }), began],
  ["a hold", { decision: none("held", { obstacle: { kind: "hold" } }), since: now - 7_000 }, at(-7)],
  ["what failed", { decision: { kind: "error", message: "no", obstacle: { kind: "failed" } }, since: now }, at(0)],
  ["a decision of another engine", { decision: none("held", { obstacle: { kind: "hold" } }) }, undefined],
  [
    "the one object that is ill",
    {
      decision: quiet,
      status: { health: { status: "Degraded", lastTransitionTime: began }, resources: [ill("a", "Degraded")] },
    },
    began,
  ],
];

for (const [name, { top = {}, status = {}, decision, since }, expected] of sinces) {
  test(`since when it waits for ${name}`, () => {
    const decided = decision && { at: now - 1_000, decision, ...(since === undefined ? {} : { since }) };
    const application = applicationOf({}, { status, ...top });
    assert.equal(waitsOf({ application, project, decided, isOurs: true, now })[0]?.since, expected);
  });
}

test("what a hold and a need are about goes along", () => {
  const about = (obstacle: object) => {
    const decided = { at: now, decision: none("x", { obstacle }) };
    return waitsOf({ application: applicationOf({}), project, decided, isOurs: true, now })[0];
  };
  assert.equal(about({ kind: "need", need: "argocd/b" })?.need, "argocd/b");
  assert.deepEqual(about({ kind: "hold", holds: [{ kind: "all" }] })?.holds, [{ kind: "all" }]);
});

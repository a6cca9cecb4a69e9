import assert from "node:assert/strict";
import { test } from "node:test";
import { findTimeZone } from "../../../src/base/time-zone.ts";
import { listText } from "../../../src/cli/app/list.ts";
import { detailsText, syncText } from "../../../src/cli/app/summary.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { applicationObject, type Parts } from "../../server/applications.ts";

const commit = "1a2b3c4d5e6f70819293a4b5c6d7e8f901234567";
const context = {
  url: "http://127.0.0.1:8080/",
  zone: findTimeZone("Europe/Berlin", "TZ"),
  clock: createVirtualClock("2026-01-01T00:01:05.900Z"),
  windows: { activeWindows: [], assignedWindows: [], canSync: true },
};

const text = (parts: Parts, showOperation = false): string =>
  detailsText(applicationObject("argocd", "web", parts), context, showOperation);

const operationState = {
  phase: "Succeeded",
  message: "successfully synced\n(all tasks run)",
  startedAt: "2026-01-01T00:00:00Z",
  finishedAt: "2026-01-01T00:01:03Z",
  syncResult: {
    revision: commit,
    resources: [
      { group: "apps", kind: "Deployment", namespace: "shop", name: "web", status: "Synced", message: "configured" },
      {
        group: "batch",
        kind: "Job",
        namespace: "shop",
        name: "migrate",
        status: "Synced",
        hookType: "PreSync",
        hookPhase: "Succeeded",
        message: "job done",
      },
      {
        kind: "ConfigMap",
        namespace: "shop",
        name: "old",
        status: "Pruned",
        hookPhase: "Succeeded",
        message: "pruned",
      },
    ],
  },
};

const whole: Parts = {
  spec: {
    project: "shop",
    source: {
      repoURL: "https://git.example/web",
      targetRevision: "main",
      path: "deploy",
      helm: { valueFiles: ["a.yaml", "b.yaml"] },
      kustomize: { namePrefix: "x-" },
    },
    destination: { name: "in-cluster", namespace: "web" },
    syncPolicy: { automated: { prune: true } },
  },
  status: {
    sync: { status: "OutOfSync", revision: commit },
    health: { status: "Degraded", message: "too few" },
    conditions: [{ type: "SyncError", message: "one\n two", lastTransitionTime: "2026-01-01T00:00:00Z" }],
    resources: [
      { kind: "Service", namespace: "shop", name: "web", status: "OutOfSync" },
      {
        group: "apps",
        kind: "Deployment",
        namespace: "shop",
        name: "web",
        status: "Synced",
        health: { status: "Healthy" },
      },
    ],
    operationState,
  },
};

const wholeHead = `Name:               argocd/web
Project:            shop
Server:             in-cluster
Namespace:          web
URL:                http://127.0.0.1:8080/applications/web
Source:
- Repo:             https://git.example/web
  Target:           main
  Path:             deploy
  Helm Values:      a.yaml,b.yaml
  Name Prefix:      x-
SyncWindow:         Sync Allowed
Sync Policy:        Automated (Prune)
Sync Status:        OutOfSync from main (1a2b3c4)
Health Status:      Degraded (too few)
`;

const wholeConditions = `
CONDITION  MESSAGE  LAST TRANSITION
SyncError  one two  2026-01-01 01:00:00 +0100 CET

`;

const wholeOperation = `
Operation:          Sync
Sync Revision:      ${commit}
Phase:              Succeeded
Start:              2026-01-01 01:00:00 +0100 CET
Finished:           2026-01-01 01:01:03 +0100 CET
Duration:           1m3s
Message:            successfully synced (all tasks run)
`;

const wholeResources = `
GROUP  KIND        NAMESPACE  NAME     STATUS     HEALTH   HOOK     MESSAGE
apps   Deployment  shop       web      Synced     Healthy           configured
batch  Job         shop       migrate  Succeeded  Synced   PreSync  job done
       ConfigMap   shop       old      Succeeded  Pruned            pruned
       Service     shop       web      OutOfSync`;

test("app get shows what it is, its conditions, its operation if asked for, its objects", () => {
  assert.equal(text(whole), wholeHead + wholeConditions + wholeResources);
  assert.equal(text(whole, true), wholeHead + wholeConditions + wholeOperation + wholeResources);
});

test("app sync ends with what it is, its operation, its objects", () => {
  assert.equal(
    syncText(applicationObject("argocd", "web", whole), context),
    wholeHead + wholeOperation + wholeResources,
  );
});

test("an Application that was never compared or synced", () => {
  const head = `Name:               argocd/web
Project:            default
Server:             https://kubernetes.default.svc
Namespace:          shop
URL:                http://127.0.0.1:8080/applications/web
Source:
- Repo:             https://git.example/web
  Target:
  Path:             deploy
SyncWindow:         Sync Allowed
Sync Policy:        Manual
Sync Status:
Health Status:`;
  assert.equal(text({}), head);
  assert.equal(text({}, true), head);
  assert.equal(text({ status: null, operation: null }, true), head);
});

const source = (targetRevision?: string) => ({
  source: { repoURL: "https://git.example/web", path: "deploy", ...(targetRevision && { targetRevision }) },
});

const lines: readonly (readonly [name: string, parts: Parts, line: string])[] = [
  [
    "in sync",
    { spec: source("v1"), status: { sync: { status: "Synced", revision: commit } } },
    "Synced to v1 (1a2b3c4)",
  ],
  ["no target", { status: { sync: { status: "Synced", revision: commit } } }, "Synced to  (1a2b3c4)"],
  [
    "a commit",
    { spec: source(commit), status: { sync: { status: "Synced", revision: commit } } },
    `Synced to ${commit}`,
  ],
  [
    "a short commit",
    { spec: source("1a2b3c4"), status: { sync: { status: "Synced", revision: commit } } },
    "Synced to 1a2b3c4",
  ],
  ["no revision", { spec: source("main"), status: { sync: { status: "OutOfSync" } } }, "OutOfSync from main"],
  ["unknown", { spec: source("main"), status: { sync: { status: "Unknown", revision: commit } } }, "Unknown (1a2b3c4)"],
];

for (const [name, parts, line] of lines) {
  test(`the line of the sync status: ${name}`, () => {
    assert.ok(text(parts).split("\n").includes(`Sync Status:        ${line}`), text(parts));
  });
}

const policies: readonly (readonly [automated: object | undefined, line: string, cell: string])[] = [
  [undefined, "Manual", "Manual"],
  [{}, "Automated", "Auto"],
  [{ prune: true }, "Automated (Prune)", "Auto-Prune"],
  [{ enabled: false, prune: true }, "Manual", "Manual"],
];

for (const [automated, line, cell] of policies) {
  test(`the sync policy of automated: ${JSON.stringify(automated)}`, () => {
    const parts = { spec: { syncPolicy: { automated } } };
    assert.ok(text(parts).split("\n").includes(`Sync Policy:        ${line}`));
    assert.equal(cellsOf(listText([applicationObject("argocd", "web", parts)]))[1]?.at(-4), cell);
  });
}

test("several sources", () => {
  const sources = [
    { repoURL: "https://git.example/a", chart: "web", targetRevision: "1.0" },
    { repoURL: "b", ref: "v" },
  ];
  const parts = { spec: { sources }, status: { operationState: { syncResult: { revisions: ["1.0", "abc"] } } } };
  assert.ok(
    text(parts, true).includes(`Sources:
- Repo:             https://git.example/a
  Target:           1.0
- Repo:             b
  Target:
  Ref:              v
SyncWindow:`),
  );
  assert.match(text(parts, true), /^Sync Revision: {6}1\.0, abc$/m);
});

test("an operation that runs counts its time until now", () => {
  const running = { phase: "Running", startedAt: "2026-01-01T00:00:00Z" };
  const shown = text({ status: { operationState: running } }, true);
  assert.ok(
    shown.endsWith(`
Phase:              Running
Start:              2026-01-01 01:00:00 +0100 CET
Finished:           <nil>
Duration:           1m5s`),
    shown,
  );
});

test("times that are none are shown as they are", () => {
  const broken = { phase: "Running", startedAt: "soon", finishedAt: "2026-01-01T00:00:00Z" };
  assert.match(text({ status: { operationState: broken } }, true), /^Start: {14}soon\n.*\nDuration:$/m);
});

const cellsOf = (table: string): string[][] => table.split("\n").map((line) => line.split(/ {2,}/));

test("app list has the columns of the original", () => {
  const conditions = ["SyncError", "SharedResourceWarning", "SyncError"].map((type) => ({ type }));
  const status = { ...(whole.status as object), conditions };
  const all = [applicationObject("argocd", "web", { ...whole, status }), applicationObject("shop", "api")];
  const cells = cellsOf(listText(all));
  assert.deepEqual(cells[0], [
    "NAME",
    "CLUSTER",
    "NAMESPACE",
    "PROJECT",
    "STATUS",
    "HEALTH",
    "SYNCPOLICY",
    "CONDITIONS",
    "REPO",
    "PATH",
    "TARGET",
  ]);
  assert.deepEqual(cells[1], [
    "argocd/web",
    "in-cluster",
    "web",
    "shop",
    "OutOfSync",
    "Degraded",
    "Auto-Prune",
    "SharedResourceWarning,SyncError(2)",
    "https://git.example/web",
    "deploy",
    "main",
  ]);
  assert.match(listText(all), /^shop\/api .* default {20,}Manual +<none> +https:\/\/git\.example\/api +deploy$/m);
  assert.deepEqual(cellsOf(listText([])), [cells[0]]);
});

const window = (kind: string) => ({ kind, schedule: "0 8 * * *", duration: "1h", manualSync: false });
const [allow, deny] = [window("allow"), window("deny")];

for (const [name, windows, state] of [
  ["an open allow window", { activeWindows: [allow], assignedWindows: [allow], canSync: true }, "Sync Allowed"],
  ["a closed deny window", { activeWindows: [], assignedWindows: [deny], canSync: true }, "Sync Allowed"],
  ["an open deny window", { activeWindows: [deny], assignedWindows: [deny], canSync: false }, "Sync Denied"],
  ["one that lets people sync", { activeWindows: [deny], assignedWindows: [deny], canSync: true }, "Manual Allowed"],
  ["a closed allow window", { activeWindows: [], assignedWindows: [allow], canSync: false }, "Sync Denied"],
] as const) {
  test(`the window of an Application with ${name}`, () => {
    const shown = detailsText(applicationObject("argocd", "web", whole), { ...context, windows }, false);
    assert.match(shown, new RegExp(`\nSyncWindow: {9}${state}\nAssigned Windows: {3}\\w+:0 8 \\* \\* \\*:1h\n`));
  });
}

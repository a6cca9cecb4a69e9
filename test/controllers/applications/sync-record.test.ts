import assert from "node:assert/strict";
import { test } from "node:test";
import { parseApplication } from "../../../src/api/application.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { broughtBy, syncRecordOf } from "../../../src/controllers/applications/sync-record.ts";
import type { ResourceResult, TaskRun } from "../../../src/gitops/sync/sync.ts";

const source = { repoURL: "https://me:secret@git.example/web.git", path: "prod", targetRevision: "main" };

function applicationOf(history: readonly object[]) {
  const object = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "web", namespace: "argocd", uid: "u" },
    spec: { project: "shop", source, destination: { server: "https://k8s.example", namespace: "prod" } },
    status: { history: [...history] },
  };
  return parseApplication(object).resource;
}

const state = (revision: string, resources: readonly object[] = []): JsonObject => ({
  phase: "Succeeded",
  message: "synced",
  operation: { sync: { prune: true }, initiatedBy: { username: "alice" } },
  syncResult: { revision, resources: [...resources] as JsonObject[] },
});

const told = { key: "sync/d", startedAt: 1_000, at: 2_000, brought: {} };

/** [what, revisions of the history, of this sync, what was before, whether it went back] */
for (const [what, history, revision, before, isReturn] of [
  ["the first", [], "a", undefined, undefined],
  ["another revision", ["a"], "b", ["a"], undefined],
  ["the same once more", ["a", "b"], "b", ["b"], undefined],
  ["back to an earlier one", ["a", "b"], "a", ["b"], true],
  ["back to one before that", ["a", "b", "c"], "a", ["c"], true],
] as const) {
  test(`the record of a sync says what was deployed before: ${what}`, () => {
    const application = applicationOf(history.map((one) => ({ revision: one })));
    const record = syncRecordOf(application, state(revision), told);
    assert.deepEqual([record.before, record.isReturn], [before, isReturn]);
  });
}

test("the record of a sync says what was brought where, from where, by whom and how", () => {
  const pod = (image: string) => ({ kind: "Pod", spec: { initContainers: [{ image: "i" }], containers: [{ image }] } });
  const application = applicationOf([]);
  const brought = broughtBy(application, [
    pod("a:1"),
    { kind: "Deployment", spec: { template: pod("b:2") } },
    pod("a:1"),
  ]);
  const record = syncRecordOf(application, state("abc"), { ...told, brought });
  assert.partialDeepStrictEqual(record, {
    project: "shop",
    destination: { server: "https://k8s.example", namespace: "prod" },
    sources: [{ repoURL: "https://git.example/web.git", path: "prod" }],
    images: ["a:1", "i", "b:2"],
    by: "alice",
    options: ["prune"],
    revisions: ["abc"],
  });
  assert.ok(record.manifests?.startsWith("sha256:"));
  assert.ok(!JSON.stringify(record).includes("secret"));
});

test("the record of a sync of very many objects fits into a message of the ledger", () => {
  const long = "n".repeat(253);
  const results = Array.from({ length: 1_000 }, (_, index): ResourceResult => {
    const name = `${index}${long}`.slice(0, 253);
    const key = {
      group: "networking.k8s.io",
      version: "v1",
      kind: "NetworkPolicy",
      namespace: long.slice(0, 63),
      name,
    };
    return { ...key, status: "SyncFailed", message: "m".repeat(900), hookPhase: "Failed", syncPhase: "Sync" };
  });
  const runs = new Map<string, TaskRun>();
  for (const { group, kind, namespace, name } of results) {
    runs.set(`Sync/${group}/${kind}/${namespace}/${name}`, {
      wave: 0,
      startedAt: 1_764_000_000_000,
      endedAt: 1_764_000_000_001,
    });
  }
  const record = syncRecordOf(applicationOf([]), state("abc", results), { ...told, brought: { runs } });
  assert.deepEqual([record.objects.length, record.objects[0]?.wave, record.objects[0]?.message?.length], [100, 0, 64]);
  assert.ok(JSON.stringify(record).length < 64 * 1024 - 4_000);
});

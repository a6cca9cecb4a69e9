import assert from "node:assert/strict";
import { test } from "node:test";
import { needsAnnotation } from "../../../src/gitops/reconcile/needs.ts";
import { comparedText } from "../../../src/gitops/reconcile/needs-revision.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { configMap, openWorld } from "./world.ts";

const kind = { apiVersion: "argoproj.io/v1alpha1", kind: "Application" };
const metadata = { annotations: { [needsAnnotation]: "db" } };

/** Ready, where it was compared. */
function ready(comparedTo: object, revision: string | readonly string[]): KubeObject {
  const at = typeof revision === "string" ? { revision } : { revisions: revision };
  const status = { sync: { status: "Synced", comparedTo, ...at }, health: { status: "Healthy" } };
  return { ...kind, metadata: { namespace: "argocd", name: "db" }, status };
}

test("an Application waits until what it needs was compared at its commit, or a later one, of the same branch", async () => {
  await using world = await openWorld();
  const { repository } = world;
  const first = await repository.commit({ "web/a.yaml": configMap("a"), "db/b.yaml": configMap("b") });
  const second = await repository.commit({ "web/a.yaml": configMap("a", { a: "2" }) });
  const third = await repository.commit({ "db/b.yaml": configMap("b", { b: "3" }) });
  const on = (targetRevision: string, more: object = {}) => ({
    source: { repoURL: `${repository.url}/`, path: "db", targetRevision, ...more },
  });
  const [main, elsewhere] = [on("main").source, { repoURL: "https://git.example/db.git", targetRevision: "main" }];
  const behind = `a sync is due, but it needs argocd/db, which was not compared at ${second.slice(0, 7)} yet`;
  const rows: readonly (readonly [name: string, db: KubeObject, reason: string | undefined])[] = [
    ["behind", ready(on("main"), first), behind],
    ["at the same commit", ready(on("main"), second), undefined],
    ["at a later one", ready(on("main"), third), undefined],
    ["at one that is in no history", ready(on("main"), "0".repeat(40)), behind],
    ["behind with one of its sources", ready({ sources: [elsewhere, main] }, [second, first]), behind],
    ["of another branch", ready(on("stable"), first), undefined],
    ["of another repository", ready({ source: elsewhere }, first), undefined],
    ["of a chart", ready(on("main", { chart: "db" }), first), undefined],
  ];
  for (const [name, db, reason] of rows) {
    const app = world.app("web", { syncPolicy: { automated: {} } }, metadata);
    const own: KubeObject = { ...kind, metadata: { namespace: "argocd", name: "web", ...metadata } };
    const deps = { ...world.deps, applicationAt: (key: string) => (key === "argocd/db" ? db : own) };
    const source = { repoURL: repository.url, path: "web", targetRevision: "main" };
    app.application = { ...app.application, status: { sync: { comparedTo: { source }, revision: second } } };
    const { decision, needed } = await world.look(app, { level: 1, deps });
    const found = decision.kind === "start" ? undefined : "reason" in decision ? decision.reason : decision.message;
    assert.deepEqual([found, needed], [reason, reason && "argocd/db"], name);
  }
});

test("what an Application was compared at is told apart by branch and commit", () => {
  const at = (targetRevision: string, revision: string): string =>
    comparedText(ready({ source: { repoURL: "https://git.example/db.git", targetRevision } }, revision));
  assert.notEqual(at("main", "a"), at("main", "b"));
  assert.equal(at("", "a"), at("HEAD", "a"));
  assert.equal(comparedText(undefined), "");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import type { AutoSyncDecision } from "../../../src/gitops/reconcile/auto-sync.ts";
import { configMap, openWorld, patient, type TestApp, type World } from "./world.ts";

const annotation = "argocd.argoproj.io/manifest-generate-paths";

interface Case {
  /** What the annotation says; none: it is not there. */
  readonly paths?: string;
  /** The commit after the one that was synced. */
  readonly files?: Readonly<Record<string, string>>;
  readonly removed?: string;
  readonly source?: JsonObject;
  readonly decision: AutoSyncDecision["kind"];
}

const first = {
  "web/a.yaml": configMap("a", { by: "git" }),
  "web/notes.md": "1",
  "base/b.yaml": configMap("b"),
  "other/c.yaml": configMap("c"),
};

/** The object was changed by hand since; self-heal is off, so that only a revision with news is a reason to sync. */
const cases: Readonly<Record<string, Case>> = {
  "nothing is said: any commit is news": { files: { "other/c.yaml": "x: 1" }, decision: "start" },
  "another folder is no news": { paths: ".", files: { "other/c.yaml": "x: 1" }, decision: "none" },
  "a file at the path is, also one that is not rendered": {
    paths: ".",
    files: { "web/notes.md": "2" },
    decision: "start",
  },
  "a file from the root is": { paths: "/base", files: { "base/b.yaml": configMap("z") }, decision: "start" },
  "a file beside it is not": { paths: "/base/b.yaml", files: { "base/x.yaml": configMap("z") }, decision: "none" },
  "a glob that fits is": { paths: "*.md", files: { "web/notes.md": "2" }, decision: "start" },
  "a glob that does not fit is not": { paths: "*.txt", files: { "web/notes.md": "2" }, decision: "none" },
  "a new file that a glob fits is": { paths: "/*/x.md", files: { "other/x.md": "2" }, decision: "start" },
  "a removed file is": { paths: ".", removed: "web/notes.md", decision: "start" },
  "what is rendered counts where the paths are too narrow": {
    paths: "/other",
    files: { "web/a.yaml": configMap("a", { more: "1" }) },
    decision: "start",
  },
};

/** Synced at the first commit, and changed by hand. */
async function drifted(world: World, { paths, source = {} }: Pick<Case, "paths" | "source">): Promise<TestApp> {
  await world.repository.commit(first);
  const spec = {
    source: { repoURL: world.repository.url, path: "web", targetRevision: "main", ...source },
    syncPolicy: { automated: {} },
  };
  const app = world.app("web", spec, paths === undefined ? {} : { annotations: { [annotation]: paths } });
  const look = await world.lookWell(app);
  await world.sync(app, look);
  const [revision = ""] = look.revisions;
  const syncResult = { revision, source: spec.source };
  const operationState = { phase: "Succeeded", syncResult };
  app.application = { ...app.application, status: { ...app.application.status, operationState } };
  const ref = { apiVersion: "v1", kind: "ConfigMap", name: "a", namespace: "default" };
  const patch = { data: { by: "somebody" } };
  await world.seen(await world.plane.client.patch(ref, "application/merge-patch+json", patch, {}, patient()));
  return app;
}

for (const [name, { files = {}, removed, decision, ...given }] of Object.entries(cases)) {
  test(`a commit after a sync: ${name}`, async () => {
    await using world = await openWorld();
    const app = await drifted(world, given);
    assert.equal((await world.look(app)).decision.kind, "none", "the commit that was synced is no news");
    if (removed !== undefined) await world.repository.git("rm", "--quiet", removed);
    await world.repository.commit(files);
    const { status, decision: made } = await world.look(app, { level: 3 });
    assert.deepEqual([(status.sync as JsonObject).status, made.kind], ["OutOfSync", decision], JSON.stringify(made));
  });
}

test("what cannot be found out is news: the commit that was synced is gone", async () => {
  await using world = await openWorld();
  const app = await drifted(world, { paths: "." });
  const syncResult = { revision: "0123456789012345678901234567890123456789", source: app.spec.source ?? null };
  const operationState = { phase: "Succeeded", syncResult };
  app.application = { ...app.application, status: { ...app.application.status, operationState } };
  assert.equal((await world.look(app, { level: 3 })).decision.kind, "start");
});

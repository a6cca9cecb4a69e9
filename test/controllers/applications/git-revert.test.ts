import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createGitRevert, type RevertWish } from "../../../src/controllers/applications/git-revert.ts";
import type { SeenPush } from "../../../src/controllers/applications/push-intake.ts";
import { defaultProject } from "../../../src/gitops/project/project.ts";
import type { DestinationCluster } from "../../../src/gitops/reconcile/destination.ts";
import { createGitWriter } from "../../../src/gitops/source/git-writer.ts";
import { anonymousAccess } from "../../../src/gitops/source/source.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { createTestRepository } from "../../harness/git-repository.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const server = "https://kubernetes.default.svc";

test("a rollback as commits: each folder that differs, on its branch, as far as somebody may write", async () => {
  await using repository = await createTestRepository();
  await using folder = await tempDir();
  await repository.git("config", "receive.denyCurrentBranch", "ignore");
  const first = await repository.commit({ "web/a": "1", "db/a": "1", "values/a": "1" });
  const second = await repository.commit({ "web/a": "2", "db/a": "2", "values/a": "2" });
  const source = (path: string, more: object = {}) => ({
    repoURL: repository.url,
    path,
    targetRevision: "main",
    ...more,
  });
  const values = { repoURL: repository.url, targetRevision: "main", ref: "values" };
  const chart = { repoURL: "https://charts.example", chart: "web", targetRevision: "1.x" };
  const one = (from: JsonObject, at: string) => ({ source: from, revision: at });
  const webAt = (at: string) => one(source("web"), at);

  const applications = new Map<string, KubeObject>();
  const pushes: SeenPush[] = [];
  let isDeclared = true;
  const cluster = { server, name: "in-cluster" } as DestinationCluster;
  const projects = new Map([["default", defaultProject("argocd")]]);
  const revert = createGitRevert({
    store: { find: (key) => applications.get(key) },
    directory: { project: (name) => projects.get(name), clusters: () => [cluster], controllerNamespace: "argocd" },
    writer: createGitWriter({
      directory: folder.path,
      tool: { command: "git", env: { PATH: process.env.PATH ?? "" } },
      clock: systemClock,
    }),
    rightsTo: async () => (isDeclared ? { rights: anonymousAccess } : undefined),
    onPush: async (push) => void pushes.push(push),
    log: silentLogger,
  });
  /** `now`: what Git says. */
  const ask = (
    now: JsonObject,
    history: readonly JsonObject[],
    wish: Partial<RevertWish> = {},
    project = "default",
  ) => {
    const { revision, revisions, ...sources } = now;
    applications.set("argocd/web", {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: { namespace: "argocd", name: "web", uid: "u" },
      spec: { project, destination: { server, namespace: "shop" }, ...sources },
      status: {
        sync: { ...(revision === undefined ? { revisions } : { revision }) },
        history: history.map((entry, id) => ({ id, ...entry })),
      },
    } as KubeObject);
    return revert({ namespace: "argocd", name: "web" }, { by: "ada", ...wish });
  };

  await assert.rejects(revert({ namespace: "argocd", name: "gone" }, { by: "ada" }), { code: "NOT_FOUND" });
  const refused: readonly (readonly [name: string, asked: () => Promise<unknown>, code: string, message: RegExp])[] = [
    [
      "no such deployment",
      () => ask(webAt(second), [webAt(first)], { id: 7 }),
      "DEPLOYMENT_UNKNOWN",
      /deployment id 7/,
    ],
    [
      "never anything else",
      () => ask(webAt(second), [webAt(second)]),
      "DEPLOYMENT_UNKNOWN",
      /never deployed at anything else/,
    ],
    [
      "of another folder",
      () => ask(webAt(second), [one(source("db"), first)]),
      "SYNC_REFUSED",
      /nothing to bring back/,
    ],
    ["of a chart", () => ask(one(chart, "1.1"), [one(chart, "1.0")]), "SYNC_REFUSED", /nothing to bring back/],
    [
      "of a project that is gone",
      () => ask(webAt(second), [webAt(first)], {}, "none"),
      "SYNC_REFUSED",
      /does not exist/,
    ],
  ];
  for (const [name, asked, code, message] of refused) await assert.rejects(asked(), { code, message }, name);
  isDeclared = false;
  await assert.rejects(ask(webAt(second), [webAt(first)]), { code: "GIT_WRITE_UNDECLARED" });
  isDeclared = true;
  assert.deepEqual(pushes, []);

  // After a rollback what was deployed last is what is to come back.
  const [back, ...others] = await ask(webAt(second), [webAt(first), webAt(second), webAt(first)]);
  assert.deepEqual([back?.restored, back?.branch, others], [first, "main", []]);
  assert.deepEqual(pushes, [
    { url: repository.url, refs: [{ name: "refs/heads/main", old: second, new: back?.commit }], headRef: undefined },
  ]);
  assert.equal(await repository.git("show", "main:web/a"), "1");
  assert.equal(await repository.git("show", "main:db/a"), "2");
  const several = (at: string) => ({ sources: [source("web"), source("db"), values], revisions: [at, at, at] });
  const now = { ...several(second), revisions: [back?.commit ?? "", second, second] };
  await assert.rejects(ask(webAt(second), [webAt(first)]), { code: "SYNC_REFUSED", message: /nothing to bring back/ });
  const [db, ...more] = await ask(now, [several(first)], { branch: "proposed", id: 0 });
  assert.deepEqual([db?.path, db?.branch, more], ["db", "proposed", []], "the other folder is what it was");
  assert.equal(await repository.git("show", "proposed:db/a"), "1");
  assert.equal(pushes.length, 1, "nobody follows what is proposed");
});

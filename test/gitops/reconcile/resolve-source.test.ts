import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApplicationSource } from "../../../src/api/application-types.ts";
import { isMovingChart, kindOfSource, resolveTree } from "../../../src/gitops/reconcile/resolve-source.ts";
import { normaliseRepositoryUrl } from "../../../src/gitops/source/repository-url.ts";
import { createTestRepository } from "../../harness/git-repository.ts";
import { startHelmServer } from "../../harness/helm-repository.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { openCharts, openSources } from "../source/rig.ts";
import { patient } from "./world.ts";

for (const [source, kind, isMoving] of [
  [{ repoURL: "https://h/a" }, "git", false],
  [{ repoURL: "git@h:a" }, "git", false],
  [{ repoURL: "https://h/charts", chart: "web", targetRevision: "1.0.0" }, "chart", false],
  [{ repoURL: "https://h/charts", chart: "web", targetRevision: "1.x" }, "chart", true],
  [{ repoURL: "h/charts", chart: "web", targetRevision: ">=1" }, "chart", true],
  [{ repoURL: "oci://h/charts", chart: "web", targetRevision: "1.0.0" }, "chart", false],
  [{ repoURL: "oci://h/app", path: "." }, "oci", true],
  [{ repoURL: "oci://h/app", targetRevision: "latest" }, "oci", true],
  [{ repoURL: "oci://h/app", targetRevision: `sha256:${"0".repeat(64)}` }, "oci", false],
] as const satisfies readonly (readonly [ApplicationSource, string, boolean])[]) {
  test(`${JSON.stringify(source)} is ${kind}${isMoving ? ", which may move" : ""}`, () => {
    const one: ApplicationSource = source;
    assert.equal(kindOfSource(one), kind);
    assert.equal(isMovingChart(one), isMoving);
  });
}

test("sources of each kind become trees, at what their revision means or another one", async () => {
  await using server = await startHelmServer();
  await using repository = await createTestRepository();
  await using rig = await openSources();
  await using folder = await tempDir();
  const deps = { sources: rig.sources, charts: openCharts(folder.path) };
  const resolve = (source: ApplicationSource, revision?: string, level: 2 | 3 = 2) =>
    resolveTree({ source, revision, project: "default" }, { level, seen: [] }, deps, patient());
  server.publish("web", "1.0.0", { "values.yaml": "old" });
  const first = await repository.commit({ "web/a.yaml": "1" });
  await repository.git("tag", "app-1.0.0");
  const second = await repository.commit({ "web/a.yaml": "2" });
  const chart = { repoURL: `${server.url}/`, chart: "web", targetRevision: "1.x" };
  assert.equal((await resolve(chart)).revision, "1.0.0");
  server.publish("web", "1.1.0");
  assert.equal((await resolve(chart, undefined, 3)).revision, "1.1.0");
  const old = await resolve(chart, "1.0.0");
  assert.equal(String(await old.read("values.yaml", patient())), "old");
  const git = { repoURL: repository.url, path: "web", targetRevision: "1.*", tagPrefix: "app-" };
  assert.equal((await resolve(git)).revision, first);
  const latest = await resolve(git, "main");
  assert.equal(latest.revision, second);
  assert.equal(String(await latest.read("web/a.yaml", patient())), "2");
});

test("those who hear of one push while it is fetched fetch nothing more, also when it goes back", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  await using folder = await tempDir();
  const deps = { sources: rig.sources, charts: openCharts(folder.path) };
  const ref = "refs/heads/main";
  const source = { repoURL: repository.url, path: ".", targetRevision: "main" };
  const first = await repository.commit({ a: "1" });
  const second = await repository.commit({ a: "2" });
  await repository.git("update-ref", ref, first);
  const look = async (commit: string, before: string): Promise<string> => {
    const seen = [{ repository: normaliseRepositoryUrl(repository.url), commit, ref, before }];
    const tree = await resolveTree(
      { source, revision: undefined, project: "default" },
      { level: 2, seen },
      deps,
      patient(),
    );
    return tree.revision;
  };
  assert.equal(await look(first, "0".repeat(40)), first);
  for (const [commit, before] of [
    [second, first],
    [first, second], // set back: the mirror holds it, and does not stand there
  ] as const) {
    await repository.git("update-ref", ref, commit);
    const fetched = await rig.count("fetch");
    const looks = [look(commit, before)];
    while ((await rig.count("fetch")) === fetched) {
      looks.push(look(commit, before));
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let n = 0; n < 20; n++) looks.push(look(commit, before));
    assert.deepEqual(new Set(await Promise.all(looks)), new Set([commit]));
    assert.equal(await rig.count("fetch"), fetched + 1);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { changedFiles, createTouched } from "../../../src/controllers/webhooks/refresh-paths.ts";

const repository = "https://git.example/shop";
const isTouched = createTouched();

function application(paths: string | undefined, sources: readonly object[]) {
  const annotations = paths === undefined ? {} : { "argocd.argoproj.io/manifest-generate-paths": paths };
  return { apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata: { annotations }, spec: { sources } };
}

const web = [{ repoURL: `${repository}.git`, path: "apps/web" }];

/** [annotation, changed files, touched], of an Application at apps/web */
const cases: readonly (readonly [string | undefined, readonly string[], boolean])[] = [
  [undefined, ["docs/a.md"], true],
  ["", ["docs/a.md"], true],
  [" ; ", ["docs/a.md"], true],
  [".", ["docs/a.md"], false],
  [".", ["apps/web/a.yaml"], true],
  [".", ["apps/web/deep/down/a.yaml"], true],
  [".", ["apps/website/a.yaml"], false],
  [".;../base", ["apps/base/a.yaml"], true],
  ["/base", ["base/a.yaml"], true],
  ["/base/", ["base/a.yaml"], true],
  ["/base", ["apps/web/a.yaml"], false],
  ["/", ["anything"], true],
  ["values.yaml", ["apps/web/values.yaml"], true],
  ["values.yaml", ["apps/web/values.yaml.bak"], false],
  ["*.yaml", ["apps/web/a.yaml"], true],
  ["*.yaml", ["apps/web/deep/a.yaml"], false],
  ["/shared/*-secret.yaml", ["shared/db-secret.yaml"], true],
  ["/shared/[", ["shared/db-secret.yaml"], false],
  ["../../..", ["docs/a.md"], true],
];

for (const [paths, files, touched] of cases) {
  test(`"${paths}" and ${files.join()}: ${touched}`, () => {
    assert.equal(isTouched(application(paths, web), repository, changedFiles(files)), touched);
  });
}

test("paths are relative to the sources of the pushed repository", () => {
  const sources = [{ repoURL: "https://git.example/other", path: "docs" }, ...web];
  assert.equal(isTouched(application(".", sources), repository, changedFiles(["docs/a.md"])), false);
  assert.equal(isTouched(application(".", sources), repository, changedFiles(["apps/web/a.yaml"])), true);
});

test("a single source counts, too", () => {
  const one = { ...application(".", []), spec: { source: web[0] } };
  assert.equal(isTouched(one, repository, changedFiles(["apps/web/a.yaml"])), true);
});

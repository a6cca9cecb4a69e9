import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultProject } from "../../../src/gitops/project/project.ts";
import { checkSource, normalizeRepository } from "../../../src/gitops/project/source-check.ts";
import { project } from "./checks.ts";

for (const [sourceRepos, url, isPermitted] of [
  [[], "https://a/b", false],
  [["*"], "https://a/b", true],
  [["https://a/b"], "https://A/b.git", true],
  [["https://a/*"], "https://a/b/c", false],
  [["https://a/**"], "https://a/b/c", true],
  [["git@host:team/*"], "ssh://git@host/team/x.git", true],
  [["https://a/b"], "http://a/b", false],
  [["*", "!https://a/secret"], "https://a/secret", false],
  [["!https://a/secret"], "https://a/other", true],
  [["!https://a/secret", "*"], "https://a/secret.git", false],
] as const) {
  test(`repositories ${JSON.stringify(sourceRepos)} ${isPermitted ? "permit" : "refuse"} ${url}`, () => {
    const reason = `application repo ${url} is not permitted in project 'x'`;
    const expected = isPermitted ? { permitted: true } : { permitted: false, reason };
    assert.deepEqual(checkSource(project({ sourceRepos }), url), expected);
  });
}

test("the default project permits any repository", () => {
  assert.deepEqual(checkSource(defaultProject("argocd"), "file:///x"), { permitted: true });
});

for (const [url, expected] of [
  [" https://Host/A.git ", "https://host/a"],
  ["git@host:a/b.git", "git@host/a/b"],
  ["ssh://git@host/a/b", "git@host/a/b"],
  ["file:///srv/x", "file:///srv/x"],
] as const) {
  test(`${url} is ${expected}`, () => assert.equal(normalizeRepository(url), expected));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { buildEnvironment, substitute } from "../../../src/gitops/render/build-environment.ts";

const variables = new Map([
  ["A", "1"],
  ["LONG_name2", "x y"],
]);

for (const [text, expected] of [
  ["", ""],
  ["plain", "plain"],
  ["$A", "1"],
  ["$" + "{A}b", "1b"],
  ["$Ab", ""],
  ["$LONG_name2-$A", "x y-1"],
  ["$$A", "$A"],
  ["$$$A", "$1"],
  ["$NONE.$" + "{NONE}", "."],
  ["100$", "100$"],
  ["$ A $.", "$ A $."],
  ["$1", ""],
  ["$" + "{A", "A"],
  ["$" + "{}b", "b"],
  ["$" + "{*}$*.", "."],
  ["$A$A", "11"],
] as const) {
  test(`${JSON.stringify(text)} becomes ${JSON.stringify(expected)}`, () => {
    assert.equal(
      substitute(text, (name) => variables.get(name)),
      expected,
    );
  });
}

test("the build environment holds what the original's does", () => {
  const source = { repoURL: "https://git.example/r.git", path: "./web", targetRevision: "main" };
  const context = { appName: "a", instance: "team_a", project: "p", namespace: "n", isMultiSource: false };
  assert.deepEqual(Object.fromEntries(buildEnvironment(source, "0123456789abcdef", context)), {
    ARGOCD_APP_NAME: "team_a",
    ARGOCD_APP_NAMESPACE: "n",
    ARGOCD_APP_PROJECT_NAME: "p",
    ARGOCD_APP_REVISION: "0123456789abcdef",
    ARGOCD_APP_REVISION_SHORT: "0123456",
    ARGOCD_APP_REVISION_SHORT_8: "01234567",
    ARGOCD_APP_SOURCE_REPO_URL: "https://git.example/r.git",
    ARGOCD_APP_SOURCE_PATH: "./web",
    ARGOCD_APP_SOURCE_TARGET_REVISION: "main",
  });
});

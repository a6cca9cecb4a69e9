import assert from "node:assert/strict";
import { test } from "node:test";
import { isSemverConstraint, isSemverVersion } from "../../../src/gitops/source/semver-text.ts";

const texts: Readonly<Record<"version" | "constraint" | "name", readonly string[]>> = {
  version: ["1", "v1", "1.2", "v1.2.3", "1.2.0-rc.1", "1.2.3+build.5", "v1-x"],
  constraint: [
    "*",
    "1.*",
    "1.x",
    "v1.2.X",
    ">=1.0",
    ">= 1.0",
    "=1.0",
    "!=1",
    "=>1",
    "<=2",
    "~1.2",
    "~>1",
    "^1.2.3",
    ">1 <2",
    ">=1.0,<2.0",
    ">=1.0, <2.0",
    "1.0 - 2.0",
    "^1 || ~2.3",
    "1 2",
  ],
  name: [
    "",
    "main",
    "x",
    "x-ray",
    "1.2.3.4",
    "release-1",
    "v",
    ">=",
    "1 ||",
    "|| 1",
    "1 - main",
    "-",
    ">=main",
    "1/2",
    "**",
  ],
};

for (const [what, list] of Object.entries(texts)) {
  for (const text of list) {
    test(`${JSON.stringify(text)} is a ${what}`, () => {
      assert.equal(isSemverVersion(text), what === "version");
      assert.equal(isSemverConstraint(text), what === "constraint");
    });
  }
}

test("text that is nearly a constraint takes linear time", () => {
  assert.equal(isSemverConstraint(`${"1  ".repeat(20_000)}!`), false);
  assert.equal(isSemverConstraint(`>${" ".repeat(100_000)}!`), false);
  assert.equal(isSemverConstraint(`1${"-a.".repeat(50_000)}!`), false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createExplanation } from "../../../src/cli/render/explain.ts";

test("what is said of a source stands together, without credentials, also of one that failed", () => {
  const explanation = createExplanation();
  const [one, two] = [explanation.of("one"), explanation.of("two")];
  two.step("fetch", 1.25);
  one.step("prepare", 0.5);
  const facts = [["$ARGOCD_APP_SOURCE_REPO_URL", "https://me:s3cret@git.example/r.git"]] as const;
  one.found?.({ key: "0123456789abcdef0", from: "failed", isWhole: false, reads: [], facts });
  assert.deepEqual(explanation.text().split("\n"), [
    "one",
    "       0.5 ms  prepare",
    "key 0123456789abcdef: could not be rendered",
    "  used  $ARGOCD_APP_SOURCE_REPO_URL  https://git.example/r.git",
    "two",
    "       1.3 ms  fetch",
  ]);
});

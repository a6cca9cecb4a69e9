import assert from "node:assert/strict";
import { test } from "node:test";
import { waitingMessage, withReasons } from "../../../src/gitops/sync/results.ts";
import type { ResourceResult, SyncTask } from "../../../src/gitops/sync/sync.ts";

const task = (kind: string, name: string, isHook = false): SyncTask => ({
  action: "apply",
  phase: "Sync",
  wave: 0,
  key: { group: kind === "Pod" ? "" : "batch", kind, namespace: "ns", name },
  version: "v1",
  needsConfirmation: false,
  skipsDryRun: false,
  ...(isHook ? { hookType: "Sync" } : {}),
});

for (const [tasks, what, expected] of [
  [[task("Pod", "p")], "state", "waiting for healthy state of /Pod/p"],
  [
    [task("Pod", "p"), task("Job", "j", true)],
    "state",
    "waiting for completion of hook batch/Job/j and 1 more resources",
  ],
  [
    [task("Job", "i", true), task("Job", "j", true)],
    "state",
    "waiting for completion of hook batch/Job/i and 1 more hooks",
  ],
  [[task("Pod", "p")], "deletion", "waiting for deletion of /Pod/p"],
  [[task("Job", "j", true)], "deletion", "waiting for deletion of hook batch/Job/j"],
  [
    [task("Pod", "p"), task("Pod", "q")],
    "confirmation",
    "waiting for pruning confirmation of /Pod/p and 1 more resources",
  ],
] as const) {
  test(expected, () => assert.equal(waitingMessage(tasks, what), expected));
}

test("reasons are those of what failed, each once", () => {
  const result = (hookPhase: "Failed" | "Succeeded", message: string) => ({ hookPhase, message }) as ResourceResult;
  const results = [result("Failed", "a"), result("Succeeded", "b"), result("Failed", "a"), result("Failed", "c")];
  assert.equal(withReasons("it failed", results), "it failed, reason: a,c");
  assert.equal(withReasons("it failed", []), "it failed");
});

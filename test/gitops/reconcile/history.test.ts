import assert from "node:assert/strict";
import { test } from "node:test";
import { appendHistory, isKeptInHistory } from "../../../src/gitops/reconcile/history.ts";
import { ago, now, source } from "./applications.ts";

const state = {
  operation: { sync: {}, initiatedBy: { automated: true } },
  phase: "Succeeded",
  startedAt: ago(9),
  syncResult: { revision: "c1", source },
};
const entry = (id: number) => ({
  id,
  revision: "c1",
  source,
  deployedAt: ago(0),
  deployStartedAt: ago(9),
  initiatedBy: { automated: true },
});
const old = (...ids: readonly number[]) => ids.map((id) => ({ id, revision: "c0" }));

for (const [name, history, limit, expected] of [
  ["begins with 0", undefined, 10, [entry(0)]],
  ["counts on", old(3, 4), 10, [...old(3, 4), entry(5)]],
  ["drops the oldest", old(3, 4, 5), 3, [...old(4, 5), entry(6)]],
  ["is cut when its limit was lowered", old(1, 2, 3, 4), 2, [...old(4), entry(5)]],
  ["keeps nothing with a limit of 0", old(1), 0, []],
] as const) {
  test(`the history ${name}`, () => assert.deepEqual(appendHistory(history, state, limit, now), expected));
}

test("the history keeps several sources", () => {
  const several = { ...state, syncResult: { revisions: ["c1", "c2"], sources: [source, source] } };
  const [kept] = appendHistory([], several, 10, now);
  assert.deepEqual(kept?.revisions, ["c1", "c2"]);
  assert.deepEqual(kept?.sources, [source, source]);
  assert.equal("revision" in (kept ?? {}), false);
});

for (const [name, sync, phase, isKept] of [
  ["of everything", {}, "Succeeded", true],
  ["that failed", {}, "Failed", false],
  ["that tried only", { dryRun: true }, "Succeeded", false],
  ["of some objects", { resources: [{ kind: "Deployment", name: "web" }] }, "Succeeded", false],
  ["of no selection", { resources: [] }, "Succeeded", true],
] as const) {
  test(`a sync ${name} is ${isKept ? "kept" : "not kept"} in the history`, () => {
    assert.equal(isKeptInHistory({ ...state, operation: { sync }, phase }), isKept);
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import type { AutoSyncDecision } from "../../../src/gitops/reconcile/auto-sync.ts";
import { decidedAt } from "../../../src/gitops/reconcile/decided-since.ts";
import type { Decided } from "../../../src/gitops/reconcile/look.ts";
import { readTime } from "../../../src/gitops/reconcile/timestamps.ts";
import { ago, applicationOf, now } from "./applications.ts";

const none = (reason: string, kind?: "hold" | "need" | "window"): AutoSyncDecision => ({
  kind: "none",
  reason,
  ...(kind === undefined ? {} : { obstacle: { kind } }),
});
const failed = (message: string): AutoSyncDecision => ({ kind: "error", message, obstacle: { kind: "failed" } });
const before = (decision: AutoSyncDecision, since?: number): Decided => ({
  at: now - 1_000,
  decision,
  ...(since === undefined ? {} : { since }),
});
const condition = (type: string, message: string): JsonObject => ({
  conditions: [{ type, message, lastTransitionTime: ago(60) }],
});
const looked = { reconciledAt: ago(600) };
const told = readTime(ago(60));

const cases: readonly (readonly [
  name: string,
  decision: AutoSyncDecision,
  last: Decided | undefined,
  status: JsonObject,
  since: number | undefined,
])[] = [
  ["the first look of all", none("held", "hold"), undefined, {}, now],
  ["the first look of this engine, which cannot tell", none("held", "hold"), undefined, looked, undefined],
  ["the same again", none("held", "hold"), before(none("held", "hold"), 5), looked, 5],
  ["the same in other words", none("held by bob", "hold"), before(none("held", "hold"), 5), looked, 5],
  ["what could not be told stays so", none("held", "hold"), before(none("held", "hold")), looked, undefined],
  ["another cause", none("closed", "window"), before(none("held", "hold"), 5), looked, now],
  ["another reason without an obstacle", none("b"), before(none("a"), 5), looked, now],
  ["an error that a condition tells", failed("x"), undefined, condition("SyncError", "x"), told],
  ["another error than the condition's", failed("y"), before(none("a"), 5), condition("SyncError", "x"), now],
  ["a need that a condition tells", none("b", "need"), undefined, condition("WaitingForNeeds", "b"), told],
];

for (const [name, decision, last, status, since] of cases) {
  test(`since when: ${name}`, () => {
    assert.deepEqual(decidedAt(applicationOf({}, { status }), decision, last, now), {
      at: now,
      decision,
      ...(since === undefined ? {} : { since }),
    });
  });
}

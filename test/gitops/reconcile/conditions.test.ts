import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import {
  type ConditionType,
  evaluatedTypes,
  type FoundCondition,
  isErrorCondition,
  setConditions,
} from "../../../src/gitops/reconcile/conditions.ts";

const now = instant(Date.UTC(2026, 10, 29, 12, 0, 0, 987));
const then = "2026-11-01T00:00:00Z";
const today = "2026-11-29T12:00:00Z";
const one = (type: ConditionType, message: string, lastTransitionTime = then) => ({
  type,
  message,
  lastTransitionTime,
});
const found = (type: ConditionType, message: string): FoundCondition => ({ type, message });

for (const [name, current, news, evaluated, expected] of [
  ["a new one gets the time", undefined, [found("SyncError", "a")], ["SyncError"], [one("SyncError", "a", today)]],
  [
    "one found again keeps its time",
    [one("SyncError", "a")],
    [found("SyncError", "a")],
    ["SyncError"],
    [one("SyncError", "a")],
  ],
  [
    "another message is another condition",
    [one("SyncError", "a")],
    [found("SyncError", "b")],
    ["SyncError"],
    [one("SyncError", "b", today)],
  ],
  ["what is not found again vanishes", [one("SyncError", "a")], [], ["SyncError"], []],
  ["what was not evaluated stays", [one("SyncError", "a")], [], evaluatedTypes.comparison, [one("SyncError", "a")]],
  [
    "several of a type keep their times",
    [one("SharedResourceWarning", "a"), one("SharedResourceWarning", "b")],
    [found("SharedResourceWarning", "b"), found("SharedResourceWarning", "a")],
    evaluatedTypes.comparison,
    [one("SharedResourceWarning", "a"), one("SharedResourceWarning", "b")],
  ],
  [
    "the same found twice is one",
    [],
    [found("SyncError", "a"), found("SyncError", "a")],
    ["SyncError"],
    [one("SyncError", "a", today)],
  ],
  [
    "one found outside of the evaluated types does not double",
    [one("InvalidSpecError", "a")],
    [found("InvalidSpecError", "a")],
    evaluatedTypes.comparison,
    [one("InvalidSpecError", "a")],
  ],
  [
    "they are sorted by type, then message",
    [one("SyncError", "z"), one("DeletionError", "y")],
    [found("ComparisonError", "b"), found("ComparisonError", "a")],
    evaluatedTypes.comparison,
    [
      one("ComparisonError", "a", today),
      one("ComparisonError", "b", today),
      one("DeletionError", "y"),
      one("SyncError", "z"),
    ],
  ],
] as const) {
  test(`conditions: ${name}`, () => assert.deepEqual(setConditions(current, news, evaluated, now), expected));
}

test("conditions: the suffix says what is an error", () => {
  assert.equal(isErrorCondition({ type: "DeletionError" }), true);
  assert.equal(isErrorCondition({ type: "OrphanedResourceWarning" }), false);
});

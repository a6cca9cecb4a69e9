import assert from "node:assert/strict";
import { test } from "node:test";
import type { RetryPolicy } from "../../../src/api/application-types.ts";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import {
  type AttemptOutcome,
  beginOperation,
  beginRetry,
  endAttempt,
  isTerminalPhase,
  isWaitingForRetry,
  operationStatePatch,
  retryAfterMs,
  terminate,
  terminatedOutcome,
  terminateIfLate,
} from "../../../src/gitops/reconcile/operation-state.ts";
import { applyMergePatch } from "../../../src/objects/merge-patch.ts";
import { ago, now, source } from "./applications.ts";

const retry: RetryPolicy = { limit: 2, durationMs: 5_000, factor: 2, maxDurationMs: 180_000, refresh: false };
const operation = { sync: { revision: "main" }, initiatedBy: { username: "ann" } };
const running: JsonObject = { operation, phase: "Running", startedAt: ago(60), syncResult: { revision: "c1", source } };
const failed: AttemptOutcome = { phase: "Failed", message: "it broke" };
const late = terminateIfLate(running, 1_000, now);

test("an operation begins as Running", () => {
  const at = instant(now + 987);
  assert.deepEqual(beginOperation(operation, at), { operation, phase: "Running", startedAt: "2026-11-29T12:00:00Z" });
});

for (const [name, state, outcome, policy, expected] of [
  ["succeeds", running, { phase: "Succeeded", message: "done" }, retry, { phase: "Succeeded", message: "done" }],
  [
    "succeeds at a retry",
    { ...running, retryCount: 1 },
    { phase: "Succeeded", message: "done" },
    retry,
    { phase: "Succeeded", message: "done", retryCount: 1 },
  ],
  ["fails without a policy", running, failed, undefined, { phase: "Failed", message: "it broke" }],
  ["fails where no retry is wanted", running, failed, { ...retry, limit: 0 }, { phase: "Failed", message: "it broke" }],
  [
    "is to be tried again",
    running,
    failed,
    retry,
    { phase: "Running", retryCount: 1, message: "it broke. Retrying attempt #1 at 12:00PM." },
  ],
  [
    "ends in an error and is to be tried again",
    { ...running, retryCount: 1 },
    { phase: "Error", message: "no" },
    { ...retry, durationMs: 3_600_000, maxDurationMs: 0 },
    { phase: "Running", retryCount: 2, message: "no. Retrying attempt #2 at 2:00PM." },
  ],
  [
    "fails for good",
    { ...running, retryCount: 2 },
    failed,
    retry,
    { phase: "Failed", message: "it broke (retried 2 times).", retryCount: 2 },
  ],
  [
    "is tried for ever",
    { ...running, retryCount: 5_000 },
    failed,
    { ...retry, limit: -1 },
    { phase: "Running", retryCount: 5_001, message: "it broke. Retrying attempt #5001 at 12:03PM." },
  ],
  [
    "is terminated, not tried again",
    terminate(running),
    terminatedOutcome,
    retry,
    { phase: "Failed", message: "Operation terminated" },
  ],
  [
    "gives way to a newer revision",
    terminate(running),
    { phase: "Failed", message: "superseded by c2", supersededBy: ["c2"] },
    retry,
    {
      phase: "Failed",
      message: "superseded by c2",
      syncResult: { revision: "c1", source, supersededBy: ["c2"] },
    },
  ],
  [
    "is terminated for its time",
    { ...late, retryCount: 1 },
    terminatedOutcome,
    retry,
    {
      phase: "Failed",
      message: "Operation terminated, triggered by controller sync timeout (retried 1 times).",
      retryCount: 1,
    },
  ],
] as const) {
  test(`an attempt ${name}`, () => {
    const { syncResult, startedAt } = running;
    const ended = { operation, startedAt, syncResult, finishedAt: "2026-11-29T12:00:00Z", ...expected };
    assert.deepEqual(endAttempt(state, outcome, policy, now), ended);
  });
}

for (const [name, count, policy, seconds] of [
  ["5 seconds before the first", 1, retry, 5],
  ["10 seconds before the second", 2, retry, 10],
  ["40 seconds before the fourth", 4, retry, 40],
  ["3 minutes at most", 7, retry, 180],
  ["as long as it takes without an upper bound", 8, { ...retry, maxDurationMs: 0 }, 640],
  ["a year at most even then", 5_000, { ...retry, maxDurationMs: -1 }, 31_536_000],
  ["once with a factor of 0", 1, { ...retry, factor: 0 }, 5],
  ["not again with a factor of 0", 2, { ...retry, factor: 0 }, 0],
  ["not without a policy", 1, undefined, 0],
] as const) {
  test(`a retry waits ${name}`, () => {
    const state = { ...running, retryCount: count, finishedAt: ago(0) };
    assert.equal(retryAfterMs(state, policy, now), seconds * 1_000);
    assert.equal(retryAfterMs(state, policy, instant(now + 2_000)), Math.max(0, seconds - 2) * 1_000);
    assert.equal(retryAfterMs(state, policy, instant(now + seconds * 1_000)), 0);
    assert.equal(retryAfterMs(state, policy, instant(now - 86_400_000)), seconds * 1_000, "a clock that was set back");
  });
}

const waiting = endAttempt(running, failed, retry, now);

for (const [name, state, isWaiting] of [
  ["that runs", running, false],
  ["that is to be tried again", waiting, true],
  ["that ended", endAttempt(running, failed, undefined, now), false],
  ["that is terminated while it waits", terminate(waiting), false],
] as const) {
  test(`an operation ${name} ${isWaiting ? "waits" : "does not wait"} for a retry`, () => {
    assert.equal(isWaitingForRetry(state), isWaiting);
  });
}

for (const [name, sync, syncResult, policy, expected, message] of [
  [
    "keeps its commit",
    { revision: "main", prune: true },
    { revision: "c1" },
    retry,
    { revision: "c1", prune: true },
    "Retrying operation. Attempt #1",
  ],
  [
    "keeps the commit that it found",
    {},
    { revision: "c1" },
    retry,
    { revision: "c1" },
    "Retrying operation. Attempt #1",
  ],
  [
    "keeps its commits",
    { revisions: ["a", "b"] },
    { revisions: ["c1", "c2"] },
    retry,
    { revisions: ["c1", "c2"] },
    "Retrying operation. Attempt #1",
  ],
  [
    "keeps what it names when nothing was resolved",
    { revision: "main" },
    undefined,
    undefined,
    { revision: "main" },
    "Retrying operation. Attempt #1",
  ],
  [
    "takes the newest commit when the policy says so",
    { revision: "c0", revisions: ["c0"], prune: true },
    { revision: "c1" },
    { ...retry, refresh: true },
    { prune: true },
    "Retrying operation with latest revisions. Attempt #1",
  ],
] as const) {
  test(`a retry ${name}`, () => {
    const state = { ...running, operation: { sync }, retryCount: 1, finishedAt: ago(9) };
    const begun = beginRetry({ ...state, ...(syncResult ? { syncResult } : { syncResult: {} }) }, policy);
    const rest = { phase: "Running", startedAt: ago(60), retryCount: 1 };
    assert.deepEqual(begun, { ...rest, operation: { sync: expected }, message });
    assert.equal(isWaitingForRetry(begun), false);
  });
}

test("only what runs is terminated", () => {
  assert.partialDeepStrictEqual(terminate(running), { phase: "Terminating", message: "operation is terminating" });
  const ended = endAttempt(running, failed, undefined, now);
  assert.equal(terminate(ended), ended);
  assert.equal(terminate(late), late);
});

for (const [name, state, timeoutMs, phase] of [
  ["in time", running, 60_000, "Running"],
  ["too late", running, 59_999, "Terminating"],
  ["without a timeout", running, 0, "Running"],
  ["that waits for a retry too late", waiting, 59_999, "Terminating"],
  ["that ended", { ...running, phase: "Failed" }, 1, "Failed"],
] as const) {
  test(`a timeout makes of an operation ${name} ${phase}`, () => {
    assert.equal(terminateIfLate(state, timeoutMs, now).phase, phase);
  });
}

for (const [phase, isTerminal] of [
  ["Running", false],
  ["Terminating", false],
  ["Succeeded", true],
  ["Failed", true],
  ["Error", true],
  [undefined, false],
] as const) {
  test(`the phase ${phase} is ${isTerminal ? "an end" : "no end"}`, () =>
    assert.equal(isTerminalPhase(phase), isTerminal));
}

const ended = endAttempt(running, { phase: "Succeeded", message: "done" }, retry, now);
const patches: readonly [string, JsonObject | undefined, JsonObject, JsonObject | undefined][] = [
  ["is whole when there was none", undefined, running, { status: { operationState: running } }],
  ["is none when nothing changed", running, running, undefined],
  ["names what changed", running, { ...running, message: "x" }, { status: { operationState: { message: "x" } } }],
  [
    "takes the operation away at the end",
    running,
    ended,
    { status: { operationState: { phase: "Succeeded", message: "done", finishedAt: ago(0) } }, operation: null },
  ],
  ["takes an operation away that was left over", ended, ended, { operation: null }],
  [
    "clears what a retry clears",
    waiting,
    beginRetry(waiting, retry),
    {
      status: {
        operationState: {
          operation: { sync: { revision: "c1" } },
          message: "Retrying operation. Attempt #1",
          finishedAt: null,
          syncResult: null,
        },
      },
    },
  ],
];
for (const [name, before, after, expected] of patches) {
  test(`the patch of an operation's state ${name}`, () => {
    const patch = operationStatePatch(before, after);
    assert.deepEqual(patch, expected);
    const stored = { operation, status: { history: [], ...(before ? { operationState: before } : {}) } };
    const patched = applyMergePatch(stored, patch ?? {});
    const left = isTerminalPhase(after.phase) ? {} : { operation };
    assert.deepEqual(patched, { ...left, status: { history: [], operationState: after } });
  });
}

test("a patch leaves a termination that somebody asked for in between", () => {
  const patch = operationStatePatch(running, { ...running, message: "waiting" });
  const patched = applyMergePatch({ status: { operationState: terminate(running) } }, patch ?? {});
  assert.partialDeepStrictEqual(patched, { status: { operationState: { phase: "Terminating", message: "waiting" } } });
});

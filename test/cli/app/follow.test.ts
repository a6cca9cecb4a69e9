import assert from "node:assert/strict";
import { test } from "node:test";
import { type FollowDeps, followOperation } from "../../../src/cli/app/follow.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { applicationObject } from "../../server/applications.ts";

const finishedAt = "2026-01-01T00:00:03Z";

function version(resourceVersion: string, parts: { operation?: object | null; operationState?: object }): KubeObject {
  const { operation, operationState } = parts;
  const status = operationState ? { operationState } : {};
  return applicationObject("argocd", "web", {
    metadata: { resourceVersion },
    ...(operation === undefined ? {} : { operation }),
    status,
  });
}

const old = version("5", { operationState: { phase: "Failed", finishedAt } });
const started = version("6", { operation: { sync: {} } });
const running = version("7", { operation: { sync: {} }, operationState: { phase: "Running" } });
const retrying = version("8", { operation: { sync: {} }, operationState: { phase: "Running", finishedAt } });
const done = version("10", { operation: null, operationState: { phase: "Succeeded", finishedAt } });

/** Reads one version after the other, the last one for ever, and 100 ms lie between two reads. */
async function follow(versions: readonly KubeObject[], more: Partial<FollowDeps> = {}, from = started) {
  const clock = createVirtualClock();
  const seen: (string | undefined)[] = [];
  let reads = 0;
  const following = followOperation(from, {
    read: async () => versions[Math.min(reads++, versions.length - 1)] ?? from,
    seen: ({ metadata }) => void seen.push(metadata.resourceVersion),
    clock,
    signal: new AbortController().signal,
    ...more,
  });
  const ended = Promise.allSettled([following]);
  await clock.advance(10_000);
  assert.equal(clock.sleeping, 0, "it still waits");
  const [outcome] = await ended;
  return { outcome, seen, reads };
}

test("follows the operation that it started to its end, and shows each state", async () => {
  const { outcome, seen } = await follow([started, running, running, retrying, done]);
  assert.deepEqual(outcome, { status: "fulfilled", value: done });
  assert.deepEqual(seen, ["6", "7", "7", "8", "10"]);
});

test("an answer from before the sync, with the operation before it finished, is no end", async () => {
  const { outcome, seen } = await follow([old, old, started, done]);
  assert.deepEqual(outcome, { status: "fulfilled", value: done });
  assert.deepEqual(seen, ["6", "10"]);
});

test("versions that are no numbers are not compared", async () => {
  const other = version("abc", { operationState: { phase: "Succeeded", finishedAt } });
  assert.deepEqual((await follow([other])).outcome, { status: "fulfilled", value: other });
});

test("ends when the time is over, after a last look", async () => {
  const { outcome, reads } = await follow([running], { timeoutMs: 1_000 });
  assert.deepEqual(outcome, { status: "fulfilled", value: undefined });
  assert.equal(reads, 11);
});

test("a failure to read ends it", async () => {
  const gone = new Error("it was deleted");
  const { outcome } = await follow([running], { read: () => Promise.reject(gone) });
  assert.deepEqual(outcome, { status: "rejected", reason: gone });
});

test("aborting ends it", async () => {
  const reason = new Error("enough");
  const { outcome } = await follow([running], { signal: AbortSignal.abort(reason) });
  assert.deepEqual(outcome, { status: "rejected", reason });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { unlessAborted } from "../../src/base/unless-aborted.ts";
import { createRunningSet } from "../../src/controllers/running.ts";

/** Work that runs until it is stopped, and takes `slow` to end. */
function work(log: string[], name: string, slow: Promise<void> = Promise.resolve()) {
  return async (signal: AbortSignal): Promise<void> => {
    log.push(`${name} starts`);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await slow;
    log.push(`${name} ends`);
  };
}

test("the same fingerprint runs on; another starts when the first has ended", async () => {
  const log: string[] = [];
  const set = createRunningSet(() => assert.fail("nothing fails"));
  assert.equal(await set.ensure("k", "1", work(log, "one")), true);
  assert.equal(await set.ensure("k", "1", work(log, "again")), false);
  assert.equal(await set.ensure("k", "2", work(log, "two")), true);
  await set.stopAll();
  assert.deepEqual(log, ["one starts", "one ends", "two starts", "two ends"]);
});

test("work that ends before it is stopped is a failure, and its key is free", async () => {
  const failures: string[] = [];
  const set = createRunningSet((key, error) => failures.push(`${key}: ${(error as Error).message}`));
  await set.ensure("a", "1", () => Promise.reject(new Error("broken")));
  await set.ensure("b", "1", async () => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(failures, ["a: broken", "b: ended by itself"]);
  assert.equal(await set.ensure("a", "1", work([], "a")), true);
  await set.stopAll();
});

test("nothing is started once all was stopped, not even what waited for its predecessor", async () => {
  const log: string[] = [];
  const slow = Promise.withResolvers<void>();
  const set = createRunningSet(() => assert.fail("nothing fails"));
  await set.ensure("k", "1", work(log, "one", slow.promise));
  const replacing = set.ensure("k", "2", work(log, "two"));
  const stopping = set.stopAll();
  slow.resolve();
  assert.equal(await replacing, false);
  await stopping;
  assert.deepEqual(log, ["one starts", "one ends"]);
});

test("waiting ends when the signal aborts, whatever is waited for", async () => {
  const never = new Promise<void>(() => undefined);
  await assert.rejects(unlessAborted(never, AbortSignal.abort(new Error("stop"))), /stop/);
  assert.equal(await unlessAborted(Promise.resolve(1), new AbortController().signal), 1);
  await assert.rejects(unlessAborted(Promise.reject(new Error("no")), new AbortController().signal), /no/);
});

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { Waiters } from "../../src/base/waiters.ts";

test("wakes all who wait, and nobody who comes later", async () => {
  const waiters = new Waiters();
  const { signal } = new AbortController();
  const both = [waiters.wait(signal), waiters.wait(signal)];
  waiters.wake();
  await Promise.all(both);
  let isAwake = false;
  void waiters.wait(signal).then(() => {
    isAwake = true;
  });
  await Promise.resolve();
  assert.equal(isAwake, false);
  assert.equal(getEventListeners(signal, "abort").length, 1);
});

test("lets go who waits when its signal aborts", async () => {
  const waiters = new Waiters();
  const stop = new AbortController();
  const waiting = waiters.wait(stop.signal);
  stop.abort();
  await waiting;
  await waiters.wait(stop.signal);
  waiters.wake();
});

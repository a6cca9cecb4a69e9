import assert from "node:assert/strict";
import { test } from "node:test";
import { createLoginLimits } from "../../../src/server/access/login-limits.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

function failTimes(limits: ReturnType<typeof createLoginLimits>, name: string, times: number): void {
  for (let time = 0; time < times; time++) limits.failed(name);
}

test("five failures refuse a name for five minutes after the last", async () => {
  const clock = createVirtualClock();
  const limits = createLoginLimits(clock);
  failTimes(limits, "alice", 4);
  assert.equal(limits.isRefused("alice"), false);
  failTimes(limits, "alice", 1);
  assert.deepEqual([limits.isRefused("alice"), limits.isRefused("bob")], [true, false]);
  await clock.advance(299_999);
  assert.equal(limits.isRefused("alice"), true);
  await clock.advance(1);
  assert.equal(limits.isRefused("alice"), false);
});

test("a success forgets failures", () => {
  const limits = createLoginLimits(createVirtualClock());
  failTimes(limits, "alice", 4);
  limits.succeeded("alice");
  failTimes(limits, "alice", 4);
  assert.equal(limits.isRefused("alice"), false);
});

test("made-up names push out each other, and never admin", () => {
  const limits = createLoginLimits(createVirtualClock());
  failTimes(limits, "admin", 5);
  failTimes(limits, "alice", 5);
  for (let index = 0; index < 10_000; index++) limits.failed(`x${index}`);
  assert.deepEqual([limits.isRefused("admin"), limits.isRefused("alice")], [true, false]);
});

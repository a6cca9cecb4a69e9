import assert from "node:assert/strict";
import { test } from "node:test";
import { createTriggerStates } from "../../src/controllers/trigger-states.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";

function open(status?: unknown) {
  const clock = createVirtualClock();
  let shows = 0;
  const states = createTriggerStates(clock, () => void shows++);
  const report = states.start("ns/s", status);
  return {
    clock,
    states,
    succeed: (trigger = "t") => report(trigger, clock.now()),
    fail: (error: string, trigger = "t") => report(trigger, clock.now(), error),
    shows: () => shows,
    shown: () => states.shown("ns/s"),
  };
}

test("the first success is shown within a second; those that follow every five minutes", async () => {
  const { clock, succeed, shows, shown } = open();
  for (let n = 0; n < 1_000; n++) succeed();
  assert.equal(shown(), undefined);
  await clock.advance(1_000);
  assert.deepEqual([shows(), shown()], [1, [{ name: "t", lastSuccessTime: "2026-01-01T00:00:00.000Z" }]]);
  for (let second = 0; second < 299; second++) {
    succeed();
    await clock.advance(1_000);
  }
  assert.equal(shows(), 1);
  await clock.advance(2_000);
  assert.equal(shows(), 2);
  await clock.advance(3_600_000);
  assert.equal(shows(), 2, "nothing happens, nothing is written");
});

test("errors are news, but not more than one in ten seconds, however they change", async () => {
  const { clock, succeed, fail, shows, shown } = open();
  for (let ms = 0; ms < 60_000; ms += 100) {
    fail(`error ${ms}`);
    succeed();
    await clock.advance(100);
  }
  assert.ok(shows() >= 3 && shows() <= 7, `${shows()}`);
  assert.match(String(shown()?.[0]?.lastError), /^error \d+$/);
});

test("the same error again and again is no news, and what is shown of it is short", async () => {
  const { clock, fail, shows, shown } = open();
  for (let n = 0; n < 100; n++) {
    fail("x".repeat(5_000));
    await clock.advance(1_000);
  }
  assert.equal(shows(), 1);
  assert.equal(String(shown()?.[0]?.lastError).length, 256);
});

test("a restart, or another engine, goes on from the status, and a success as before is no news", async () => {
  const triggers = [{ name: "t", lastSuccessTime: "2025-12-31T00:00:00.000Z" }, { name: 5 }, "nonsense"];
  const { clock, succeed, shows, shown } = open({ triggers });
  assert.deepEqual(shown(), triggers.slice(0, 1));
  succeed();
  await clock.advance(60_000);
  assert.equal(shows(), 0);
  await clock.advance(300_000);
  assert.equal(shows(), 1);
});

test("recovery is news", async () => {
  const failing = { name: "t", lastFailureTime: "2025-12-31T00:00:00.000Z", lastError: "no" };
  const { clock, succeed, shows, shown } = open({ triggers: [failing] });
  succeed();
  await clock.advance(10_000);
  assert.deepEqual([shows(), shown()], [1, [{ ...failing, lastSuccessTime: "2026-01-01T00:00:00.000Z" }]]);
});

test("a Sensor shows a hundred triggers at most, and one that is gone shows nothing and wakes nobody", async () => {
  const { clock, states, succeed, shows, shown } = open();
  for (let n = 0; n < 200; n++) succeed(`t${n}`);
  await clock.advance(1_000);
  assert.equal(shown()?.length, 100);
  succeed("t0");
  states.forget("ns/s");
  succeed("t0");
  await clock.advance(3_600_000);
  assert.deepEqual([shows(), shown(), clock.sleeping], [1, undefined, 0]);
});

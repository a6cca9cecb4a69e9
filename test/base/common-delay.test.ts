import assert from "node:assert/strict";
import { test } from "node:test";
import { CommonDelay } from "../../src/base/common-delay.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";

function open() {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const start = clock.monotonicMs();
  const calls: string[] = [];
  const delay = new CommonDelay(clock, 100, stop.signal);
  const ask = (name: string) => delay.ask(() => calls.push(`${name}@${Math.round(clock.monotonicMs() - start)}`));
  return { clock, stop, calls, delay, ask };
}

test("each is called after the delay, in the order of asking, with one timer for all", async () => {
  const { clock, calls, ask } = open();
  ask("a");
  ask("b");
  await clock.advance(40);
  ask("c");
  assert.equal(clock.sleeping, 1);
  await clock.advance(59);
  assert.deepEqual(calls, []);
  await clock.advance(1);
  assert.deepEqual(calls, ["a@100", "b@100"]);
  await clock.advance(40);
  assert.deepEqual(calls, ["a@100", "b@100", "c@140"]);
  assert.equal(clock.sleeping, 0);
});

test("who asks when it is called waits again; after the end nobody is called", async () => {
  const { clock, stop, calls, delay, ask } = open();
  delay.ask(() => ask("again"));
  await clock.advance(100);
  await clock.advance(100);
  assert.deepEqual(calls, ["again@200"]);
  ask("late");
  stop.abort();
  await clock.advance(200);
  ask("later");
  await clock.advance(200);
  assert.deepEqual(calls, ["again@200"]);
});

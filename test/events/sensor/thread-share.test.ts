import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, instant, systemClock } from "../../../src/base/clock.ts";
import { ThreadShare } from "../../../src/events/sensor/thread-share.ts";
import { createMemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock, type VirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { live, publish, sensor } from "./life.ts";

const never = new AbortController().signal;

function open(clock: VirtualClock = createVirtualClock()) {
  const told: boolean[] = [];
  const share = new ThreadShare(clock, (isSlowed) => told.push(isSlowed));
  /** Decides for `ms`; gives how long it has to pause. */
  const decide = async (ms: number): Promise<number> => {
    const startedMs = clock.monotonicMs();
    clock.freeze(ms);
    if (!share.took(startedMs)) return 0;
    const before = clock.monotonicMs();
    let isOver = false;
    const pause = share.pause(never).then(() => {
      isOver = true;
    });
    await clock.advance(0);
    while (!isOver) await clock.advance(1);
    await pause;
    return clock.monotonicMs() - before;
  };
  return { clock, told, decide };
}

test("decisions that take no time are never told to pause", async () => {
  const { decide, told } = open();
  for (let n = 0; n < 1_000; n++) assert.equal(await decide(0), 0);
  assert.deepEqual(told, []);
});

test("a burst of two seconds is not slowed down; after it the Sensor gets half of the time", async () => {
  const { clock, decide, told } = open();
  let paused = 0;
  for (let n = 0; n < 19; n++) paused += await decide(100);
  assert.deepEqual([paused, told], [0, []]);
  const startedAt = clock.monotonicMs();
  for (let n = 0; n < 100; n++) await decide(100);
  const took = clock.monotonicMs() - startedAt;
  assert.ok(took > 18_000 && took < 20_100, `10 s of work took ${took} ms`);
  assert.deepEqual(told, [true]);
});

test("it is free again once it has caught up with its share", async () => {
  const { clock, decide, told } = open();
  for (let n = 0; n < 30; n++) await decide(100);
  assert.deepEqual(told, [true]);
  await clock.advance(1_000);
  await decide(1);
  assert.deepEqual(told, [true], "750 ms ahead need 1.5 s");
  await clock.advance(1_000);
  await decide(1);
  assert.deepEqual(told, [true, false]);
});

test("a slow script leaves the thread to others in between, and its Sensor is slowed down", async () => {
  /** Deciding seems to take 100 times as long as it does, and pauses are 10 times as short. */
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => performance.now() * 100,
    sleepUntil: (at, signal) => {
      const now = systemClock.now();
      return systemClock.sleepUntil(instant(now + (at - now) / 10), signal);
    },
  };
  const loop = "local n = 0 for i = 1, 100000 do n = n + i end return true";
  const dependency = { name: "a", eventSourceName: "source", eventName: "a", filters: { script: loop } };
  const compiled = sensor([{ template: { name: "t", log: {} } }], [dependency]);
  const bus = createMemoryBus();
  const told: boolean[] = [];
  let fired = 0;
  const execute = async () => ({ message: String(++fired) });
  const onSlowed = (isSlowed: boolean) => told.push(isSlowed);
  const { stop, running } = await live(compiled, bus, "w", execute, { clock, onSlowed });
  for (let n = 0; n < 30; n++) await publish(bus, "a", `a${n}`);
  let turns = 0;
  // A pause is as long as 10 times what deciding took: long, where others have the processor.
  await waitFor("all events", () => ++turns > 0 && fired === 30, 60_000);
  assert.ok(turns > 5, "the loop turns while thirty events are decided");
  assert.equal(told[0], true);
  stop();
  await running;
});

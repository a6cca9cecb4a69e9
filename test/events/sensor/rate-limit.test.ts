import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Trigger } from "../../../src/api/resources.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createRateLimit, intervalOf, rateKey } from "../../../src/events/sensor/rate-limit.ts";
import { busAway, createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock, type VirtualClock } from "../../harness/virtual-clock.ts";
import { trigger } from "./builders.ts";

const never = new AbortController().signal;

function limited(rateLimit: Trigger["rateLimit"]): Trigger {
  return { ...trigger("t"), ...(rateLimit === undefined ? {} : { rateLimit }) };
}

const intervals: [name: string, limit: Trigger["rateLimit"], ms: number | undefined][] = [
  ["none", undefined, undefined],
  ["one a second", { unit: "Second", requestsPerUnit: 1 }, 1_000],
  ["three a minute", { unit: "Minute", requestsPerUnit: 3 }, 20_000],
  ["a thousand an hour", { unit: "Hour", requestsPerUnit: 1_000 }, 3_600],
  ["a second is the default", { requestsPerUnit: 10 }, 100],
];
for (const [name, limit, ms] of intervals) {
  test(`rateLimit: ${name}`, () => assert.equal(intervalOf(limited(limit)), ms));
}

test("rateLimit: none at all is an error that names the field", () => {
  assert.throws(() => intervalOf(limited({ requestsPerUnit: 0 })), /trigger t: rateLimit.requestsPerUnit: 0 must be/);
});

/** Turns as they are taken, in milliseconds since the start, by as many as ask all the time. */
function open(bus: MemoryBus, clock: VirtualClock, intervalMs: number, turns: number[], origin = clock.now()) {
  const key = rateKey("ns", "s", "t");
  const limit = createRateLimit({ store: bus.state("rates"), key, intervalMs, clock, log: silentLogger });
  const stop = new AbortController();
  const taking = (async () => {
    for (;;) {
      await limit.take(stop.signal);
      turns.push(clock.now() - origin);
    }
  })().catch(() => undefined);
  return { limit, taking, stop: () => stop.abort() };
}

/** The most turns that any stretch of `ms` holds. */
function busiest(turns: readonly number[], ms: number): number {
  const sorted = [...turns].sort((a, b) => a - b);
  return Math.max(0, ...sorted.map((start) => sorted.filter((at) => at >= start && at < start + ms).length));
}

const tables: [name: string, intervalMs: number, ms: number, expected: number[]][] = [
  ["one a second", 1_000, 3_500, [0, 1_000, 2_000, 3_000]],
  ["three a minute", 20_000, 60_000, [0, 20_000, 40_000, 60_000]],
  ["three a second", 1_000 / 3, 1_000, [0, 334, 667, 1_000]],
  ["one an hour", 3_600_000, 7_200_000, [0, 3_600_000, 7_200_000]],
];
for (const [name, intervalMs, ms, expected] of tables) {
  test(`turns: ${name}, the first at once`, async () => {
    const clock = createVirtualClock();
    const turns: number[] = [];
    open(createMemoryBus(), clock, intervalMs, turns);
    await clock.advance(ms);
    assert.deepEqual(turns, expected);
  });
}

test("seven hundred a second are that many, though the clock counts milliseconds", async () => {
  const clock = createVirtualClock();
  const turns: number[] = [];
  open(createMemoryBus(), clock, 1_000 / 700, turns);
  await clock.advance(999);
  assert.equal(turns.length, 700);
});

test("a pause is no credit: after an hour of nothing there is no burst", async () => {
  const clock = createVirtualClock();
  const origin = clock.now();
  const { limit, stop } = open(createMemoryBus(), clock, 1_000, []);
  await clock.advance(10);
  stop();
  await clock.advance(3_600_000);
  const turns: number[] = [];
  const taking = (async () => {
    for (let n = 0; n < 3; n++) {
      await limit.take(never);
      turns.push(clock.now() - origin - 3_600_010);
    }
  })();
  await clock.advance(999);
  assert.ok(turns.length <= 1, `turns at ${turns.join(", ")} ms`);
  await clock.advance(5_000);
  await taking;
  assert.ok(
    turns.every((turn, n) => n === 0 || turn - (turns[n - 1] ?? 0) >= 1_000),
    `turns at ${turns.join(", ")} ms`,
  );
});

test("who comes later, after a restart or on another engine, begins where the reservation ends", async () => {
  const clock = createVirtualClock();
  const bus = createMemoryBus();
  const turns: number[] = [];
  const origin = clock.now();
  const first = open(bus, clock, 5_000, turns, origin);
  await clock.advance(7_000);
  first.stop();
  const before = turns.length;
  open(bus, clock, 5_000, turns, origin);
  await clock.advance(20_000);
  assert.ok(turns.length > before + 1);
  assert.equal(busiest(turns, 5_000), 1);
});

for (const engines of [2, 3]) {
  test(`${engines} engines at once take no more turns than one may, at any rate`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 700 }), async (perSecond, offset) => {
        const clock = createVirtualClock();
        const bus = createMemoryBus();
        const origin = clock.now();
        const turns: number[] = [];
        const opened = [];
        for (let n = 0; n < engines; n++) {
          opened.push(open(bus, clock, 1_000 / perSecond, turns, origin));
          await clock.advance(offset);
        }
        await clock.advance(4_000);
        for (const { stop } of opened) stop();
        assert.ok(busiest(turns, 1_000) <= perSecond, `${turns}`);
        assert.ok(turns.length >= perSecond, "and they get somewhere");
      }),
      { numRuns: 15 },
    );
  });
}

for (const intervalMs of [1_000, 100]) {
  test(`a process that was stopped between turns, ${intervalMs} ms apart, begins none on time that is another's`, async () => {
    const clock = createVirtualClock();
    const bus = createMemoryBus();
    const turns: number[] = [];
    const origin = clock.now();
    open(bus, clock, intervalMs, turns, origin);
    await clock.advance(1_550);
    clock.freeze(60_000);
    open(bus, clock, intervalMs, turns, origin);
    await clock.advance(5_000);
    assert.equal(busiest(turns, intervalMs), 1, `${turns}`);
  });
}

/** As the timers of a process: they do not notice that the date is set. */
function blindSleeps(clock: VirtualClock): VirtualClock {
  const sleepUntil: VirtualClock["sleepUntil"] = async (at, signal) => clock.sleepMs?.(at - clock.now(), signal);
  return { ...clock, sleepUntil };
}

const disturbances: [name: string, disturb: (clock: VirtualClock) => void][] = [
  ["a turn that came late", (clock) => clock.freeze(150)],
  ["a clock that was set back a little", (clock) => clock.jump(-50)],
  ["a clock that was set back by an hour", (clock) => clock.jump(-3_600_000)],
  ["a clock that was set forward", (clock) => clock.jump(70)],
];
for (const [name, disturb] of disturbances) {
  test(`after ${name} the next is an interval away, and no more`, async () => {
    const clock = createVirtualClock();
    const turns: number[] = [];
    const watched = blindSleeps(clock);
    open(createMemoryBus(), watched, 100, turns);
    await clock.advance(250);
    const before = turns.length;
    disturb(clock);
    await clock.advance(2_000);
    const later = turns.slice(before);
    const gaps = later.slice(1).map((at, index) => at - (later[index] ?? 0));
    assert.deepEqual([before, Math.min(...gaps) >= 100, later.length >= 18], [3, true, true], `${turns}`);
    const [last = 0, first = 0] = [turns[before - 1], later[0]];
    assert.ok(first < last || first - last >= 100, `${turns}`);
  });
}

test("while the bus is away nothing runs, and it goes on by itself", async () => {
  const clock = createVirtualClock();
  const bus = createMemoryBus();
  bus.fault = (operation) => {
    if (operation === "put") throw busAway();
  };
  const turns: number[] = [];
  open(bus, clock, 100, turns);
  await clock.advance(3_000);
  assert.deepEqual(turns, []);
  bus.fault = undefined;
  await clock.advance(1_000);
  assert.ok(turns.length >= 5);
});

test("a clock that was ahead does not stop a trigger for long", async () => {
  const bus = createMemoryBus();
  const ahead = createVirtualClock("2036-01-01T00:00:00Z");
  open(bus, ahead, 1_000, []);
  await ahead.advance(2_000);
  const clock = createVirtualClock("2026-01-01T00:00:00Z");
  const turns: number[] = [];
  open(bus, clock, 1_000, turns);
  await clock.advance(15_000);
  assert.ok(turns.length >= 2);
});

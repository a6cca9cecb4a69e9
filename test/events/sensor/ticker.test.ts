import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createTicker, type Horizon, type TickMember } from "../../../src/events/sensor/ticker.ts";
import { busAway } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const start = Date.parse("2026-01-01T00:00:00Z");

function open() {
  const clock = createVirtualClock();
  const ticker = createTicker({ clock, log: silentLogger });
  const stop = new AbortController();
  const running = ticker.run(stop.signal);
  const bus = { asked: 0, after: 7, away: false };
  const reader = {
    async end() {
      bus.asked += 1;
      if (bus.away) throw busAway();
      return { epoch: "e", after: bus.after };
    },
  };
  const calls: string[] = [];
  const member = (name: string, isReady: (horizon: Horizon) => boolean = () => true): TickMember => ({
    reader,
    advance(horizon) {
      calls.push(`${name}@${clock.now() - start} ${horizon.at - start}:${horizon.after}`);
      return isReady(horizon);
    },
  });
  return {
    clock,
    ticker,
    bus,
    calls,
    member,
    at: (ms: number) => instant(start + ms),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

test("a member is called when its time has come, once, with the end of the stream of then", async () => {
  await using rig = open();
  const { clock, ticker, calls, bus } = rig;
  ticker.schedule(rig.member("a"), rig.at(1_000));
  await clock.advance(999);
  assert.deepEqual([calls, bus.asked], [[], 0]);
  await clock.advance(10_000);
  assert.deepEqual([calls, bus.asked], [["a@1000 1000:7"], 1]);
});

test("members that are due together ask the bus once; there is one timer for all", async () => {
  await using rig = open();
  const { clock, ticker, calls, bus } = rig;
  for (const name of ["a", "b", "c"]) ticker.schedule(rig.member(name), rig.at(1_000));
  await clock.advance(0);
  assert.equal(clock.sleeping, 1);
  await clock.advance(1_000);
  assert.deepEqual(calls, ["a@1000 1000:7", "b@1000 1000:7", "c@1000 1000:7"]);
  assert.equal(bus.asked, 1);
});

test("an earlier appointment wakes it, a later one takes the place of the one before", async () => {
  await using rig = open();
  const { clock, ticker, calls } = rig;
  const [a, b] = [rig.member("a"), rig.member("b")];
  ticker.schedule(a, rig.at(5_000));
  await clock.advance(0);
  ticker.schedule(b, rig.at(1_000));
  ticker.schedule(a, rig.at(8_000));
  await clock.advance(7_000);
  assert.deepEqual(calls, ["b@1000 1000:7"]);
  await clock.advance(7_000);
  assert.deepEqual(calls, ["b@1000 1000:7", "a@8000 8000:7"]);
});

test("who has not read far enough is asked again with the same horizon", async () => {
  await using rig = open();
  const { clock, ticker, calls, bus } = rig;
  let isReady = false;
  ticker.schedule(
    rig.member("a", () => isReady),
    rig.at(1_000),
  );
  await clock.advance(1_030);
  assert.deepEqual(calls, ["a@1000 1000:7", "a@1025 1000:7"]);
  bus.after = 99;
  isReady = true;
  await clock.advance(10_000);
  assert.deepEqual([calls.length, bus.asked], [3, 1]);
});

test("who wants no more is not called", async () => {
  await using rig = open();
  const a = rig.member("a");
  rig.ticker.schedule(a, rig.at(1_000));
  rig.ticker.schedule(a, undefined);
  await rig.clock.advance(5_000);
  assert.deepEqual(rig.calls, []);
});

test("a bus that is away delays the tick, whose horizon is of when it answers", async () => {
  await using rig = open();
  const { clock, ticker, calls, bus } = rig;
  bus.away = true;
  ticker.schedule(rig.member("a"), rig.at(1_000));
  await clock.advance(2_500);
  assert.deepEqual([calls, bus.asked], [[], 2]);
  bus.away = false;
  await clock.advance(1_000);
  assert.deepEqual(calls, ["a@3000 3000:7"]);
});

test("a member that has more to do later makes its next appointment while it is called", async () => {
  await using rig = open();
  const { clock, ticker, calls } = rig;
  const a: TickMember = rig.member("a", ({ at }) => {
    ticker.schedule(a, at < rig.at(3_000) ? instant(at + 1_000) : undefined);
    return true;
  });
  ticker.schedule(a, rig.at(1_000));
  await clock.advance(20_000);
  assert.deepEqual(calls, ["a@1000 1000:7", "a@2000 2000:7", "a@3000 3000:7"]);
});

test("a date that is set forward is noticed within a minute", async () => {
  await using rig = open();
  rig.ticker.schedule(rig.member("a"), rig.at(3_600_000));
  await rig.clock.advance(0);
  rig.clock.jump(3_600_000);
  await rig.clock.advance(60_000);
  assert.equal(rig.calls.length, 1);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { createRepositoryPoller } from "../../../src/controllers/applications/repository-poller.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

interface Pace {
  intervalMs: number;
  jitterMs: number;
}

function rig(pace: Pace) {
  const clock = createVirtualClock();
  const begin = clock.now();
  const polls: number[] = [];
  const sources = {
    findRefs: () => undefined,
    tips: async () => {
      polls.push((clock.now() - begin) / 1_000);
      return new Map([["HEAD", "1".repeat(40)]]);
    },
    fetch: async () => ({ fetched: true, refs: new Map() }),
  };
  const poller = createRepositoryPoller({
    sources: { ofProject: () => sources },
    repositories: () => [{ url: "https://git.example/shop", project: "default" }],
    onMoved: () => undefined,
    pace: () => pace,
    random: () => 0.5,
    clock,
    log: silentLogger,
  });
  const stop = new AbortController();
  const running = poller.run(stop.signal);
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) await clock.advance(1_000);
  };
  return {
    polls,
    pass,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

test("an interval of 0 stops the polls, another begins them again; what is new is looked at", async () => {
  const pace: Pace = { intervalMs: 0, jitterMs: 0 };
  await using world = rig(pace);
  await world.pass(600);
  assert.equal(world.polls.length, 1);
  pace.intervalMs = 30_000;
  await world.pass(150);
  assert.ok(world.polls.length >= 5 && world.polls.length <= 7, `polls at ${world.polls.join(", ")}`);
});

for (const [name, from, to, longestS] of [
  ["a shorter interval counts from the last poll on", { intervalMs: 600_000, jitterMs: 0 }, [20_000, 0], 22],
  ["so does its jitter", { intervalMs: 600_000, jitterMs: 0 }, [20_000, 20_000], 32],
  ["one that is over by then is polled at once", { intervalMs: 600_000, jitterMs: 0 }, [1_000, 0], 2],
  ["a longer one counts after the poll that is due", { intervalMs: 60_000, jitterMs: 0 }, [600_000, 0], 61],
] as const) {
  test(`${name}`, async () => {
    const pace: Pace = { ...from };
    await using world = rig(pace);
    // The first two are as the repository has it.
    while (world.polls.length < 2) await world.pass(1);
    const [, at = 0] = world.polls;
    [pace.intervalMs, pace.jitterMs] = to;
    await world.pass(longestS + 1);
    const next = world.polls[2] ?? Number.POSITIVE_INFINITY;
    assert.ok(next - at <= longestS, `${next - at} s after the last`);
    assert.ok(next - at >= Math.min(to[0], from.intervalMs) / 1_000, `${next - at} s after the last`);
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { createRepositoryPoller } from "../../../src/controllers/applications/repository-poller.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

test("an interval of 0 stops the polls, another begins them again; what is new is looked at", async () => {
  const clock = createVirtualClock();
  const pace = { intervalMs: 0, jitterMs: 0 };
  let polls = 0;
  const sources = {
    findRefs: () => undefined,
    tips: async () => {
      polls += 1;
      return new Map([["HEAD", "1".repeat(40)]]);
    },
    fetch: async () => ({ fetched: true, refs: new Map() }),
  };
  const poller = createRepositoryPoller({
    sources: { ofProject: () => sources },
    repositories: () => [{ url: "https://git.example/shop", project: "default" }],
    onMoved: () => undefined,
    pace: () => pace,
    random: () => 0,
    clock,
    log: silentLogger,
  });
  const stop = new AbortController();
  const running = poller.run(stop.signal);
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) await clock.advance(1_000);
  };
  await pass(600);
  assert.equal(polls, 1);
  pace.intervalMs = 30_000;
  await pass(150);
  assert.ok(polls >= 4 && polls <= 6, `${polls} polls`);
  stop.abort();
  await running;
});

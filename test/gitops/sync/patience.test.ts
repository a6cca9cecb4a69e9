import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError, TerminalError } from "../../../src/base/errors.ts";
import { inPool } from "../../../src/gitops/sync/in-pool.ts";
import { patiently } from "../../../src/gitops/sync/patience.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const away = new EngineError("API_UNAVAILABLE", "no answer", new Error("connection refused"));
const broken = new EngineError("API_UNAVAILABLE", "Internal error occurred: failed calling webhook");

for (const [name, error, failures, tries, result] of [
  ["one that is away for a minute", away, 60, 61, "done"],
  ["one that is away for longer than five minutes", away, 1_000, 301, "no answer"],
  ["one that answers that it cannot, twice", broken, 2, 3, "done"],
  ["one that answers that it cannot, three times", broken, 3, 3, "Internal error occurred: failed calling webhook"],
  ["one that refuses", new TerminalError("API_INVALID", "no"), 1, 1, "no"],
  ["one that has another version", new EngineError("API_CONFLICT", "stale"), 1, 1, "stale"],
] as const) {
  test(`a request to an API: ${name}`, async () => {
    const clock = createVirtualClock("2026-11-29T10:00:00Z");
    let asked = 0;
    const asking = patiently(
      async () => {
        asked += 1;
        if (asked <= failures) throw error;
        return "done";
      },
      clock,
      AbortSignal.timeout(20_000),
    ).catch((failure: Error) => failure.message);
    for (let second = 0; second < 400; second++) await clock.advance(1_000);
    assert.deepEqual([await asking, asked], [result, tries]);
  });
}

test("a request is given up with its sync", async () => {
  const clock = createVirtualClock("2026-11-29T10:00:00Z");
  const stop = new AbortController();
  const asking = patiently(() => Promise.reject(away), clock, stop.signal);
  stop.abort(new Error("terminated"));
  await assert.rejects(asking, /terminated/);
});

test("at most twenty run at once, all are run, and all settle before a failure is thrown", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  const items = Array.from({ length: 100 }, (_, index) => index);
  const run = async (item: number): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    done.push(item);
  };
  await inPool(items, run);
  assert.deepEqual([most, done.length], [20, 100]);
  const failing = inPool(items, async (item) => {
    await run(item);
    if (item === 3) throw new Error("three");
  });
  await assert.rejects(failing, /three/);
  assert.equal(running, 0);
});

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { type Clock, instant, systemClock } from "../../src/base/clock.ts";

const sleeps: readonly (readonly [
  name: string,
  sleep: (clock: Clock, ms: number, signal: AbortSignal) => Promise<void>,
])[] = [
  ["until a time", (clock, ms, signal) => clock.sleepUntil(instant(clock.now() + ms), signal)],
  ["for a time", async (clock, ms, signal) => clock.sleepMs?.(ms, signal)],
];

for (const [name, sleep] of sleeps) {
  test(`a sleep ${name} lasts as long, and leaves nobody who listens`, async () => {
    const { signal } = new AbortController();
    const began = performance.now();
    await sleep(systemClock, 20, signal);
    assert.ok(performance.now() - began >= 19);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test(`a sleep ${name} that is cut off, before or meanwhile, rejects with the very reason`, async () => {
    const reason = new Error("enough");
    await assert.rejects(sleep(systemClock, 60_000, AbortSignal.abort(reason)), (error) => error === reason);
    const stop = new AbortController();
    const slept = sleep(systemClock, 60_000, stop.signal);
    stop.abort(reason);
    await assert.rejects(slept, (error) => error === reason);
  });
}

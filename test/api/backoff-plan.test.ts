import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffPlanOf } from "../../src/api/backoff-plan.ts";
import type { Backoff } from "../../src/api/resources.ts";

const day = 24 * 60 * 60 * 1000;
/** With the least that chance gives, and with half of what it may give. */
const rows: [name: string, backoff: Backoff, attempts: number, least: readonly number[], half: readonly number[]][] = [
  ["nothing given: five, a second apart and up to one more", {}, 5, [1_000, 1_000, 1_000, 1_000], [1_500, 1_500]],
  ["steps are attempts", { steps: 2, jitter: 0 }, 2, [1_000], [1_000]],
  ["no steps are five", { steps: 0, jitter: 0 }, 5, [1_000], [1_000]],
  ["nor are fewer than none", { steps: -1, jitter: 0 }, 5, [1_000], [1_000]],
  ["a factor", { duration: "2s", factor: 3, jitter: 0 }, 5, [2_000, 6_000, 18_000, 54_000], [2_000, 6_000]],
  ["a factor below one", { duration: "8s", factor: 0.5, jitter: 0 }, 5, [8_000, 4_000, 2_000, 1_000], [8_000]],
  ["jitter is on top, of each delay", { factor: 2, jitter: 0.5 }, 5, [1_000, 2_000, 4_000], [1_250, 2_500, 5_000]],
  ["integers are nanoseconds", { duration: 1_500_000_000, jitter: 0 }, 5, [1_500, 1_500], [1_500]],
  ["parts of a Go duration", { duration: "1m30s", jitter: 0 }, 5, [90_000], [90_000]],
  ["no duration is no wait", { duration: "0s" }, 5, [0, 0], [0, 0]],
  ["a factor of 0 leaves the delay as it is", { factor: 0, jitter: 0 }, 5, [1_000, 1_000, 1_000], [1_000, 1_000]],
  ["a jitter below 0 is none", { jitter: -1 }, 5, [1_000, 1_000], [1_000, 1_000]],
  ["a factor below 0 does not wait less than no time", { factor: -2, jitter: 0 }, 5, [1_000, 0, 4_000], [1_000, 0]],
  ["a delay without end is a day", { duration: "1h", factor: 100, jitter: 0 }, 5, [3_600_000, day, day], [3_600_000]],
];
for (const [name, backoff, attempts, least, half] of rows) {
  test(`backoff: ${name}`, () => {
    const plan = backoffPlanOf(backoff, "retryStrategy");
    const delays = (count: number, chance: number) =>
      Array.from({ length: count }, (_, index) => plan.delayMs(index + 2, () => chance));
    assert.equal(plan.attempts, attempts);
    assert.deepEqual(delays(least.length, 0), least);
    assert.deepEqual(delays(half.length, 0.5), half);
  });
}

const refused: [backoff: object, error: RegExp][] = [
  [{ factor: "2.0" }, /^retryStrategy\.factor: "2\.0" must be a number, for example 1\.5$/],
  [{ jitter: "0" }, /^retryStrategy\.jitter: "0" must be a number/],
  [{ duration: "1000000000" }, /^retryStrategy\.duration: "1000000000" must be a duration, for example "10s"$/],
  [{ duration: "soon" }, /^retryStrategy\.duration: "soon" must be a duration/],
  [{ duration: "-1s" }, /^retryStrategy\.duration: "-1s" must be a duration/],
];
for (const [backoff, message] of refused) {
  test(`backoff: ${JSON.stringify(backoff)} is refused`, () => {
    assert.throws(() => backoffPlanOf(backoff as Backoff, "retryStrategy"), { code: "MANIFEST_INVALID", message });
  });
}

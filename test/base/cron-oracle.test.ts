import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { instant } from "../../src/base/clock.ts";
import { parseCron } from "../../src/base/cron.ts";
import { TerminalError } from "../../src/base/errors.ts";
import { findTimeZone } from "../../src/base/time-zone.ts";
import { assertSameOfEach, oracleMissing, startOracle } from "../harness/oracle.ts";

/** Compares us with robfig/cron on generated schedules, times and zones. */
const runs = Number(process.env.TIPHYS_ORACLE_RUNS ?? 2_000);

const months = ["jan", "FEB", "mar", "apr", "May", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "Mon", "tue", "WED", "thu", "fri", "sat"];

/** What a field may hold, mostly within its bounds. */
function field(min: number, max: number, names: readonly string[] = []): fc.Arbitrary<string> {
  const value = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min, max }).map(String) },
    { weight: names.length > 0 ? 4 : 0, arbitrary: fc.constantFrom("x", ...names) },
    { weight: 1, arbitrary: fc.constantFrom("0", "07", "+3", "-1", "60", "24", "32", "13", "7", "", "a", "1.5") },
  );
  const step = fc.oneof(
    fc.integer({ min: 1, max: 40 }).map(String),
    fc.constantFrom("0", "1", "1", "70", "99999999999", "x"),
  );
  const range = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("*", "*", "?") },
    { weight: 4, arbitrary: value },
    { weight: 3, arbitrary: fc.tuple(value, value).map(([low, high]) => `${low}-${high}`) },
    { weight: 1, arbitrary: fc.constantFrom("*-5", "?-", "1-2-3", "-", "*-1-2") },
  );
  const item = fc.oneof(
    { weight: 3, arbitrary: range },
    { weight: 2, arbitrary: fc.tuple(range, step).map(([text, by]) => `${text}/${by}`) },
    { weight: 1, arbitrary: fc.constantFrom("1/2/3", "/2", "*/") },
  );
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("*", "*", "?") },
    { weight: 4, arbitrary: item },
    { weight: 2, arbitrary: fc.array(item, { minLength: 1, maxLength: 4 }).map((items) => items.join(",")) },
  );
}

const fields = fc.tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12, months), field(0, 6, days));
const schedules = fc.oneof(
  { weight: 9, arbitrary: fields.map((parts) => parts.join(" ")) },
  // Most valid fields at once: of five that may each be wrong, few schedules are right.
  {
    weight: 9,
    arbitrary: fc
      .tuple(fields, fc.nat(4))
      .map(([parts, only]) => parts.map((part, index) => (index === only ? part : "*")).join(" ")),
  },
  { weight: 2, arbitrary: fields.map((parts) => `CRON_TZ=Asia/Tokyo ${parts.join("  ")}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "",
      "* * * *",
      "* * * * * *",
      "@daily",
      "@every 1h",
      "TZ=Mars/Base * * * * *",
      " * * * * * ",
    ),
  },
);

const zones = [
  "UTC",
  "Asia/Tokyo",
  "Asia/Kolkata",
  "America/New_York",
  "America/St_Johns",
  "Europe/Berlin",
  "Pacific/Auckland",
];

/** Any instant, and those near which clocks change: since November 2011 at whole hours in all of the zones (see `cron.test.ts`). */
const instants = fc.oneof(
  fc.integer({ min: Date.UTC(2011, 11, 1), max: Date.UTC(2036, 11, 31) }),
  fc
    .tuple(
      fc.constantFrom(
        "2026-03-08T07:00Z",
        "2026-11-01T06:00Z",
        "2026-03-29T01:00Z",
        "2026-10-25T01:00Z",
        "2026-09-26T14:00Z",
        "2026-04-04T14:00Z",
      ),
      fc.integer({ min: -90_000_000, max: 90_000_000 }),
    )
    .map(([change, beside]) => Date.parse(change) + beside),
);

function ours(schedule: string, zone: string, after: number, count: number): readonly number[] | undefined {
  try {
    const parsed = parseCron(schedule, "p");
    const place = findTimeZone(zone, "p");
    const ticks: number[] = [];
    for (let at = parsed.next(instant(after), place); at !== undefined; at = parsed.next(at, place)) {
      ticks.push(at);
      if (ticks.length === count) break;
    }
    return ticks;
  } catch (error) {
    if (error instanceof TerminalError) return undefined;
    throw error;
  }
}

test("cron, as robfig/cron says it", { skip: oracleMissing() }, async () => {
  await using oracle = startOracle();
  let taken = 0;
  const same = async ([schedule, zone, after]: [string, string, number]): Promise<void> => {
    const answer = await oracle.ask({ dialect: "cron", schedule, zone, after, count: 4 });
    const what = `${schedule} in ${zone} after ${new Date(after).toISOString()}`;
    if ("ok" in answer) taken += 1;
    assert.deepEqual(ours(schedule, zone, after, 4), "ok" in answer ? answer.ok : undefined, what);
  };
  await assertSameOfEach(fc.tuple(schedules, fc.constantFrom(...zones), instants), same, { numRuns: runs });
  assert.ok(taken > runs / 4, `${taken} of ${runs} schedules were right`);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../src/base/clock.ts";
import { parseCron } from "../../src/base/cron.ts";
import { findTimeZone } from "../../src/base/time-zone.ts";

function ticks(schedule: string, zone: string, after: string, count: number): string[] {
  const parsed = parseCron(schedule, "p");
  const place = findTimeZone(zone, "p");
  const found: string[] = [];
  let at = parsed.next(instant(Date.parse(after)), place);
  while (at !== undefined && found.length < count) {
    found.push(new Date(at).toISOString().replace(":00.000Z", "Z"));
    at = parsed.next(at, place);
  }
  return found;
}

// Every row was compared with robfig/cron v3.0.1.
const table: readonly [string, string, string, string, readonly string[]][] = [
  ["every seven minutes", "*/7 * * * *", "UTC", "2026-01-01T00:50:30Z", ["2026-01-01T00:56Z", "2026-01-01T01:00Z"]],
  ["a start with a step", "5/15 * * * *", "UTC", "2026-01-01T00:35:00Z", ["2026-01-01T00:50Z", "2026-01-01T01:05Z"]],
  ["a tick is after, not at", "0 0 * * *", "UTC", "2026-01-01T00:00:00Z", ["2026-01-02T00:00Z"]],
  [
    "day of month or day of week when both are restricted",
    "0 12 13 * fri",
    "UTC",
    "2026-02-01T00:00:00Z",
    [
      "2026-02-06T12:00Z",
      "2026-02-13T12:00Z",
      "2026-02-20T12:00Z",
      "2026-02-27T12:00Z",
      "2026-03-06T12:00Z",
      "2026-03-13T12:00Z",
    ],
  ],
  [
    "day of month and any day of week",
    "0 12 13 * ?",
    "UTC",
    "2026-02-01T00:00:00Z",
    ["2026-02-13T12:00Z", "2026-03-13T12:00Z"],
  ],
  ["a step of one is still any", "* * */1 * 1", "UTC", "2026-01-01T00:00:00Z", ["2026-01-05T00:00Z"]],
  ["a larger step restricts", "0 0 */2 * 1", "UTC", "2026-01-01T00:00:00Z", ["2026-01-03T00:00Z", "2026-01-05T00:00Z"]],
  [
    "names, lists and ranges",
    "15,45 1-2 * mar,NOV 0",
    "UTC",
    "2026-03-01T01:20:00Z",
    ["2026-03-01T01:45Z", "2026-03-01T02:15Z"],
  ],
  ["leap days", "0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]],
  ["a day that never comes", "0 0 30 feb *", "UTC", "2026-01-01T00:00:00Z", []],
  ["an empty list never comes", ",, * * * *", "UTC", "2026-01-01T00:00:00Z", []],
  ["a zone in the schedule wins", "CRON_TZ=Asia/Tokyo 0 6 * * *", "UTC", "2026-01-01T00:00:00Z", ["2026-01-01T21:00Z"]],
  ["TZ= as well", "TZ=Asia/Kolkata 0 6 * * *", "America/New_York", "2026-01-01T01:00:00Z", ["2026-01-02T00:30Z"]],
  [
    "New York: 02:30 is skipped when clocks go forward",
    "30 2 * * *",
    "America/New_York",
    "2026-03-07T00:00:00Z",
    ["2026-03-07T07:30Z", "2026-03-09T06:30Z"],
  ],
  [
    "New York: 01:30 comes twice when clocks go back",
    "30 1 * * *",
    "America/New_York",
    "2026-10-31T22:00:00Z",
    ["2026-11-01T05:30Z", "2026-11-01T06:30Z", "2026-11-02T06:30Z"],
  ],
  [
    "Berlin: 02:30 is skipped in March and comes twice in October",
    "30 2 25-29 mar,oct *",
    "Europe/Berlin",
    "2026-03-28T00:00:00Z",
    ["2026-03-28T01:30Z", "2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-26T01:30Z"],
  ],
  [
    "Auckland: the southern half goes forward in September",
    "30 2 26-28 sep *",
    "Pacific/Auckland",
    "2026-09-01T00:00:00Z",
    ["2026-09-25T14:30Z", "2026-09-27T13:30Z", "2027-09-26T13:30Z"],
  ],
  [
    "St. John's lies half an hour beside",
    "0 9 1 1 *",
    "America/St_Johns",
    "2025-12-31T00:00:00Z",
    ["2026-01-01T12:30Z"],
  ],
];

for (const [what, schedule, zone, after, expected] of table) {
  test(`cron: ${what}`, () => {
    assert.deepEqual(ticks(schedule, zone, after, Math.max(expected.length, 1)), expected);
  });
}

test("cron: a day whose midnight daylight saving skips is not lost", () => {
  // Deviation: robfig/cron leaves such a Friday out altogether.
  assert.deepEqual(ticks("0 12 * * fri", "Africa/Cairo", "2026-04-20T00:00:00Z", 2), [
    "2026-04-24T09:00Z",
    "2026-05-01T09:00Z",
  ]);
});

test("cron: of an hour that comes twice no minute is lost, though clocks went back a minute past midnight", () => {
  // Deviation: robfig/cron leaves out the second 00:00, since it goes on in whole hours from where clocks changed.
  assert.deepEqual(ticks("* 0 * * *", "America/St_Johns", "2009-11-01T02:29:00Z", 3), [
    "2009-11-01T02:30Z",
    "2009-11-01T03:30Z",
    "2009-11-01T03:31Z",
  ]);
});

const refused: readonly [string, RegExp][] = [
  ["* * * *", /p: "\* \* \* \*" is not a cron schedule: expected exactly 5 fields, found 4/],
  ["* * * * * *", /found 6/],
  ["@daily", /descriptors/],
  ["60 * * * *", /outside 0-59 of the minute/],
  ["* * * * 7", /outside 0-6 of the day of week/],
  ["* * 0 * *", /outside 1-31 of the day of month/],
  ["*/0 * * * *", /greater than 0/],
  ["5-1 * * * *", /begins after its end/],
  ["1-2-3 * * * *", /too many hyphens/],
  ["1/2/3 * * * *", /too many slashes/],
  ["-1 * * * *", /"" is not a number/],
  ["a * * * *", /"a" is not a number/],
  ["TZ=Mars/Base * * * * *", /"Mars\/Base" is not a time zone/],
];

for (const [schedule, problem] of refused) {
  test(`cron: refuses "${schedule}"`, () => {
    assert.throws(() => parseCron(schedule, "p"), problem);
  });
}

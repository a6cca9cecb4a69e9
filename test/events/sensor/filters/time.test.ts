import assert from "node:assert/strict";
import { test } from "node:test";
import { compileTimeFilter } from "../../../../src/events/sensor/filters/time.ts";
import { cloudEvent } from "../builders.ts";

for (const [start, stop, timezone, time, verdict] of [
  ["09:00:00", "17:00:00", undefined, "2026-01-05T09:00:00Z", "passed"],
  ["09:00:00", "17:00:00", undefined, "2026-01-05T16:59:59.999Z", "passed"],
  ["09:00:00", "17:00:00", undefined, "2026-01-05T17:00:00Z", "rejected"],
  ["09:00:00", "17:00:00", undefined, "2026-01-05T08:59:59.999Z", "rejected"],
  ["9:00:00", "17:00:00", "UTC", "2026-01-05T10:00:00+02:00", "rejected"], // 08:00 in UTC
  ["22:00:00", "02:00:00", "", "2026-01-05T23:00:00Z", "passed"],
  ["22:00:00", "02:00:00", "", "2026-01-05T01:59:59Z", "passed"],
  ["22:00:00", "02:00:00", "", "2026-01-05T02:00:00Z", "rejected"],
  ["22:00:00", "02:00:00", "", "2026-01-05T21:59:59Z", "rejected"],
  ["09:00:00", "10:00:00", "America/New_York", "2026-01-05T14:30:00Z", "passed"],
  ["09:00:00", "10:00:00", "America/New_York", "2026-07-05T13:30:00Z", "passed"], // summer time
  ["09:00:00", "10:00:00", "America/New_York", "2026-07-05T14:30:00Z", "rejected"],
  ["23:00:00", "23:59:59", "Asia/Kolkata", "2026-01-05T17:45:00Z", "passed"], // 23:15
  ["00:00:00", "01:00:00", "Asia/Tokyo", "1969-12-31T15:30:00Z", "passed"], // before 1970
  ["09:00:00", "09:00:00", undefined, "2026-01-05T03:00:00Z", "passed"], // admission refuses it
  ["09:00:00", "17:00:00", undefined, "no time", "error"],
] as const) {
  test(`time filter: ${time} is ${verdict} in ${start} to ${stop} ${timezone ?? ""}`, () => {
    const window = { start, stop, ...(timezone === undefined ? {} : { timezone }) };
    assert.equal(compileTimeFilter(window, "filters.time")(cloudEvent({ time })).verdict, verdict);
  });
}

test("time filter: a no says the time, the zone and the window", () => {
  const filter = compileTimeFilter({ start: "09:00:00", stop: "10:00:00", timezone: "Asia/Tokyo" }, "filters.time");
  const { reason } = filter(cloudEvent({ time: "2026-01-05T02:03:04Z" }));
  assert.equal(reason, "filters.time: 11:03:04 in Asia/Tokyo is not within 09:00:00 to 10:00:00");
});

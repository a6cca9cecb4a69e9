import type { Instant } from "../clock.ts";
import type { TimeZone } from "../time-zone.ts";
import { timeText } from "./time-format.ts";
import { zoneOf } from "./zoned-time.ts";

/** Go's `time.Time.String()` of a moment as a clock of `zone` shows it. */
export function goTimeString(at: Instant, zone: TimeZone): string {
  const seconds = Math.floor(at / 1_000);
  const ms = Math.min(Math.max(at - seconds * 1_000, 0), 999); // of years far away a number has no milliseconds
  return timeText({ seconds, nanoseconds: ms * 1_000_000, zone: zoneOf(seconds, zone) });
}

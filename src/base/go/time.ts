import type { Instant } from "../clock.ts";
import type { TimeZone } from "../time-zone.ts";
import { timeText } from "./time-format.ts";
import { zoneOf } from "./zoned-time.ts";

/** Go's `time.Time.String()` of a moment as a clock of `zone` shows it. */
export function goTimeString(at: Instant, zone: TimeZone): string {
  const seconds = Math.floor(at / 1_000);
  return timeText({ seconds, nanoseconds: (at - seconds * 1_000) * 1_000_000, zone: zoneOf(seconds, zone) });
}

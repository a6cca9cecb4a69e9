import type { Instant } from "./clock.ts";
import { offsetText, type TimeZone } from "./time-zone.ts";

/** Go's `time.Time.String()`: `2006-01-02 15:04:05.999 -0700 MST`, trailing zeros of the fraction trimmed. */
export function goTimeString(at: Instant, zone: TimeZone): string {
  const offset = zone.offsetMinutes(at);
  const local = new Date(at + offset * 60_000).toISOString();
  const fraction = local.slice(19, 23).replace(/\.?0+$/, "");
  return `${local.slice(0, 10)} ${local.slice(11, 19)}${fraction} ${offsetText(offset)} ${zone.abbreviation(at)}`;
}

import { type Instant, instant, isoTime } from "../../base/clock.ts";
import type { JsonValue } from "../../base/json.ts";

/** RFC 3339 with whole seconds, as Kubernetes writes times in a status. */
export function timeText(at: Instant): string {
  return isoTime(at).replace(/\.\d{3}Z$/, "Z");
}

/** Undefined for anything that is no time; what is unreadable counts as never written. */
export function readTime(value: JsonValue | undefined): Instant | undefined {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : instant(ms);
}

/** `3:04PM`, UTC: Go's `time.Kitchen`. */
export function kitchenTime(at: Instant): string {
  const hours = Number(isoTime(at).slice(11, 13));
  return `${hours % 12 || 12}:${isoTime(at).slice(14, 16)}${hours < 12 ? "AM" : "PM"}`;
}

import { type LayoutPart, monthNames, parseLayout, weekdayNames } from "./layout.ts";
import type { ZonedTime } from "./zoned-time.ts";

/** What a clock in the zone shows. */
export interface CivilTime {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly dayOfYear: number;
  /** From Sunday, which is 0. */
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** The calendar begins anew every 400 years. */
const cycleYears = 400;
const cycleSeconds = 146_097 * 86_400;
/** `Date` knows no more, Go does. */
const maxDateSeconds = 8.64e12 - cycleSeconds;

export function civilTime({ seconds, zone }: ZonedTime): CivilTime {
  const local = seconds + zone.offsetSeconds;
  const cycles = Math.abs(local) <= maxDateSeconds ? 0 : Math.floor(local / cycleSeconds);
  const at = new Date((local - cycles * cycleSeconds) * 1_000);
  const year = at.getUTCFullYear();
  const newYear = new Date(0).setUTCFullYear(year, 0, 1);
  return {
    year: year + cycles * cycleYears,
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    dayOfYear: Math.floor((at.getTime() - newYear) / 86_400_000) + 1,
    weekday: at.getUTCDay(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
  };
}

/** From 1. */
export function monthName(month: number): string {
  return monthNames[month - 1] ?? "";
}

/** From Sunday, which is 0. */
export function weekdayName(weekday: number): string {
  return weekdayNames[weekday] ?? "";
}

/** Go's `Time.Format`. */
export function formatGoTime(layout: string, time: ZonedTime): string {
  const civil = civilTime(time);
  return parseLayout(layout)
    .map((part) => partText(part, time, civil))
    .join("");
}

/** As Go prints a time. */
export function timeText(time: ZonedTime): string {
  return formatGoTime("2006-01-02 15:04:05.999999999 -0700 MST", time);
}

/** As Go writes it into JSON. */
export function timeJson(time: ZonedTime): string {
  return formatGoTime("2006-01-02T15:04:05.999999999Z07:00", time);
}

function padded(value: number, length: number, fill = "0"): string {
  return value < 0 ? `-${padded(-value, length, fill)}` : String(value).padStart(length, fill);
}

function partText(part: LayoutPart, time: ZonedTime, civil: CivilTime): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "fraction":
      return fraction(time.nanoseconds, part.digits, part.isExact);
    case "zone name":
      return time.zone.name || offset("-0700", time.zone.offsetSeconds);
    case "year":
      return padded(civil.year, 4);
    case "short year":
      return padded(civil.year % 100, 2);
    case "weekday":
      return weekdayName(civil.weekday);
    case "short weekday":
      return weekdayName(civil.weekday).slice(0, 3);
    case "day of year":
      return padded(civil.dayOfYear, 3);
    case "padded day of year":
      return padded(civil.dayOfYear, 3, " ");
    default:
      return monthOrDay(part.kind, civil) ?? clock(part.kind, civil) ?? offset(part.kind, time.zone.offsetSeconds);
  }
}

function monthOrDay(kind: string, { month, day }: CivilTime): string | undefined {
  switch (kind) {
    case "month name":
      return monthName(month);
    case "short month":
      return monthName(month).slice(0, 3);
    case "month":
      return String(month);
    case "month 2":
      return padded(month, 2);
    case "day":
      return String(day);
    case "day 2":
      return padded(day, 2);
    case "padded day":
      return padded(day, 2, " ");
    default:
      return undefined;
  }
}

function clock(kind: string, { hour, minute, second }: CivilTime): string | undefined {
  const half = hour % 12 === 0 ? 12 : hour % 12;
  switch (kind) {
    case "hour":
      return padded(hour, 2);
    case "hour12":
      return String(half);
    case "hour12 2":
      return padded(half, 2);
    case "minute":
      return String(minute);
    case "minute 2":
      return padded(minute, 2);
    case "second":
      return String(second);
    case "second 2":
      return padded(second, 2);
    case "PM":
      return hour >= 12 ? "PM" : "AM";
    case "pm":
      return hour >= 12 ? "pm" : "am";
    default:
      return undefined;
  }
}

/** `.000` has that many digits, `.999` no zeros at its end; either has at most nine. */
function fraction(nanoseconds: number, digits: number, isExact: boolean): string {
  const all = padded(nanoseconds, 9)
    .slice(0, digits)
    .padEnd(isExact ? digits : 0, "0");
  const shown = isExact ? all : all.replace(/0+$/, "");
  return shown === "" ? "" : `.${shown}`;
}

/** `kind` is the field of the layout, such as `Z07:00`. */
function offset(kind: string, seconds: number): string {
  if (kind.startsWith("Z") && seconds === 0) return "Z";
  const size = Math.abs(seconds);
  const colon = kind.includes(":") ? ":" : "";
  const parts = [Math.floor(size / 3_600), Math.floor(size / 60) % 60, size % 60].map((value) => padded(value, 2));
  const count = kind.replaceAll(":", "").length === 3 ? 1 : kind.replaceAll(":", "").length === 5 ? 2 : 3;
  return `${seconds < 0 ? "-" : "+"}${parts.slice(0, count).join(colon)}`;
}

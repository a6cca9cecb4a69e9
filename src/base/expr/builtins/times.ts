import { messageOf } from "../../errors.ts";
import { parseGoTime } from "../../go/time-parse.ts";
import { findTimeZone, type TimeZone } from "../../time-zone.ts";
import { failed } from "../fault.ts";
import type { Builtin } from "../frame.ts";
import { toText } from "../values/numbers.ts";
import { parseDuration } from "../values/time.ts";
import { Time } from "../values/values.ts";

const maxText = 200;

const layouts = [
  "2006-01-02",
  "15:04:05",
  "2006-01-02 15:04:05",
  "2006-01-02T15:04:05Z07:00",
  "02 Jan 06 15:04 MST",
  "Monday, 02-Jan-06 15:04:05 MST",
  "Mon, 02 Jan 2006 15:04:05 MST",
] as const;

const date: Builtin = ([given, layout, zone]) => {
  const text = toText(given);
  const isShort = text.length <= maxText && (layout === undefined || toText(layout).length <= maxText);
  const wanted: readonly string[] = layout === undefined ? layouts : [toText(layout)];
  const location = zone === undefined ? undefined : zoneOf(toText(zone));
  for (const each of isShort ? wanted : []) {
    const at = parseGoTime(each, text, location);
    if (at !== undefined) return new Time(at);
  }
  throw failed(`${JSON.stringify(text.slice(0, maxText))} is no date${layout === undefined ? "" : " of that layout"}`);
};

function zoneOf(name: string): TimeZone {
  try {
    return findTimeZone(name, "date");
  } catch (error) {
    throw failed(messageOf(error));
  }
}

const duration: Builtin = ([given]) => {
  const text = toText(given);
  const found = text.length <= maxText ? parseDuration(text) : undefined;
  if (found === undefined) throw failed(`${JSON.stringify(text.slice(0, maxText))} is no duration`);
  return found;
};

const now: Builtin = (_, frame) => {
  if (frame.now === undefined) throw failed("now() is not available here: the result would not be the same each time");
  const ms = frame.now();
  const seconds = Math.floor(ms / 1_000);
  const nanoseconds = Math.round((ms - seconds * 1_000) * 1_000_000);
  return new Time({ seconds, nanoseconds, zone: { name: "UTC", offsetSeconds: 0 } });
};

export const timeBuiltins: readonly (readonly [string, Builtin])[] = [
  ["now", now],
  ["date", date],
  ["duration", duration],
];

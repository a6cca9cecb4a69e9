import type { TimeZone } from "../time-zone.ts";
import { type LayoutPart, monthNames, parseLayout, weekdayNames } from "./layout.ts";
import { abbreviationAt, offsetAt, type ZonedTime, zoneOf } from "./zoned-time.ts";

/** What was read so far; the zero values are those of a text that does not say. */
interface Reading {
  year: number;
  month: number;
  day: number;
  dayOfYear: number;
  hour: number;
  minute: number;
  second: number;
  nanoseconds: number;
  half: "AM" | "PM" | "";
  isUtc: boolean;
  offsetSeconds: number | undefined;
  zoneName: string;
}

interface Input {
  readonly into: Reading;
  rest: string;
  /** Why it cannot be read, where the text has the shape. */
  fault: string | undefined;
}

/**
 * Go's `time.ParseInLocation` with `location` UTC where it is not given; undefined where that is an error. As there,
 * names of zones other than UTC and `GMT+3` are taken for an offset of 0.
 */
export function parseGoTime(layout: string, text: string, location?: TimeZone): ZonedTime | undefined {
  return parseGoTimeParts(parseLayout(layout), text, location);
}

/** The same for a layout that was taken apart once. */
export function parseGoTimeParts(
  parts: readonly LayoutPart[],
  text: string,
  location?: TimeZone,
): ZonedTime | undefined {
  const found = readGoTime(parts, text, location);
  return typeof found === "string" ? undefined : found;
}

/** The same with the reason, in the original's words, where it is an error. */
export function readGoTime(parts: readonly LayoutPart[], text: string, location?: TimeZone): ZonedTime | string {
  const input: Input = { into: emptyReading(), rest: text, fault: undefined };
  for (const [index, part] of parts.entries()) {
    const before = input.rest;
    if (readPart(input, part, parts[index + 1])) continue;
    return input.fault ?? `cannot parse ${JSON.stringify(before)} as ${JSON.stringify(part.text)}`;
  }
  return input.rest === "" ? timeOf(input.into, location) : `extra text: ${JSON.stringify(input.rest)}`;
}

function emptyReading(): Reading {
  const clock = { hour: 0, minute: 0, second: 0, nanoseconds: 0, half: "" as const };
  return { year: 0, month: -1, day: -1, dayOfYear: -1, ...clock, isUtc: false, offsetSeconds: undefined, zoneName: "" };
}

/** Takes `pattern` from the start of what is left. */
function take(input: Input, pattern: RegExp): string | undefined {
  const [found] = pattern.exec(input.rest) ?? [];
  if (found !== undefined) input.rest = input.rest.slice(found.length);
  return found;
}

interface Range {
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

const monthRange: Range = { what: "month", from: 1, to: 12 };
const hourRange: Range = { what: "hour", from: 0, to: 23 };
const hour12Range: Range = { what: "hour", from: 0, to: 12 };
const minuteRange: Range = { what: "minute", from: 0, to: 59 };
const secondRange: Range = { what: "second", from: 0, to: 59 };

/** Without a range: whether such a day exists is seen when year and month are known. */
function takeNumber(input: Input, pattern: RegExp, range?: Range): number | undefined {
  const found = take(input, pattern);
  if (found === undefined) return undefined;
  const value = Number(found);
  if (range === undefined || (value >= range.from && value <= range.to)) return value;
  input.fault = `${range.what} out of range`;
  return undefined;
}

const oneOrTwo = /^[0-9]{1,2}/;
const two = /^[0-9]{2}/;
const three = /^[0-9]{3}/;

function readPart(input: Input, part: LayoutPart, next: LayoutPart | undefined): boolean {
  switch (part.kind) {
    case "text":
      return readText(input, part.text);
    case "fraction":
      return readFraction(input, part.digits, part.isExact);
    case "PM":
    case "pm":
      return readHalf(input, part.kind === "PM" ? /^[AP]M/ : /^[ap]m/);
    case "zone name":
      return readZoneName(input);
    case "weekday":
      return takeName(input, weekdayNames, Number.POSITIVE_INFINITY) !== undefined;
    case "short weekday":
      return takeName(input, weekdayNames, 3) !== undefined;
    default:
      return readDateOrClock(input, part, next);
  }
}

function readDateOrClock(input: Input, part: LayoutPart, next: LayoutPart | undefined): boolean {
  const { into } = input;
  switch (part.kind) {
    case "year":
      return set(into, "year", takeNumber(input, /^[0-9]{4}/));
    case "short year":
      return set(into, "year", century(takeNumber(input, /^(?:[+-][0-9]|[0-9]{2})/)));
    case "month name":
      return set(into, "month", takeName(input, monthNames, Number.POSITIVE_INFINITY));
    case "short month":
      return set(into, "month", takeName(input, monthNames, 3));
    case "month":
    case "month 2":
      return set(into, "month", takeNumber(input, part.kind === "month" ? oneOrTwo : two, monthRange));
    case "day":
    case "day 2":
      return set(into, "day", takeNumber(input, part.kind === "day" ? oneOrTwo : two));
    case "padded day":
      if (input.rest.startsWith(" ")) input.rest = input.rest.slice(1);
      return set(into, "day", takeNumber(input, oneOrTwo));
    case "day of year":
      return set(into, "dayOfYear", takeNumber(input, three));
    case "padded day of year":
      return set(into, "dayOfYear", takeNumber(input, /^ {0,2}[0-9]{1,3}/));
    default:
      return readClockOrOffset(input, part, next);
  }
}

function readClockOrOffset(input: Input, part: LayoutPart, next: LayoutPart | undefined): boolean {
  const { into } = input;
  switch (part.kind) {
    case "hour":
      return set(into, "hour", takeNumber(input, oneOrTwo, hourRange));
    case "hour12":
    case "hour12 2":
      return set(into, "hour", takeNumber(input, part.kind === "hour12" ? oneOrTwo : two, hour12Range));
    case "minute":
    case "minute 2":
      return set(into, "minute", takeNumber(input, part.kind === "minute" ? oneOrTwo : two, minuteRange));
    case "second":
    case "second 2":
      if (!set(into, "second", takeNumber(input, part.kind === "second" ? oneOrTwo : two, secondRange))) return false;
      // A fraction may follow seconds, whatever the layout says.
      return next?.kind === "fraction" || readFraction(input, 0, false);
    default:
      return readOffset(input, part.kind);
  }
}

type NumberField = "year" | "month" | "day" | "dayOfYear" | "hour" | "minute" | "second";

function set(into: Reading, field: NumberField, value: number | undefined): boolean {
  if (value === undefined) return false;
  into[field] = value;
  return true;
}

function century(year: number | undefined): number | undefined {
  return year === undefined ? undefined : year + (year >= 69 ? 1_900 : 2_000);
}

/** The number of the name, from 1. */
function takeName(input: Input, names: readonly string[], length: number): number | undefined {
  const rest = input.rest.toLowerCase();
  const index = names.findIndex((name) => rest.startsWith(name.slice(0, length).toLowerCase()));
  if (index < 0) return undefined;
  input.rest = input.rest.slice(Math.min(length, names[index]?.length ?? 0));
  return index + 1;
}

/** Any number of spaces stands for any number of them, none at the end. */
function readText(input: Input, text: string): boolean {
  for (const [piece] of text.matchAll(/ +|[^ ]+/g)) {
    if (piece.startsWith(" ")) {
      if (input.rest !== "" && !input.rest.startsWith(" ")) return false;
      input.rest = input.rest.replace(/^ +/, "");
    } else if (input.rest.startsWith(piece)) input.rest = input.rest.slice(piece.length);
    else return false;
  }
  return true;
}

/** Where the layout says how many digits there are, the first may be a sign. */
function readFraction(input: Input, digits: number, isExact: boolean): boolean {
  const exact = new RegExp(`^[.,](?:[0-9]{${digits}}${digits > 1 ? `|[+-][0-9]{${digits - 1}}` : ""})`);
  const found = take(input, isExact ? exact : /^[.,][0-9]+/);
  if (found === undefined) return !isExact;
  const read = found.slice(1, 10);
  input.into.nanoseconds = Number(read) * 10 ** (9 - read.length);
  return input.into.nanoseconds >= 0;
}

function readHalf(input: Input, pattern: RegExp): boolean {
  const found = take(input, pattern);
  if (found === undefined) return false;
  input.into.half = found.toUpperCase() === "PM" ? "PM" : "AM";
  return true;
}

/** `kind` is the field of the layout, such as `Z07:00`. */
function readOffset(input: Input, kind: string): boolean {
  if (kind.startsWith("Z") && take(input, /^Z/) !== undefined) {
    input.into.isUtc = true;
    return true;
  }
  const digits = "([0-9]{2})";
  const shape = kind.slice(1).replace(/[0-9]{2}/g, digits);
  const match = new RegExp(`^([+-])${shape}`).exec(input.rest);
  if (match === null) return false;
  const [found, sign, hours = "0", minutes = "0", seconds = "0"] = match;
  const over = Number(hours) > 24 ? "hour" : Number(minutes) > 60 ? "minute" : Number(seconds) > 60 ? "second" : "";
  if (over !== "") {
    input.fault = `time zone offset ${over} out of range`;
    return false;
  }
  input.rest = input.rest.slice(found.length);
  const size = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
  input.into.offsetSeconds = sign === "-" ? -size : size;
  return true;
}

const upperLetters = "([A-Z]{1,6})";

function readZoneName(input: Input): boolean {
  if (take(input, /^UTC/) !== undefined) {
    input.into.isUtc = true;
    return true;
  }
  const name = zoneNameAt(input.rest);
  if (name === undefined) return false;
  input.rest = input.rest.slice(name.length);
  input.into.zoneName = name;
  return true;
}

/** `CEST`, `GMT+3`, `+03`: three to five capitals, of which more than three end in T. */
function zoneNameAt(text: string): string | undefined {
  if (text.length < 3) return undefined;
  if (/^(?:ChST|MeST)/.test(text)) return text.slice(0, 4);
  if (text.startsWith("GMT")) return `GMT${signedHours(text.slice(3)) ?? ""}`;
  if (/^[+-]/.test(text)) return signedHours(text);
  const capitals = new RegExp(`^${upperLetters}`).exec(text)?.[0] ?? "";
  if (capitals.length === 3 || (capitals.length === 4 && /T$|^WITA$/.test(capitals))) return capitals;
  return capitals.length === 5 && capitals.endsWith("T") ? capitals : undefined;
}

function signedHours(text: string): string | undefined {
  const [found] = /^[+-][0-9]+/.exec(text) ?? [];
  return found !== undefined && Math.abs(Number(found)) <= 23 ? found : undefined;
}

function timeOf(read: Reading, location: TimeZone | undefined): ZonedTime | string {
  const date = dateOf(read);
  if (typeof date === "string") return date;
  const hour =
    read.half === "PM" && read.hour < 12 ? read.hour + 12 : read.half === "AM" && read.hour === 12 ? 0 : read.hour;
  const local = secondsOf(read.year, date.month, date.day) + hour * 3_600 + read.minute * 60 + read.second;
  const { nanoseconds } = read;
  if (read.isUtc) return { seconds: local, nanoseconds, zone: { name: "UTC", offsetSeconds: 0 } };
  if (read.offsetSeconds !== undefined) return atOffset(local - read.offsetSeconds, read, location);
  if (read.zoneName !== "") return named(local, read, location);
  return located(local - offsetAt(local, location), nanoseconds, location);
}

function located(seconds: number, nanoseconds: number, location: TimeZone | undefined): ZonedTime {
  return { seconds, nanoseconds, zone: zoneOf(seconds, location), ...(location && { location }) };
}

/** An offset that is that of the location at that time is the location's, with its name. */
function atOffset(seconds: number, read: Reading, location: TimeZone | undefined): ZonedTime {
  const { offsetSeconds = 0, nanoseconds, zoneName } = read;
  const zone = zoneOf(seconds, location);
  const isLocal = zone.offsetSeconds === offsetSeconds && (zoneName === "" || zoneName === zone.name);
  return isLocal
    ? located(seconds, nanoseconds, location)
    : { seconds, nanoseconds, zone: { name: zoneName, offsetSeconds } };
}

function named(local: number, { zoneName, nanoseconds }: Reading, location: TimeZone | undefined): ZonedTime {
  const seconds = local - offsetAt(local, location);
  if (abbreviationAt(seconds, location) === zoneName) return located(seconds, nanoseconds, location);
  const hours = zoneName.startsWith("GMT") ? Number(zoneName.slice(3) || "0") : 0;
  return { seconds: local, nanoseconds, zone: { name: zoneName, offsetSeconds: hours * 3_600 } };
}

/** The reason, where there is no such day. */
function dateOf(read: Reading): { readonly month: number; readonly day: number } | string {
  let month = read.month < 0 ? 1 : read.month;
  let day = read.day < 0 ? 1 : read.day;
  if (read.dayOfYear >= 0) {
    const at = new Date(secondsOf(read.year, 1, read.dayOfYear) * 1_000);
    if (read.dayOfYear < 1 || at.getUTCFullYear() !== read.year) return "day-of-year out of range";
    if (read.month >= 0 && read.month !== at.getUTCMonth() + 1) return "day-of-year does not match month";
    if (read.day >= 0 && read.day !== at.getUTCDate()) return "day-of-year does not match day";
    month = at.getUTCMonth() + 1;
    day = at.getUTCDate();
  }
  const at = new Date(secondsOf(read.year, month, day) * 1_000);
  return day >= 1 && at.getUTCDate() === day ? { month, day } : "day out of range";
}

/** Midnight of a day in UTC; `Date.UTC` takes years before 100 for those of the last century. */
function secondsOf(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day) / 1_000;
}

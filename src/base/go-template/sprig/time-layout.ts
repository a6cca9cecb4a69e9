import { Failure } from "../work.ts";
import { GoTime } from "./time.ts";

const months = "January February March April May June July August September October November December".split(" ");
const days = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/** What has a meaning in a layout; the rest stands for itself. */
const elements =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|1|2006|2|__2|_2(?!006)|3|4|5|PM|pm|[-Z]070000|[-Z]07:00:00|[-Z]0700|[-Z]07:00|[-Z]07|[.,](?:0+|9+)(?![0-9])/g;

interface Draft {
  year: number;
  month?: number;
  day?: number;
  yearDay?: number;
  hour: number;
  minute: number;
  second: number;
  nanoseconds: number;
  half?: "AM" | "PM";
  zone?: string;
  offset?: number;
}

interface Element {
  readonly shape: RegExp;
  readonly take: (draft: Draft, text: string) => void;
}

function oneOf(names: readonly string[], length?: number): RegExp {
  return new RegExp(names.map((name) => name.slice(0, length)).join("|"), "iy");
}

function monthOf(name: string): number {
  return months.findIndex((month) => month.slice(0, 3).toLowerCase() === name.slice(0, 3).toLowerCase()) + 1;
}

function within(value: number, low: number, high: number, what: string): number {
  if (value < low || value > high) throw new Failure(`${what} out of range`);
  return value;
}

const oneOrTwo = /[0-9]{1,2}/y;
const two = /[0-9]{2}/y;

function numeric(shape: RegExp, take: (draft: Draft, value: number) => void): Element {
  return { shape, take: (draft, text) => take(draft, Number(text)) };
}

const month = (shape: RegExp): Element =>
  numeric(shape, (draft, value) => (draft.month = within(value, 1, 12, "month")));
const day = (shape: RegExp): Element => numeric(shape, (draft, value) => (draft.day = value));
const yearDay = (shape: RegExp): Element => numeric(shape, (draft, value) => (draft.yearDay = value));
const hour = (shape: RegExp, last: number): Element =>
  numeric(shape, (draft, value) => (draft.hour = within(value, 0, last, "hour")));
const minute = (shape: RegExp): Element =>
  numeric(shape, (draft, value) => (draft.minute = within(value, 0, 59, "minute")));
const half = (shape: RegExp): Element => ({
  shape,
  take: (draft, text) => (draft.half = text.toUpperCase() === "AM" ? "AM" : "PM"),
});
const named = (shape: RegExp): Element => ({ shape, take: (draft, text) => (draft.month = monthOf(text)) });

/** A fraction may follow though the layout has none. */
function second(digits: string): Element {
  return {
    shape: new RegExp(`${digits}(?:[.,][0-9]+)?`, "y"),
    take(draft, text) {
      const [whole = "", fraction] = text.split(/[.,]/);
      draft.second = within(Number(whole), 0, 59, "second");
      if (fraction !== undefined) draft.nanoseconds = nanosecondsOf(fraction);
    },
  };
}

function nanosecondsOf(fraction: string): number {
  return Number(fraction.slice(0, 9).padEnd(9, "0"));
}

const elementsByName: Readonly<Record<string, Element>> = {
  January: named(oneOf(months)),
  Jan: named(oneOf(months, 3)),
  Monday: { shape: oneOf(days), take: () => undefined },
  Mon: { shape: oneOf(days, 3), take: () => undefined },
  MST: { shape: /UTC|ChST|MeST|GMT(?:[-+][0-9]{1,2})?|[-+][0-9]{1,2}|WITA|[A-Z]{3,4}T|[A-Z]{3}/y, take: takeZone },
  "002": yearDay(/[0-9]{3}/y),
  __2: yearDay(/ {0,2}[0-9]{1,3}/y),
  "01": month(two),
  "1": month(oneOrTwo),
  "02": day(two),
  "2": day(oneOrTwo),
  _2: day(/ ?[0-9]{1,2}/y),
  "15": hour(oneOrTwo, 23),
  "03": hour(two, 12),
  "3": hour(oneOrTwo, 12),
  "04": minute(two),
  "4": minute(oneOrTwo),
  "05": second("[0-9]{2}"),
  "5": second("[0-9]{1,2}"),
  "2006": numeric(/[0-9]{4}/y, (draft, value) => (draft.year = value)),
  "06": numeric(two, (draft, value) => (draft.year = value >= 69 ? 1900 + value : 2000 + value)),
  PM: half(/AM|PM/y),
  pm: half(/am|pm/y),
};

function takeZone(draft: Draft, text: string): void {
  draft.zone = text;
}

const offsetShapes: Readonly<Record<string, string>> = {
  "070000": "[0-9]{6}",
  "07:00:00": "[0-9]{2}:[0-9]{2}:[0-9]{2}",
  "0700": "[0-9]{4}",
  "07:00": "[0-9]{2}:[0-9]{2}",
  "07": "[0-9]{2}",
};

function elementOf(name: string, hasSeconds: boolean): Element {
  const known = elementsByName[name];
  if (known !== undefined) return known;
  if (/^[.,]/.test(name)) return fractionOf(name, hasSeconds);
  const shape = `[-+]${offsetShapes[name.slice(1)]}`;
  return { shape: new RegExp(name.startsWith("Z") ? `Z|${shape}` : shape, "y"), take: takeOffset };
}

/** Nines take any digits, and none; zeros take as many as there are. Behind seconds they have been taken already. */
function fractionOf(name: string, hasSeconds: boolean): Element {
  const isExact = name.charAt(1) === "0";
  const shape = isExact ? new RegExp(`[.,][0-9]{${Math.min(name.length - 1, 100)}}`, "y") : /(?:[.,][0-9]+)?/y;
  if (hasSeconds && !isExact) return { shape: /(?:)/y, take: () => undefined };
  return {
    shape,
    take(draft, text) {
      if (text !== "") draft.nanoseconds = nanosecondsOf(text.slice(1));
    },
  };
}

function takeOffset(draft: Draft, text: string): void {
  if (text === "Z") {
    draft.zone = "UTC";
    draft.offset = 0;
    return;
  }
  const [hours = 0, minutes = 0, seconds = 0] = (text.slice(1).match(/[0-9]{2}/g) ?? []).map(Number);
  within(hours, 0, 24, "time zone offset hour");
  within(minutes, 0, 60, "time zone offset minute");
  within(seconds, 0, 60, "time zone offset second");
  const size = (hours * 60 + minutes) * 60 + seconds;
  draft.offset = text.startsWith("-") ? -size : size;
}

const maxLength = 1_000;

/** Go's time.Parse; without a zone it is UTC. @throws Failure */
export function parseTime(layout: string, source: string): GoTime {
  if (layout.length > maxLength || source.length > maxLength) throw new Failure("the time or its layout is too long");
  const draft: Draft = { year: 0, hour: 0, minute: 0, second: 0, nanoseconds: 0 };
  let at = 0;
  let from = 0;
  const found = [...layout.matchAll(elements)];
  for (const [index, { 0: name, index: start }] of found.entries()) {
    at = skip(layout.slice(from, start), source, at);
    const next = found[index + 1];
    const isSecond = name === "05" || name === "5";
    const isFraction = next !== undefined && /^[.,]/.test(next[0]);
    at = takeElement(isSecond && isFraction ? plainSecond(name) : elementOf(name, false), name, source, at, draft);
    from = start + name.length;
  }
  at = skip(layout.slice(from), source, at);
  if (at < source.length) throw new Failure(`extra text: ${JSON.stringify(source.slice(at))}`);
  return timeOf(draft);
}

/** Where the layout has a fraction of its own, seconds take none. */
function plainSecond(name: string): Element {
  return numeric(name === "05" ? two : oneOrTwo, (draft, value) => (draft.second = within(value, 0, 59, "second")));
}

function takeElement({ shape, take }: Element, name: string, source: string, at: number, draft: Draft): number {
  shape.lastIndex = at;
  const text = shape.exec(source)?.[0];
  if (text === undefined)
    throw new Failure(`cannot parse ${JSON.stringify(source.slice(at))} as ${JSON.stringify(name)}`);
  take(draft, text);
  return at + text.length;
}

/** Spaces match any number of spaces, none where the text has ended. */
function skip(literal: string, source: string, at: number): number {
  let position = at;
  for (const [part] of literal.matchAll(/ +|[^ ]/gs)) {
    const isSpaces = part.startsWith(" ");
    const isThere = isSpaces
      ? position >= source.length || source[position] === " "
      : source.startsWith(part, position);
    if (!isThere) throw new Failure(`cannot parse ${JSON.stringify(source.slice(at))} as ${JSON.stringify(literal)}`);
    if (!isSpaces) position += part.length;
    else while (source[position] === " ") position++;
  }
  return position;
}

function timeOf(draft: Draft): GoTime {
  const date = dateOf(draft);
  let { hour } = draft;
  if (draft.half === "PM" && hour < 12) hour += 12;
  else if (draft.half === "AM" && hour === 12) hour = 0;
  const clock = (hour * 60 + draft.minute) * 60 + draft.second;
  const { offset, zone } = zoneOf(draft);
  // The original takes GMT+3 for a name when it computes the instant, and for an offset when it shows it.
  const shift = draft.offset === undefined ? 0 : offset;
  return new GoTime(date.getTime() / 1_000 + clock - shift, draft.nanoseconds, offset, zone);
}

function utc(year: number, month: number, day: number): Date {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date;
}

function dateOf({ year, month, day, yearDay }: Draft): Date {
  if (yearDay === undefined) {
    const date = utc(year, month ?? 1, day ?? 1);
    if (date.getUTCDate() !== (day ?? 1)) throw new Failure("day out of range");
    return date;
  }
  const date = utc(year, 1, yearDay);
  if (yearDay < 1 || date.getUTCFullYear() !== year) throw new Failure("day-of-year out of range");
  if (month !== undefined && month !== date.getUTCMonth() + 1) throw new Failure("day-of-year does not match month");
  if (day !== undefined && day !== date.getUTCDate()) throw new Failure("day-of-year does not match day");
  return date;
}

/** A name alone says nothing of the offset, except behind GMT. */
function zoneOf({ offset, zone }: Draft): { offset: number; zone: string } {
  if (offset !== undefined) return { offset, zone: zone ?? (offset === 0 ? "UTC" : "") };
  if (zone === undefined) return { offset: 0, zone: "UTC" };
  return { offset: /^GMT[-+]/.test(zone) ? Number(zone.slice(3)) * 3_600 : 0, zone };
}

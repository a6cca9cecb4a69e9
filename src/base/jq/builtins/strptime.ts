import { monthNames, parseLayout, weekdayNames } from "../../go/layout.ts";
import { readGoTime } from "../../go/time-parse.ts";
import { daysAt, type Moment } from "./moment.ts";
import { compositions } from "./strftime.ts";

/** What was read so far. */
interface Reading {
  year: number;
  century: number | undefined;
  month: number;
  day: number;
  yearDay: number;
  hour: number;
  minute: number;
  second: number;
  nanoseconds: number;
  isAfternoon: boolean;
  week: number;
  /** From 1, which is Sunday. */
  weekday: number;
  weekStart: "none" | "sunday" | "monday" | "iso";
  hasIsoYear: boolean;
  offsetSeconds: number;
  hasOffset: boolean;
  rest: string;
}

/** Why it cannot be read. */
type Fault = string | undefined;

const zonePart = parseLayout("MST");

/** C's `strptime`, as the original's library reads: the moment, or why there is none. */
export function strptime(text: string, format: string): Moment | string {
  const reading: Reading = {
    ...{ year: 1900, century: undefined, month: 1, day: 0, yearDay: 0, hour: 0, minute: 0, second: 0, nanoseconds: 0 },
    ...{ isAfternoon: false, week: 0, weekday: 0, weekStart: "none", hasIsoYear: false },
    ...{ offsetSeconds: 0, hasOffset: false, rest: text },
  };
  for (const [piece] of format.matchAll(/%(?::{0,3}z|.)?|./gsu)) {
    const wrong = readPiece(reading, piece);
    if (wrong !== undefined) return wrong;
  }
  return reading.rest === "" ? momentOf(reading) : `unparsed string ${JSON.stringify(reading.rest)}`;
}

function readPiece(reading: Reading, piece: string): Fault {
  if (!piece.startsWith("%")) return readExactly(reading, piece);
  if (piece === "%") return 'stray "%"';
  const letter = piece.slice(1);
  const composition = compositions[letter];
  if (composition === undefined) return readDirective(reading, letter);
  for (const part of composition) {
    const wrong = /[A-Za-z]/.test(part) ? readDirective(reading, part) : readExactly(reading, part);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function readExactly(reading: Reading, text: string): Fault {
  if (!reading.rest.startsWith(text)) return `expected '${text}'`;
  reading.rest = reading.rest.slice(text.length);
  return undefined;
}

function take(reading: Reading, pattern: RegExp): string | undefined {
  const [found] = pattern.exec(reading.rest) ?? [];
  if (found !== undefined) reading.rest = reading.rest.slice(found.length);
  return found;
}

const digits: Readonly<Record<number, RegExp>> = {
  1: /^[0-9]/,
  2: /^[0-9]{1,2}/,
  3: /^[0-9]{1,3}/,
  4: /^[0-9]{1,4}/,
  6: /^[0-9]{1,6}/,
};

interface Range {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

function takeNumber(reading: Reading, { size, from, to }: Range): number | undefined {
  const found = take(reading, digits[size] ?? /^[0-9]/);
  const value = Number(found);
  return found !== undefined && value >= from && value <= to ? value : undefined;
}

type NumberField = "month" | "day" | "yearDay" | "hour" | "minute" | "second" | "week" | "century";

const numberFields: Readonly<Record<string, readonly [NumberField, Range]>> = {
  C: ["century", { size: 2, from: 0, to: 99 }],
  m: ["month", { size: 2, from: 1, to: 12 }],
  d: ["day", { size: 2, from: 1, to: 31 }],
  e: ["day", { size: 2, from: 1, to: 31 }],
  j: ["yearDay", { size: 3, from: 1, to: 366 }],
  H: ["hour", { size: 2, from: 0, to: 23 }],
  k: ["hour", { size: 2, from: 0, to: 23 }],
  I: ["hour", { size: 2, from: 1, to: 12 }],
  l: ["hour", { size: 2, from: 1, to: 12 }],
  M: ["minute", { size: 2, from: 0, to: 59 }],
  S: ["second", { size: 2, from: 0, to: 60 }],
  V: ["week", { size: 2, from: 1, to: 53 }],
  U: ["week", { size: 2, from: 0, to: 53 }],
  W: ["week", { size: 2, from: 0, to: 53 }],
};

function readDirective(reading: Reading, letter: string): Fault {
  const known = numberFields[letter];
  if (known === undefined) return readOther(reading, letter);
  const [name, range] = known;
  if ("ekl".includes(letter)) take(reading, /^ /);
  if (letter === "C" && take(reading, /^-/) !== undefined) return 'negative century is not supported for "%C"';
  const value = takeNumber(reading, range);
  if (value === undefined) return `cannot parse "%${letter}"`;
  reading[name] = "Il".includes(letter) ? value % 12 : value;
  if ("VUW".includes(letter)) {
    reading.weekStart = letter === "V" ? "iso" : letter === "U" ? "sunday" : "monday";
    reading.weekday ||= letter === "U" ? 1 : 2;
  }
  return undefined;
}

function readOther(reading: Reading, letter: string): Fault {
  switch (letter) {
    case "Z":
      return readZone(reading);
    case "%":
      return readExactly(reading, "%");
    case "t":
    case "n":
      return take(reading, /^[ \t\n\v\f\r]+/) === undefined ? `expected a space for "%${letter}"` : undefined;
    default:
      if (/^:*z$/.test(letter)) return readOffset(reading, letter.length - 1);
      if (letter === ":") return "expected 'z' after \"%:\"";
      return readValue(reading, letter);
  }
}

function readValue(reading: Reading, letter: string): Fault {
  const read = readers[letter];
  if (read === undefined) return `unexpected format "%${letter}"`;
  return read(reading) ? undefined : `cannot parse "%${letter}"`;
}

const readers: Readonly<Record<string, (reading: Reading) => boolean>> = {
  Y: (reading) => readYear(reading),
  G: (reading) => {
    reading.hasIsoYear = true;
    return readYear(reading);
  },
  y: (reading) => readShortYear(reading),
  g: (reading) => {
    reading.hasIsoYear = true;
    return readShortYear(reading);
  },
  B: (reading) => readName(reading, "month", monthNames),
  b: (reading) => readName(reading, "month", short(monthNames)),
  h: (reading) => readName(reading, "month", short(monthNames)),
  A: (reading) => readName(reading, "weekday", weekdayNames),
  a: (reading) => readName(reading, "weekday", short(weekdayNames)),
  w: (reading) => readWeekday(reading, 0, 6),
  u: (reading) => readWeekday(reading, 1, 7),
  p: (reading) => readHalf(reading),
  P: (reading) => readHalf(reading),
  s: (reading) => readUnix(reading),
  f: (reading) => {
    const found = take(reading, /^[0-9]{1,6}/);
    reading.nanoseconds = Number((found ?? "").padEnd(9, "0"));
    return found !== undefined;
  },
};

function readYear(reading: Reading): boolean {
  const sign = take(reading, /^-/) === undefined ? 1 : -1;
  const year = takeNumber(reading, { size: 4, from: 0, to: 9_999 });
  reading.year = sign * (year ?? 0);
  return year !== undefined;
}

function readShortYear(reading: Reading): boolean {
  const year = takeNumber(reading, { size: 2, from: 0, to: 99 });
  reading.year = (year ?? 0) + ((year ?? 0) < 69 ? 2_000 : 1_900);
  return year !== undefined;
}

function short(names: readonly string[]): readonly string[] {
  return names.map((name) => name.slice(0, 3));
}

function readName(reading: Reading, field: "month" | "weekday", names: readonly string[]): boolean {
  const index = names.findIndex((name) => reading.rest.slice(0, name.length).toLowerCase() === name.toLowerCase());
  if (index < 0) return false;
  reading[field] = index + 1;
  reading.rest = reading.rest.slice(names[index]?.length ?? 0);
  return true;
}

function readWeekday(reading: Reading, from: number, to: number): boolean {
  const day = takeNumber(reading, { size: 1, from, to });
  reading.weekday = ((day ?? 0) % 7) + 1;
  return day !== undefined;
}

function readHalf(reading: Reading): boolean {
  const found = take(reading, /^[AP]M/i);
  reading.isAfternoon = found?.toUpperCase() === "PM";
  return found !== undefined;
}

function readUnix(reading: Reading): boolean {
  const found = take(reading, /^-?[0-9]{1,19}/);
  const at = new Date(Number(found) * 1_000);
  if (found === undefined || Number.isNaN(at.getTime())) return false;
  reading.year = at.getUTCFullYear();
  reading.month = at.getUTCMonth() + 1;
  reading.day = at.getUTCDate();
  reading.hour = at.getUTCHours();
  reading.minute = at.getUTCMinutes();
  reading.second = at.getUTCSeconds();
  return true;
}

/** Any abbreviation is taken, for an offset of zero. */
function readZone(reading: Reading): Fault {
  const name = take(reading, /^[A-Z]*/) ?? "";
  if (typeof readGoTime(zonePart, name) === "string") return `cannot parse ${JSON.stringify(name)} with "%Z"`;
  if (!reading.hasOffset) reading.offsetSeconds = 0;
  return undefined;
}

/** One pattern for each number of colons. */
const offsetPatterns = [
  /^([+-])(2[0-3]|[01][0-9])(?::(?=[0-5][0-9])|(?!:))(?:([0-5][0-9])(?:(?<=:[0-9]{2}):([0-5][0-9]))?)?/,
  /^([+-])(2[0-3]|[01][0-9]):([0-5][0-9])/,
  /^([+-])(2[0-3]|[01][0-9]):([0-5][0-9]):([0-5][0-9])/,
  /^([+-])(2[0-3]|[01][0-9]):?(?:([0-5][0-9])(?::([0-5][0-9]))?)?/,
];

function readOffset(reading: Reading, colons: number): Fault {
  const wrong = `cannot parse "%${":".repeat(colons)}z"`;
  if (take(reading, /^Z/) !== undefined) {
    reading.offsetSeconds = 0;
    return undefined;
  }
  const [found, sign, hours = "0", minutes = "0", seconds = "0"] = offsetPatterns[colons]?.exec(reading.rest) ?? [];
  if (found === undefined) return wrong;
  reading.rest = reading.rest.slice(found.length);
  const size = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
  reading.offsetSeconds = sign === "-" ? -size : size;
  reading.hasOffset = true;
  return undefined;
}

function momentOf(reading: Reading): Moment | string {
  const year = reading.century === undefined ? reading.year : reading.century * 100 + (reading.year % 100);
  const hour = reading.hour + (reading.isAfternoon ? 12 : 0);
  const clock = hour * 3_600 + reading.minute * 60 + reading.second;
  const days = daysOf(reading, year, Math.floor(clock / 86_400));
  if (typeof days === "string") return days;
  return { seconds: days * 86_400 + clock - reading.offsetSeconds, nanoseconds: reading.nanoseconds };
}

/** `extra` are days that the clock is ahead: with %H and %p it may show up to 35 hours. */
function daysOf(reading: Reading, year: number, extra: number): number | string {
  if (reading.day > 0) return daysAt(year, reading.month, reading.day);
  if (reading.yearDay > 0) {
    return reading.hasIsoYear ? 'use "%Y" to parse non-ISO year for "%j"' : daysAt(year, 1, reading.yearDay);
  }
  return reading.weekStart === "none" ? daysAt(year, reading.month, 1) : daysOfWeek(reading, year, extra);
}

const weekStarts = { sunday: 0, monday: 1, iso: 4 } as const;

function daysOfWeek({ weekStart, hasIsoYear, weekday, week }: Reading, year: number, extra: number): number | string {
  if (weekStart === "none") throw new Error("a week");
  if (weekStart === "iso" && !hasIsoYear) return 'use "%G" to parse ISO year for "%V"';
  if (weekStart !== "iso" && hasIsoYear) return 'use "%Y" to parse non-ISO year for "%U" or "%W"';
  const count = weekStart !== "sunday" && weekday === 1 ? week + 1 : week;
  const start = daysAt(year, 1, -weekStarts[weekStart]);
  const startWeekday = (((start + extra + 4) % 7) + 7) % 7;
  return start + count * 7 - startWeekday + weekday - 1;
}

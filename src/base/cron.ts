import { type Instant, instant } from "./clock.ts";
import { TerminalError } from "./errors.ts";
import { findTimeZone, type TimeZone } from "./time-zone.ts";

/** A schedule of five fields as robfig/cron v3 reads it: minute, hour, day of month, month, day of week. */
export interface CronSchedule {
  /** From a `TZ=` or `CRON_TZ=` prefix, which wins over the caller's zone. */
  readonly timeZone?: TimeZone;
  /**
   * The first minute after `after` that the schedule names, on the clock of `zone`. A local time that daylight saving
   * skips does not fire; one that it repeats fires twice. Undefined when there is none within five years.
   */
  next(after: Instant, zone: TimeZone): Instant | undefined;
}

interface Field {
  /** Ascending. */
  readonly values: readonly number[];
  readonly has: ReadonlySet<number>;
  /** `*` or `?`: does not take part in "day of month OR day of week". */
  readonly star: boolean;
}

interface Bounds {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const bounds = {
  minute: { name: "minute", min: 0, max: 59 },
  hour: { name: "hour", min: 0, max: 23 },
  dayOfMonth: { name: "day of month", min: 1, max: 31 },
  month: { name: "month", min: 1, max: 12, names: months },
  dayOfWeek: { name: "day of week", min: 0, max: 6, names: days },
} as const satisfies Record<string, Bounds>;

interface Fields {
  readonly minute: Field;
  readonly hour: Field;
  readonly dayOfMonth: Field;
  readonly month: Field;
  readonly dayOfWeek: Field;
}

/** @throws TerminalError MANIFEST_INVALID that names `path` and the field that is wrong. */
export function parseCron(text: string, path: string): CronSchedule {
  const prefix = /^(?:CRON_)?TZ=(\S*)\s+/.exec(text);
  const timeZone = prefix ? findTimeZone(prefix[1] ?? "", path) : undefined;
  const parts = text
    .slice(prefix?.[0].length ?? 0)
    .split(/\s+/)
    .filter((part) => part !== "");
  if (parts[0]?.startsWith("@")) throw wrong(path, text, "descriptors such as @daily are not accepted");
  const [minute, hour, dayOfMonth, month, dayOfWeek] = parts;
  if (parts.length !== 5 || !minute || !hour || !dayOfMonth || !month || !dayOfWeek) {
    throw wrong(path, text, `expected exactly 5 fields, found ${parts.length}`);
  }
  const read = (field: string, of: Bounds): Field => parseField(field, of, (why) => wrong(path, text, why));
  const fields: Fields = {
    minute: read(minute, bounds.minute),
    hour: read(hour, bounds.hour),
    dayOfMonth: read(dayOfMonth, bounds.dayOfMonth),
    month: read(month, bounds.month),
    dayOfWeek: read(dayOfWeek, bounds.dayOfWeek),
  };
  return {
    ...(timeZone && { timeZone }),
    next: (after, zone) => findNext(fields, after, timeZone ?? zone),
  };
}

function wrong(path: string, text: string, why: string): TerminalError {
  return new TerminalError("MANIFEST_INVALID", `${path}: "${text}" is not a cron schedule: ${why}`);
}

type Fail = (why: string) => TerminalError;

function parseField(text: string, of: Bounds, fail: Fail): Field {
  const has = new Set<number>();
  let star = false;
  for (const item of text.split(",")) {
    if (item === "") continue;
    const range = parseRange(item, of, fail);
    for (let value = range.start; value <= range.end; value += range.step) has.add(value);
    star ||= range.star;
  }
  return { has, star, values: [...has].sort((a, b) => a - b) };
}

function parseRange(
  item: string,
  of: Bounds,
  fail: Fail,
): { readonly start: number; readonly end: number; readonly step: number; readonly star: boolean } {
  const [range = "", stepText, ...rest] = item.split("/");
  if (rest.length > 0) throw fail(`too many slashes in "${item}"`);
  const [low = "", high, ...more] = range.split("-");
  const step = stepText === undefined ? 1 : parseNumber(stepText, fail);
  if (step === 0) throw fail(`the step of "${item}" must be greater than 0`);
  if (low === "*" || low === "?") return { start: of.min, end: of.max, step, star: step === 1 };
  if (more.length > 0) throw fail(`too many hyphens in "${item}"`);
  const start = parseValue(low, of, fail);
  // `5/15` means "from 5 on, every 15".
  const open = high === undefined && stepText !== undefined;
  const end = open ? of.max : high === undefined ? start : parseValue(high, of, fail);
  if (start < of.min || end > of.max) throw fail(`"${item}" is outside ${of.min}-${of.max} of the ${of.name}`);
  if (start > end) throw fail(`"${item}" begins after its end`);
  return { start, end, step, star: false };
}

function parseValue(text: string, of: Bounds, fail: Fail): number {
  const named = of.names?.indexOf(text.toLowerCase()) ?? -1;
  return named >= 0 ? named + of.min : parseNumber(text, fail);
}

function parseNumber(text: string, fail: Fail): number {
  if (!/^\+?\d{1,15}$/.test(text)) throw fail(`"${text}" is not a number`);
  return Number(text);
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** Walks local days (as if they were UTC days) and looks at the minutes only of those that match. */
function findNext(fields: Fields, after: Instant, zone: TimeZone): Instant | undefined {
  const local = after + zone.offsetMinutes(after) * minuteMs;
  const lastYear = new Date(local).getUTCFullYear() + 5;
  // One day earlier: where clocks go back over midnight, a later instant can have the earlier date.
  for (let day = Math.floor(local / dayMs) * dayMs - dayMs; ; day += dayMs) {
    const date = new Date(day);
    if (date.getUTCFullYear() > lastYear) return undefined;
    if (!matchesDay(fields, date)) continue;
    const found = firstOfDay(fields, day, after, zone);
    if (found !== undefined) return found;
  }
}

function matchesDay({ month, dayOfMonth, dayOfWeek }: Fields, date: Date): boolean {
  if (!month.has.has(date.getUTCMonth() + 1)) return false;
  const byMonth = dayOfMonth.has.has(date.getUTCDate());
  const byWeek = dayOfWeek.has.has(date.getUTCDay());
  return dayOfMonth.star || dayOfWeek.star ? byMonth && byWeek : byMonth || byWeek;
}

function firstOfDay(fields: Fields, day: number, after: Instant, zone: TimeZone): Instant | undefined {
  // Zones lie between -12 and +14 hours, so these two instants enclose the local day wherever it is.
  const offsets = new Set([zone.offsetMinutes(day - 15 * 3_600_000), zone.offsetMinutes(day + 37 * 3_600_000)]);
  let first: number | undefined;
  for (const offset of offsets) {
    const isReal = (at: number): boolean => offsets.size === 1 || zone.offsetMinutes(at) === offset;
    const found = firstAtOffset(fields, day - offset * minuteMs, after, isReal);
    if (found !== undefined && (first === undefined || found < first)) first = found;
  }
  return first === undefined ? undefined : instant(first);
}

function firstAtOffset(
  { hour, minute }: Fields,
  midnight: number,
  after: number,
  isReal: (at: number) => boolean,
): number | undefined {
  for (const hours of hour.values) {
    const start = midnight + hours * 3_600_000;
    if (start + 3_600_000 <= after) continue;
    for (const minutes of minute.values) {
      const at = start + minutes * minuteMs;
      if (at > after && isReal(at)) return at;
    }
  }
  return undefined;
}

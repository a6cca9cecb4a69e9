import { formatNanoseconds } from "../../duration.ts";
import { TerminalError } from "../../errors.ts";
import { formatGoTime } from "../../go/time-format.ts";
import { unixNanoseconds, type ZonedTime, zoneOf } from "../../go/zoned-time.ts";
import { findTimeZone, type TimeZone } from "../../time-zone.ts";
import { any, count, type FunctionTable, fn, reads, text } from "../function.ts";
import { GoInt, int, type Value } from "../values.ts";
import { Failure, type Work } from "../work.ts";
import { changed, durationRound, roundedDuration, time } from "./dates.ts";
import { GoTime } from "./time.ts";

const second = 1_000_000_000n;
const digits = "0123456789";
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 32 + index));

function nowOf(work: Work): GoTime {
  const { nowMs } = work.moment;
  const milliseconds = ((nowMs % 1_000) + 1_000) % 1_000;
  const seconds = (nowMs - milliseconds) / 1_000;
  return new GoTime({ seconds, nanoseconds: milliseconds * 1e6, zone: zoneOf(seconds, undefined) });
}

/** A time, or seconds as an integer: the float64 of a JSON number is neither, and counts as now. */
function momentOf(value: Value, work: Work): ZonedTime {
  if (value instanceof GoTime) return value.at;
  if (!(value instanceof GoInt) || !["int", "int32", "int64"].includes(value.type)) return nowOf(work).at;
  const seconds = Number(value.value);
  return { seconds, nanoseconds: 0, zone: zoneOf(seconds, undefined) };
}

/** A zone that is none is UTC; `Local` is UTC, too, as in the original's image. */
function locationOf(name: string): TimeZone | undefined {
  try {
    return findTimeZone(name, "");
  } catch (error) {
    if (error instanceof TerminalError) return undefined;
    throw error;
  }
}

function format(layout: string, value: Value, zone: string, work: Work): string {
  reads(work, layout);
  const { seconds, nanoseconds } = momentOf(value, work);
  const text = formatGoTime(layout, { seconds, nanoseconds, zone: zoneOf(seconds, locationOf(zone)) });
  work.text(text.length);
  return text;
}

function since(at: ZonedTime, work: Work): bigint {
  return unixNanoseconds(nowOf(work).at) - unixNanoseconds(at);
}

/** To the second, halves away from zero. */
function ago(value: Value, work: Work): string {
  const exact = since(momentOf(value, work), work);
  const half = exact < 0n ? -second / 2n : second / 2n;
  return formatNanoseconds(((exact + half) / second) * second);
}

function dateModify(change: string, at: GoTime): GoTime {
  try {
    return changed(change, at);
  } catch (error) {
    if (error instanceof Failure) return at; // what is no duration changes nothing
    throw error;
  }
}

/** One that is no length gives nothing, as in the original. */
function textOf(characters: string) {
  return fn([count], (length, work) => {
    if (!(length > 0)) return "";
    work.text(length * 16);
    return work.moment.chance.textOf(characters, length);
  });
}

function randInt(from: number, to: number, work: Work): Value {
  if (!(to > from)) throw new Failure("invalid argument to Intn");
  if (to - from > 2 ** 48) throw new Failure(`a range of more than 2^48 numbers is not available`);
  return int(from + work.moment.chance.below(to - from));
}

function randBytes(length: number, work: Work): string {
  if (length < 0) throw new Failure("a length must not be negative");
  work.text(length * 16);
  return work.moment.chance.bytes(length).toString("base64");
}

function uuid(work: Work): string {
  const bytes = work.moment.chance.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function shuffle(given: string, work: Work): string {
  work.text(given.length * 16);
  const characters = [...given];
  for (let index = characters.length - 1; index > 0; index--) {
    const other = work.moment.chance.below(index + 1);
    [characters[index], characters[other]] = [characters[other] ?? "", characters[index] ?? ""];
  }
  return characters.join("");
}

const dateInZone = fn([text, any, text], format);
const modify = fn([text, time], dateModify);

/**
 * Sprig's functions of time and chance, for templates whose execution is told its moment: what an event caused has to come
 * out the same when it is done again. Without a moment they fail.
 */
export const momentFunctions: FunctionTable = {
  now: fn([], nowOf),
  ago: fn([any], ago),
  date: fn([text, any], (layout, value, work) => format(layout, value, "UTC", work)),
  date_in_zone: dateInZone,
  dateInZone,
  date_modify: modify,
  dateModify: modify,
  durationRound: fn([any], (value, work) =>
    value instanceof GoTime ? roundedDuration(since(value.at, work)) : durationRound(value),
  ),
  htmlDate: fn([any], (value, work) => format("2006-01-02", value, "UTC", work)),
  htmlDateInZone: fn([any, text], (value, zone, work) => format("2006-01-02", value, zone, work)),
  randAlpha: textOf(letters),
  randAlphaNum: textOf(letters + digits),
  randAscii: textOf(printable),
  randBytes: fn([count], randBytes),
  randInt: fn([count, count], randInt),
  randNumeric: textOf(digits),
  shuffle: fn([text], shuffle),
  uuidv4: fn([], uuid),
};

import { failedFor, fault, notFor } from "../fault.ts";
import { toFloat, toInt } from "../values/numbers.ts";
import { isList, type List, type Value } from "../values/values.ts";
import { type FunctionTable, of0, of1, type ValueFunction } from "./function.ts";
import { type BrokenTime, brokenTime, type Moment } from "./moment.ts";
import { strftime } from "./strftime.ts";
import { strptime } from "./strptime.ts";

/** Years of JavaScript's dates. */
const maxSeconds = 8_640_000_000_000;

/** `[year, month from 0, day, hour, minute, seconds, weekday, day of the year]` */
function toList(seconds: number): List {
  const whole = Math.trunc(seconds);
  if (!(Math.abs(whole) < maxSeconds)) throw fault("time out of range");
  // The fraction counts from the floor, the seconds from zero: so it is in the original.
  const nanoseconds = Math.trunc((seconds - Math.floor(seconds)) * 1e9);
  const { year, month, day, hour, minute, second, weekday, yearDay } = brokenTime({ seconds: whole, nanoseconds });
  return [year, month - 1, day, hour, minute, second + nanoseconds / 1e9, weekday, yearDay - 1];
}

/** Parts that are out of their range count on, as in Go. What is missing is zero. */
function fromList(list: List): Moment | undefined {
  const parts: number[] = [];
  for (const part of list.slice(0, 8)) {
    const value = toInt(part);
    if (value === undefined) return undefined;
    parts.push(value);
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const exact = toFloat(list[5] ?? null) ?? 0;
  const midnight = new Date(0).setUTCFullYear(year, month, day) / 1_000;
  const seconds = midnight + hour * 3_600 + minute * 60 + second;
  if (!(Math.abs(seconds) < maxSeconds)) throw fault("time out of range");
  return { seconds, nanoseconds: Math.trunc((exact - Math.floor(exact)) * 1e9) };
}

const noParts = "expected an array of 8 numbers";

function makeTime(value: Value): Value {
  if (!isList(value)) throw notFor("mktime", value);
  const moment = fromList(value);
  if (moment === undefined) throw failedFor(noParts, "mktime", value);
  return moment.seconds + moment.nanoseconds / 1e9;
}

function formatting(name: string): ValueFunction {
  return of1((value, format, work) => {
    const seconds = toFloat(value);
    const list = seconds === undefined ? value : toList(seconds);
    if (!isList(list) || typeof format !== "string") throw notFor(name, list, format);
    const moment = fromList(list);
    if (moment === undefined) throw failedFor(noParts, name, list, format);
    work.text(format.length * 16);
    const time: BrokenTime = brokenTime(moment);
    return strftime(time, format, work);
  });
}

function breaking(name: string): ValueFunction {
  return of0((value) => {
    const seconds = toFloat(value);
    if (seconds === undefined) throw notFor(name, value);
    return toList(seconds);
  });
}

/** The zero time of Go, which the original takes for none. */
const zeroTime = -62_135_596_800;

function parse(value: Value, format: Value): Value {
  if (typeof value !== "string" || typeof format !== "string") throw notFor("strptime", value, format);
  const found = strptime(value, format);
  if (typeof found === "string") {
    const reason = `failed to parse ${JSON.stringify(value)} with ${JSON.stringify(format)}: ${found}`;
    throw failedFor(reason, "strptime", value, format);
  }
  if (found.seconds === zeroTime && found.nanoseconds === 0) throw notFor("strptime", value, format);
  return toList(found.seconds + found.nanoseconds / 1e9);
}

/** The local zone is UTC, wherever the engine runs. */
export const times: FunctionTable = {
  "gmtime/0": breaking("gmtime"),
  "localtime/0": breaking("localtime"),
  "mktime/0": of0(makeTime),
  "strftime/1": formatting("strftime"),
  "strflocaltime/1": formatting("strflocaltime"),
  "strptime/1": of1(parse),
};

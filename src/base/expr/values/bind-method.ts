import { formatNanoseconds } from "../../duration.ts";
import { civilTime, formatGoTime, monthName, timeText, weekdayName } from "../../go/time-format.ts";
import { atLocal } from "../../go/zoned-time.ts";
import { failed } from "../fault.ts";
import { methodOf } from "../types/methods.ts";
import type { Type } from "../types/types.ts";
import { compareTimes } from "./equality.ts";
import { addDuration, timeBetween } from "./time.ts";
import { Duration, ExprFunction, NamedInt, Time, typeOf, type Value } from "./values.ts";

/** `of.name` where that is a method; undefined where it is none. */
export function bindMethod(of: Value, name: string): ExprFunction | undefined {
  const signature = methodOf(typeOf(of), name);
  if (signature === undefined) return undefined;
  return new ExprFunction((args) => {
    checkArguments(name, signature.parameters, args);
    if (of instanceof Time) return ofTime(of, name, args);
    return of instanceof Duration ? ofDuration(of.nanoseconds, name, args) : of instanceof NamedInt ? of.text : null;
  });
}

function checkArguments(name: string, parameters: readonly Type[], args: readonly Value[]): void {
  if (args.length !== parameters.length) {
    throw failed(`${name} takes ${parameters.length} arguments, not ${args.length}`);
  }
  for (const [index, parameter] of parameters.entries()) {
    const type = typeOf(args[index] ?? null);
    if (type !== parameter.name) throw failed(`${name} takes a ${parameter.name}, not a value of type ${type}`);
  }
}

const nanosecond = { second: 1_000_000_000n, milli: 1_000_000n, micro: 1_000n } as const;

function ofTime(time: Time, name: string, args: readonly Value[]): Value {
  const [arg] = args;
  if (arg instanceof Time) return withTime(time, name, arg);
  if (arg instanceof Duration) return withDuration(time, name, arg.nanoseconds);
  if (typeof arg === "string") return formatGoTime(arg, time.at);
  if (name === "AddDate") return addDate(time, args.map(Number));
  return civilPart(time, name) ?? sinceEpoch(time, name) ?? time;
}

function withTime(time: Time, name: string, other: Time): Value {
  const difference = compareTimes(time, other);
  switch (name) {
    case "Before":
      return difference < 0;
    case "After":
      return difference > 0;
    case "Equal":
      return difference === 0;
    case "Compare":
      return BigInt(Math.sign(difference));
    default:
      return timeBetween(other, time);
  }
}

function civilPart({ at }: Time, name: string): Value | undefined {
  const civil = civilTime(at);
  switch (name) {
    case "Year":
      return BigInt(civil.year);
    case "Month":
      return new NamedInt("time.Month", civil.month, monthName(civil.month));
    case "Day":
      return BigInt(civil.day);
    case "YearDay":
      return BigInt(civil.dayOfYear);
    case "Weekday":
      return new NamedInt("time.Weekday", civil.weekday, weekdayName(civil.weekday));
    case "Hour":
      return BigInt(civil.hour);
    case "Minute":
      return BigInt(civil.minute);
    case "Second":
      return BigInt(civil.second);
    case "Nanosecond":
      return BigInt(at.nanoseconds);
    default:
      return undefined;
  }
}

/** The first moment of Go's calendar, the zero of a time. */
const yearOne = -62_135_596_800;

function sinceEpoch({ at }: Time, name: string): Value | undefined {
  const total = BigInt(at.seconds) * nanosecond.second + BigInt(at.nanoseconds);
  switch (name) {
    case "Unix":
      return BigInt(at.seconds);
    case "UnixMilli":
      return floorDivide(total, nanosecond.milli);
    case "UnixMicro":
      return floorDivide(total, nanosecond.micro);
    case "UnixNano":
      return BigInt.asIntN(64, total);
    case "IsZero":
      return at.seconds === yearOne && at.nanoseconds === 0;
    case "String":
      return timeText(at);
    case "UTC":
      return new Time({ seconds: at.seconds, nanoseconds: at.nanoseconds, zone: { name: "UTC", offsetSeconds: 0 } });
    default:
      return undefined;
  }
}

function floorDivide(value: bigint, unit: bigint): bigint {
  return (value - (((value % unit) + unit) % unit)) / unit;
}

/** From the zero of Go's calendar on, in multiples of the duration. */
function withDuration(time: Time, name: string, unit: bigint): Value {
  if (name === "Add") return addDuration(time, unit);
  if (unit <= 0n) return time;
  const since = (BigInt(time.at.seconds) - BigInt(yearOne)) * nanosecond.second + BigInt(time.at.nanoseconds);
  const rest = ((since % unit) + unit) % unit;
  return addDuration(time, name === "Round" && rest + rest >= unit ? unit - rest : -rest);
}

function addDate({ at }: Time, [years = 0, months = 0, days = 0]: readonly number[]): Time {
  const local = new Date((at.seconds + at.zone.offsetSeconds) * 1_000);
  local.setUTCFullYear(local.getUTCFullYear() + years, local.getUTCMonth() + months, local.getUTCDate() + days);
  const seconds = local.getTime() / 1_000;
  if (Number.isNaN(seconds)) throw failed("AddDate leads out of the calendar");
  return new Time(atLocal(at, seconds));
}

function ofDuration(size: bigint, name: string, [arg]: readonly Value[]): Value {
  switch (name) {
    case "Hours":
      return inUnits(size, 3_600n * nanosecond.second);
    case "Minutes":
      return inUnits(size, 60n * nanosecond.second);
    case "Seconds":
      return inUnits(size, nanosecond.second);
    case "Milliseconds":
      return size / nanosecond.milli;
    case "Microseconds":
      return size / nanosecond.micro;
    case "Nanoseconds":
      return size;
    case "String":
      return formatNanoseconds(size);
    case "Abs":
      return new Duration(absolute(size));
    default:
      return arg instanceof Duration ? rounded(size, arg.nanoseconds, name === "Round") : null;
  }
}

/** Whole units and the rest apart, as Go does: the last bit shows it. */
function inUnits(size: bigint, unit: bigint): number {
  return Number(size / unit) + Number(size % unit) / Number(unit);
}

const maxInt64 = 2n ** 63n - 1n;

function absolute(size: bigint): bigint {
  if (size >= 0n) return size;
  return -size > maxInt64 ? maxInt64 : -size;
}

function rounded(size: bigint, unit: bigint, isRound: boolean): Duration {
  if (unit <= 0n) return new Duration(size);
  const rest = size % unit;
  if (!isRound || absolute(rest) * 2n < unit) return new Duration(size - rest);
  const result = rest < 0n ? size - rest - unit : size - rest + unit;
  return new Duration(result > maxInt64 ? maxInt64 : result < -maxInt64 - 1n ? -maxInt64 - 1n : result);
}

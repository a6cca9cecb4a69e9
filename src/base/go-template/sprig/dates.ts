import { formatNanoseconds, parseNanoseconds } from "../../duration.ts";
import { parseLayout } from "../../go/layout.ts";
import { readGoTime } from "../../go/time-parse.ts";
import { plusNanoseconds } from "../../go/zoned-time.ts";
import { parseGoInt } from "../constants.ts";
import { any, type FunctionTable, fn, type Param, struct, text } from "../function.ts";
import { GoInt, type Value } from "../values.ts";
import { Failure } from "../work.ts";
import { GoTime } from "./time.ts";

const second = 1_000_000_000n;

/** What toDate gives for what it cannot read. */
const zeroTime = new GoTime({ seconds: -62_135_596_800, nanoseconds: 0, zone: { name: "UTC", offsetSeconds: 0 } });

const maxLength = 1_000;

/** Go's time.Parse; without a zone it is UTC. @throws Failure */
function parseTime(layout: string, source: string): GoTime {
  if (layout.length > maxLength || source.length > maxLength) throw new Failure("the time or its layout is too long");
  const found = readGoTime(parseLayout(layout), source);
  if (typeof found === "string") throw new Failure(found);
  return new GoTime(found);
}

/** Seconds: of a text or an int64. Anything else counts as 0, even an int. */
function duration(value: Value): string {
  return formatNanoseconds(BigInt.asIntN(64, secondsOf(value) * second));
}

function secondsOf(value: Value): bigint {
  if (typeof value === "string") return parseGoInt(value, 10)?.value ?? 0n;
  return value instanceof GoInt && value.type === "int64" ? value.value : 0n;
}

const roundUnits: readonly (readonly [string, bigint])[] = [
  ["y", 365n * 24n * 3_600n * second],
  ["mo", 30n * 24n * 3_600n * second],
  ["d", 24n * 3_600n * second],
  ["h", 3_600n * second],
  ["m", 60n * second],
  ["s", second],
];

/** The largest unit only: of a duration's text, or an int64 of nanoseconds. */
export function durationRound(value: Value): string {
  if (value instanceof GoTime) throw new Failure("the time since then depends on when it is asked");
  return roundedDuration(typeof value === "string" ? (parseNanoseconds(value) ?? 0n) : nanosecondsIn(value));
}

export function roundedDuration(exact: bigint): string {
  const size = exact < 0n ? -exact : exact;
  const found = roundUnits.find(([, unit]) => size > unit);
  return found === undefined ? "0s" : `${size / found[1]}${found[0]}`;
}

function nanosecondsIn(value: Value): bigint {
  return value instanceof GoInt && value.type === "int64" ? value.value : 0n;
}

export const time: Param<GoTime> = struct("time.Time", (value) => value instanceof GoTime);

/** @throws Failure */
export function changed(change: string, at: GoTime): GoTime {
  const nanoseconds = parseNanoseconds(change);
  if (nanoseconds === undefined) throw new Failure(`time: invalid duration ${JSON.stringify(change)}`);
  return new GoTime(plusNanoseconds(at.at, nanoseconds));
}

/** The zone is UTC where the text names none. */
export const dateFunctions: FunctionTable = {
  duration: fn([any], duration),
  durationRound: fn([any], durationRound),
  toDate: fn([text, text], (layout, source) => {
    try {
      return parseTime(layout, source);
    } catch (error) {
      if (error instanceof Failure) return zeroTime;
      throw error;
    }
  }),
  mustToDate: fn([text, text], parseTime),
  mustDateModify: fn([text, time], changed),
  must_date_modify: fn([text, time], changed),
  unixEpoch: fn([time], ({ at }) => String(at.seconds)),
};

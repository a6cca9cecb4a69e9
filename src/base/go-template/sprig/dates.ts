import { parseGoInt } from "../constants.ts";
import { any, type FunctionTable, fn, type Param, struct, text } from "../function.ts";
import { GoInt, type Value } from "../values.ts";
import { Failure } from "../work.ts";
import { GoTime } from "./time.ts";
import { parseTime } from "./time-layout.ts";

const second = 1_000_000_000n;
const nanosecondsOf: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // U+00B5
  μs: 1_000n, // U+03BC
  ms: 1_000_000n,
  s: second,
  m: 60n * second,
  h: 3_600n * second,
};

/** What toDate gives for what it cannot read. */
const zeroTime = new GoTime(-62_135_596_800, 0, 0, "UTC");

/** Go's time.ParseDuration, to the nanosecond; undefined where that is an error. */
function parseDuration(source: string): bigint | undefined {
  const match = /^([-+]?)(0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(source.slice(0, 400));
  if (!match || source.length > 400) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of source.matchAll(
    /([0-9]*)\.?([0-9]*)(ns|us|µs|μs|ms|s|m|h)/g,
  )) {
    const size = nanosecondsOf[unit] ?? 0n;
    total += BigInt(whole || 0) * size + (BigInt(fraction || 0) * size) / 10n ** BigInt(fraction.length);
  }
  if (total > 2n ** 63n - 1n) return undefined;
  return match[1] === "-" ? -total : total;
}

/** `1h2m3.5s`. */
function durationText(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const sign = nanoseconds < 0n ? "-" : "";
  const hours = size / (3_600n * second);
  const minutes = (size / (60n * second)) % 60n;
  const fraction =
    size % second === 0n
      ? ""
      : `.${String(size % second)
          .padStart(9, "0")
          .replace(/0+$/, "")}`;
  const seconds = `${(size / second) % 60n}${fraction}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}` : sign + seconds;
}

/** Seconds: of a text or an int64. Anything else counts as 0, even an int. */
function duration(value: Value): string {
  return durationText(BigInt.asIntN(64, secondsOf(value) * second));
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
function durationRound(value: Value): string {
  if (value instanceof GoTime) throw new Failure("the time since then depends on when it is asked");
  const exact = typeof value === "string" ? (parseDuration(value) ?? 0n) : nanosecondsIn(value);
  const size = exact < 0n ? -exact : exact;
  const found = roundUnits.find(([, unit]) => size > unit);
  return found === undefined ? "0s" : `${size / found[1]}${found[0]}`;
}

function nanosecondsIn(value: Value): bigint {
  return value instanceof GoInt && value.type === "int64" ? value.value : 0n;
}

const time: Param<GoTime> = struct("time.Time", (value) => value instanceof GoTime);

function changed(change: string, at: GoTime): GoTime {
  const nanoseconds = parseDuration(change);
  if (nanoseconds === undefined) throw new Failure(`time: invalid duration ${JSON.stringify(change)}`);
  return at.plus(nanoseconds);
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
  unixEpoch: fn([time], ({ seconds }) => String(seconds)),
};

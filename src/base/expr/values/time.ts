import { formatGoTime } from "../../go-time-format.ts";
import { atSeconds, type ZonedTime } from "../../go-time-parse.ts";
import { Duration, Time } from "./values.ts";

const second = 1_000_000_000n;
const maxInt64 = 2n ** 63n - 1n;

function nanosecondsOf({ seconds, nanoseconds }: ZonedTime): bigint {
  return BigInt(seconds) * second + BigInt(nanoseconds);
}

export function addDuration({ at }: Time, nanoseconds: bigint): Time {
  const total = nanosecondsOf(at) + nanoseconds;
  const rest = ((total % second) + second) % second;
  return new Time(atSeconds(at, Number((total - rest) / second), Number(rest)));
}

/** From one to the other; some 292 years at most, as in Go. */
export function timeBetween(from: Time, to: Time): Duration {
  const size = nanosecondsOf(to.at) - nanosecondsOf(from.at);
  return new Duration(size > maxInt64 ? maxInt64 : size < -maxInt64 - 1n ? -maxInt64 - 1n : size);
}

/** As Go prints a time. */
export function timeText(at: ZonedTime): string {
  return formatGoTime("2006-01-02 15:04:05.999999999 -0700 MST", at);
}

/** As Go writes it into JSON. */
export function timeJson(at: ZonedTime): string {
  return formatGoTime("2006-01-02T15:04:05.999999999Z07:00", at);
}

/** `1h30m0s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 1_000n)}µs`;
  if (size < second) return `${sign}${decimal(size, 1_000_000n)}ms`;
  const minutes = size / (60n * second);
  const rest = `${decimal(size % (60n * second), second)}s`;
  if (minutes === 0n) return sign + rest;
  return minutes < 60n ? `${sign}${minutes}m${rest}` : `${sign}${minutes / 60n}h${minutes % 60n}m${rest}`;
}

function decimal(value: bigint, unit: bigint): string {
  const fraction = String(value % unit)
    .padStart(String(unit).length - 1, "0")
    .replace(/0+$/, "");
  return `${value / unit}${fraction === "" ? "" : `.${fraction}`}`;
}

const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // U+00B5
  μs: 1e3, // U+03BC
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
};

/** Go's `time.ParseDuration`; undefined where that is an error. */
export function parseDuration(text: string): Duration | undefined {
  const [, sign, rest = ""] = /^([-+]?)(0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text) ?? [];
  if (sign === undefined) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of rest.matchAll(/([0-9]*)\.?([0-9]*)(ns|us|µs|μs|ms|s|m|h)/g)) {
    const size = units[unit] ?? 0;
    total += BigInt(whole || "0") * BigInt(size);
    // As there, the fraction is a float.
    if (fraction !== "") total += BigInt(Math.trunc(Number(fraction) * (size / 10 ** fraction.length)));
  }
  if (total > (sign === "-" ? maxInt64 + 1n : maxInt64)) return undefined;
  return new Duration(sign === "-" ? -total : total);
}

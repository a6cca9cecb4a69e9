import { TerminalError } from "./errors.ts";
import { memoize } from "./memo.ts";

const second = 1_000_000_000n;
const maxInt64 = 2n ** 63n - 1n;

const nanosecondsPerUnit: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // U+00B5
  μs: 1e3, // U+03BC
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
};

/**
 * Milliseconds (maybe a fraction) of a Go duration: `1m30s`, `1.5h`, `-10ms`, `0`.
 * @throws TerminalError MANIFEST_INVALID
 */
export const parseDuration: (text: string) => number = memoize(parse, 1_000);

function parse(text: string): number {
  const nanoseconds = parseNanoseconds(text);
  if (nanoseconds !== undefined) return Number(nanoseconds) / 1e6;
  throw new TerminalError("MANIFEST_INVALID", `${JSON.stringify(text)} is not a duration such as "10s" or "1m30s"`);
}

/** Longer texts are none: what Go's 64 bits hold is shorter. */
const maxLength = 400;

/** Go's `time.ParseDuration`; undefined where that is an error, also for what 64 bits do not hold. */
export function parseNanoseconds(text: string): bigint | undefined {
  if (text.length > maxLength) return undefined;
  const [, sign, rest = ""] = /^([-+]?)(0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text) ?? [];
  if (sign === undefined) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of rest.matchAll(/([0-9]*)\.?([0-9]*)(ns|us|µs|μs|ms|s|m|h)/g)) {
    const size = nanosecondsPerUnit[unit] ?? 0;
    total += BigInt(whole || "0") * BigInt(size);
    // As there, the fraction is a float.
    if (fraction !== "") total += BigInt(Math.trunc(Number(fraction) * (size / 10 ** fraction.length)));
  }
  if (total > (sign === "-" ? maxInt64 + 1n : maxInt64)) return undefined;
  return sign === "-" ? -total : total;
}

/** As Go prints milliseconds: `1h30m0s`, `1.5s`, `250ms`, `0s`; to the nanosecond. */
export function formatDuration(ms: number): string {
  return formatNanoseconds(BigInt(Math.round(ms * 1e6)));
}

/** As Go prints a duration. */
export function formatNanoseconds(nanoseconds: bigint): string {
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

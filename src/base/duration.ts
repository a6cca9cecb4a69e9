import { TerminalError } from "./errors.ts";
import { memoize } from "./memo.ts";

const msPerUnit: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5
  μs: 1e-3, // U+03BC
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Milliseconds (maybe a fraction) of a Go duration: `1m30s`, `1.5h`, `-10ms`, `0`.
 * @throws TerminalError MANIFEST_INVALID
 */
export const parseDuration: (text: string) => number = memoize(parse, 1_000);

function parse(text: string): number {
  const match = /^([-+]?)(0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (!match) {
    throw new TerminalError("MANIFEST_INVALID", `${JSON.stringify(text)} is not a duration such as "10s" or "1m30s"`);
  }
  let ms = 0;
  for (const [, amount, unit] of (match[2] ?? "").matchAll(/([0-9.]+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    ms += Number(amount) * (msPerUnit[unit ?? ""] ?? 0);
  }
  return match[1] === "-" && ms !== 0 ? -ms : ms;
}

/** As Go prints it: `1h30m0s`, `1.5s`, `250ms`, `0s`; to the nanosecond. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  const sign = ms < 0 ? "-" : "";
  const size = Math.abs(ms);
  if (size < 1_000) return sign + shortDuration(size);
  const hours = Math.floor(size / 3_600_000);
  const minutes = Math.floor((size % 3_600_000) / 60_000);
  const seconds = `${decimal((size % 60_000) / 1_000)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : sign + seconds;
}

function shortDuration(ms: number): string {
  if (ms >= 1) return `${decimal(ms)}ms`;
  return ms >= 1e-3 ? `${decimal(ms * 1e3)}µs` : `${decimal(ms * 1e6)}ns`;
}

function decimal(value: number): string {
  return String(Number(value.toFixed(9)));
}

import type { Instant } from "./clock.ts";
import { TerminalError } from "./errors.ts";
import { offsetText, type TimeZone } from "./time-zone.ts";

/** Go's `time.Time.String()`: `2006-01-02 15:04:05.999 -0700 MST`, trailing zeros of the fraction trimmed. */
export function goTimeString(at: Instant, zone: TimeZone): string {
  const offset = zone.offsetMinutes(at);
  const local = new Date(at + offset * 60_000).toISOString();
  const fraction = local.slice(19, 23).replace(/\.?0+$/, "");
  return `${local.slice(0, 10)} ${local.slice(11, 19)}${fraction} ${offsetText(offset)} ${zone.abbreviation(at)}`;
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * A duration as Go writes it (`1h30m`, `1.5s`, `-2m`, `0`), in milliseconds.
 * @throws TerminalError MANIFEST_INVALID that names `path`
 */
export function parseGoDuration(text: string, path: string): number {
  const match = /^([+-]?)(0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (!match) {
    throw new TerminalError("MANIFEST_INVALID", `${path}: "${text}" is not a duration such as "90s" or "1h30m"`);
  }
  let total = 0;
  for (const [, number = "0", unit = "ns"] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(number) * (unitMs[unit] ?? 0);
  }
  return match[1] === "-" ? -total : total;
}

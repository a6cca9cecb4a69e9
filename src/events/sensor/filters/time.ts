import type { Filters } from "../../../api/resources.ts";
import { secondOfDay, secondsPerDay } from "../../../api/time-of-day.ts";
import { TerminalError } from "../../../base/errors.ts";
import { findTimeZone } from "../../../base/time-zone.ts";
import { type Filter, failed, passed, rejected } from "./outcome.ts";

type Window = NonNullable<Filters["time"]>;

/**
 * The hours of the day in which the event was emitted, by the clock of the zone (spec argo-events 5.5): from `start` on and
 * before `stop`; a stop before the start is one of the next day. In the hour that a clock is set back, the clock's time
 * counts, both times.
 * @throws TerminalError MANIFEST_INVALID for a time or a zone that is none
 */
export function compileTimeFilter({ start, stop, timezone = "" }: Window, field: string): Filter {
  const zone = findTimeZone(timezone, `${field}.timezone`);
  const from = secondOf(start, `${field}.start`);
  const to = secondOf(stop, `${field}.stop`);
  const isWithin = (second: number): boolean =>
    from <= to ? from === to || (from <= second && second < to) : from <= second || second < to;
  return (event) => {
    const at = Date.parse(event.time);
    if (Number.isNaN(at))
      return failed(field, () => `${field}: the event's time ${JSON.stringify(event.time)} is none`);
    const local = at / 1_000 + zone.offsetMinutes(at) * 60;
    const second = ((local % secondsPerDay) + secondsPerDay) % secondsPerDay;
    if (isWithin(second)) return passed;
    return rejected(field, () => `${field}: ${clockText(second)} in ${zone.name} is not within ${start} to ${stop}`);
  };
}

function secondOf(text: string | undefined, path: string): number {
  const second = secondOfDay(text ?? "");
  if (second !== undefined) return second;
  throw new TerminalError("MANIFEST_INVALID", `${path}: ${JSON.stringify(text)} must be HH:MM:SS`);
}

function clockText(second: number): string {
  return new Date(Math.floor(second) * 1_000).toISOString().slice(11, 19);
}

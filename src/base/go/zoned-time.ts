import type { TimeZone } from "../time-zone.ts";

/** A moment and the zone in which it was written. */
export interface ZonedTime {
  /** Since 1970, before it negative. */
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly zone: Zone;
  /** Where other times near it have other offsets. */
  readonly location?: TimeZone;
}

export interface Zone {
  /** As it is printed; empty where only the offset is known. */
  readonly name: string;
  readonly offsetSeconds: number;
}

/** That moment as the clocks of a time's zone show it. */
export function atSeconds(time: ZonedTime, seconds: number, nanoseconds: number): ZonedTime {
  const { location } = time;
  return { ...time, seconds, nanoseconds, ...(location && { zone: zoneOf(seconds, location) }) };
}

export function zoneOf(seconds: number, location: TimeZone | undefined): Zone {
  return { name: abbreviationAt(seconds, location), offsetSeconds: offsetOf(seconds, location) };
}

/** The moment when the clocks of a time's zone show `local`, seconds since 1970 there. */
export function atLocal(time: ZonedTime, local: number): ZonedTime {
  const offset = time.location === undefined ? time.zone.offsetSeconds : offsetAt(local, time.location);
  return atSeconds(time, local - offset, time.nanoseconds);
}

/** That much later, or earlier. */
export function plusNanoseconds(time: ZonedTime, by: bigint): ZonedTime {
  const total = unixNanoseconds(time) + by;
  const rest = ((total % second) + second) % second;
  return atSeconds(time, Number((total - rest) / second), Number(rest));
}

/** Since 1970. */
export function unixNanoseconds({ seconds, nanoseconds }: ZonedTime): bigint {
  return BigInt(seconds) * second + BigInt(nanoseconds);
}

const second = 1_000_000_000n;

function offsetOf(seconds: number, location: TimeZone | undefined): number {
  return (location?.offsetMinutes(seconds * 1_000) ?? 0) * 60;
}

export function abbreviationAt(seconds: number, location: TimeZone | undefined): string {
  return location?.abbreviation(seconds * 1_000) ?? "UTC";
}

/** The offset where a clock shows `local`; where it shows it never or twice, that of one hour earlier or later. */
export function offsetAt(local: number, location: TimeZone | undefined): number {
  const guess = offsetOf(local, location);
  return offsetOf(local - guess, location);
}

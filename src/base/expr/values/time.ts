import { parseNanoseconds } from "../../duration.ts";
import { plusNanoseconds, unixNanoseconds } from "../../go/zoned-time.ts";
import { Duration, Time } from "./values.ts";

const maxInt64 = 2n ** 63n - 1n;

export function addDuration({ at }: Time, nanoseconds: bigint): Time {
  return new Time(plusNanoseconds(at, nanoseconds));
}

/** From one to the other; some 292 years at most, as in Go. */
export function timeBetween(from: Time, to: Time): Duration {
  const size = unixNanoseconds(to.at) - unixNanoseconds(from.at);
  return new Duration(size > maxInt64 ? maxInt64 : size < -maxInt64 - 1n ? -maxInt64 - 1n : size);
}

/** Go's `time.ParseDuration`; undefined where that is an error. */
export function parseDuration(text: string): Duration | undefined {
  const nanoseconds = parseNanoseconds(text);
  return nanoseconds === undefined ? undefined : new Duration(nanoseconds);
}

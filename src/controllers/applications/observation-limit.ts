import type { Clock } from "../../base/clock.ts";

/** Bounds the records of one object: one whose health flaps would fill the ledger. */
export interface ObservationLimit {
  /** How many changes of the object were not recorded since the last that was; undefined: nor is this one. */
  admit(object: string): number | undefined;
}

interface Recent {
  sinceMs: number;
  count: number;
  missed: number;
}

/** So many records of an object in so long. */
const maxRecords = 20;
const windowMs = 600_000;
/** Objects that are counted; of those that did not change for the longest time nothing is known. */
const maxObjects = 10_000;

export function createObservationLimit(clock: Clock): ObservationLimit {
  const objects = new Map<string, Recent>();
  return {
    admit(object) {
      const nowMs = clock.monotonicMs();
      const recent = objects.get(object) ?? { sinceMs: nowMs, count: 0, missed: 0 };
      objects.delete(object); // the order is that of the last change
      objects.set(object, recent);
      const [oldest] = objects.keys();
      if (objects.size > maxObjects && oldest !== undefined) objects.delete(oldest);
      if (nowMs - recent.sinceMs >= windowMs) Object.assign(recent, { sinceMs: nowMs, count: 0 });
      if (recent.count >= maxRecords) {
        recent.missed += 1;
        return undefined;
      }
      const { missed } = recent;
      recent.count += 1;
      recent.missed = 0;
      return missed;
    },
  };
}

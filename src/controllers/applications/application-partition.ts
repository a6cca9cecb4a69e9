import { EngineError } from "../../base/errors.ts";
import { partitionCount, partitionOf } from "../../events/sensor/partition.ts";

/** Fixed for ever: it is part of where positions are stored (DESIGN section 6). */
export const applicationPartitions = partitionCount;

/** Of an Application, by `namespace/name`: all engines on a bus say the same. */
export function applicationPartition(key: string): number {
  const slash = key.indexOf("/");
  return partitionOf(key.slice(0, slash), key.slice(slash + 1));
}

/** Another engine may act for this Application now. */
export function leaseLost(key: string): EngineError {
  return new EngineError("LEASE_LOST", `another engine may act now for Application ${key}`);
}

/** Which Applications are this engine's, as far as it was told; whether it may act at this moment, `owns` says. */
export interface Tenure {
  has(key: string): boolean;
  /** Takes note of what `owns` says now of a partition. */
  note(partition: number): "came" | "went" | "same";
}

export function createTenure(owns: (partition: number) => boolean): Tenure {
  const held = new Set<number>();
  for (let partition = 0; partition < applicationPartitions; partition++) if (owns(partition)) held.add(partition);
  return {
    has: (key) => held.has(applicationPartition(key)),
    note(partition) {
      const isOwned = owns(partition);
      if (isOwned === held.has(partition)) return "same";
      if (isOwned) held.add(partition);
      else held.delete(partition);
      return isOwned ? "came" : "went";
    },
  };
}

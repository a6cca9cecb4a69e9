import type { Instant } from "../../base/clock.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { EventHead } from "../../record/records.ts";
import type { CompiledSensor } from "./compile.ts";

export interface ReceivedEvent {
  readonly event: CloudEvent;
  readonly head: EventHead;
}

/** Plain JSON, kept in the state log. */
export interface SensorState {
  /** Trigger → dependency → the newest event that waits for the rest of the trigger's conditions. */
  readonly joins: Readonly<Record<string, Readonly<Record<string, ReceivedEvent>>>>;
}

export const emptyState: SensorState = { joins: {} };

export type Decision =
  | {
      /** The trigger's conditions are met. */
      readonly kind: "fire";
      readonly trigger: string;
      /** `<sensor uid>/<trigger>/<sorted event ids>` */
      readonly key: string;
      /** By dependency name. */
      readonly events: Readonly<Record<string, ReceivedEvent>>;
      /** Whether the state changed: the firing must enter the outbox with it. */
      readonly joined: boolean;
    }
  | {
      /** Neither yes nor no: a filter could not be evaluated. */
      readonly kind: "error";
      readonly dependency: string;
      readonly trigger?: string;
      readonly message: string;
      readonly event: ReceivedEvent;
    }
  | {
      /** A filter says no. `reason` is built when read. */
      readonly kind: "rejected";
      readonly dependency: string;
      readonly reason: string;
    };

export interface Reduction {
  /** The same object when unchanged. */
  readonly state: SensorState;
  readonly decisions: readonly Decision[];
}

export interface DependencyVerdict {
  readonly dependency: string;
  readonly verdict: "passed" | "rejected" | "error";
  /** Filter, path, value seen (cut at 256 bytes) and value wanted. */
  readonly reason: string;
  /** Where the deciding filter stands, e.g. `filters.data[0]`. */
  readonly filter?: string;
}

/** What the Sensor does about one event. Pure and total: the same input gives the same output; it never throws. */
export function reduce(_sensor: CompiledSensor, state: SensorState, _event: ReceivedEvent, _now: Instant): Reduction {
  return { state, decisions: [] };
}

/** Why each dependency that listens to this event takes it or not. Pure and total. */
export function explain(_sensor: CompiledSensor, _event: CloudEvent): readonly DependencyVerdict[] {
  return [];
}

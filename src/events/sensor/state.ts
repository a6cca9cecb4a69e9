import type { DueEntry, DueMap } from "../../base/due-map.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { EventHead } from "../../record/records.ts";

export interface ReceivedEvent {
  readonly event: CloudEvent;
  readonly head: EventHead;
}

/** By dependency name. */
export type SavedEvents = Readonly<Record<string, ReceivedEvent>>;

/** Plain JSON, kept in the state log. */
export interface SensorState {
  /** Trigger → dependency → the newest event that waits for the rest of the trigger's conditions. */
  readonly joins: Readonly<Record<string, SavedEvents>>;
  /** By trigger, of those with keys or times of their own; absent when nothing waits there. */
  readonly timed?: Readonly<Record<string, TimedState>>;
}

export interface TimedState {
  /** Events that wait for the rest of the trigger's conditions, by key ("" where the trigger has none). */
  readonly waiting: DueMap<WaitingGroup>;
  /** Firings that debounce or batch holds back, by key. */
  readonly held: DueMap<HeldGroup>;
  /** Over all keys. */
  readonly heldItems: number;
}

export interface WaitingGroup extends DueEntry {
  readonly events: SavedEvents;
}

export interface HeldGroup extends DueEntry {
  readonly due: number;
  /** Oldest first. */
  readonly items: readonly HeldItem[];
}

/** What met the trigger's conditions once. */
export interface HeldItem {
  readonly events: SavedEvents;
  /** Events whose firing it took the place of, by debounce. */
  readonly merged?: MergedEvents;
}

export interface MergedEvents {
  /** The newest of them. */
  readonly ids: readonly string[];
  readonly count: number;
}

export const emptyState: SensorState = { joins: {} };

export interface BatchedEvent extends ReceivedEvent {
  readonly dependency: string;
}

/** Why events that wait are let go: `within`, `conditionsReset`, too many of them, or an edit of the Sensor. */
export type ExpiryReason = "window" | "reset" | "bound" | "edit";

export type Decision =
  | {
      /** The trigger's conditions are met. */
      readonly kind: "fire";
      readonly trigger: string;
      /**
       * `<sensor uid>/<trigger>/<sorted event ids>`; of a batch a hash of them. An event that fires the trigger again in
       * the same step, by way of other dependencies, has its id in there once more, so that no two firings share a key.
       */
      readonly key: string;
      /** By dependency name, in the order of the conditions; of a batch the newest of each. */
      readonly events: SavedEvents;
      /** Whether events saved earlier took part or were cleared: the firing must enter the outbox with the new state. */
      readonly joined: boolean;
      /** Effects with the same lane follow each other in the order of their decisions. */
      readonly lane?: string;
      /** All events of a batch, oldest first. */
      readonly batch?: readonly BatchedEvent[];
      readonly merged?: MergedEvents;
      /** Why it fires though its time has not come. */
      readonly early?: string;
    }
  | {
      /** Neither yes nor no: a filter or a key could not be evaluated. */
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
    }
  | {
      /** Events that waited, for other events or their time, are let go. */
      readonly kind: "expired";
      readonly trigger: string;
      readonly reason: ExpiryReason;
      readonly message: string;
      readonly events: SavedEvents;
      /** Milliseconds since 1970: the instant at which it was due, whenever it was noticed. */
      readonly at: number;
    };

export interface Reduction {
  /** The same object when unchanged. */
  readonly state: SensorState;
  /**
   * What was due before the event; then errors and rejections of dependencies in the spec's order; then, in the order of
   * the triggers, firings and what else they lead to.
   */
  readonly decisions: readonly Decision[];
}

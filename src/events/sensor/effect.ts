import { backoffPlanOf, type RetryPlan } from "../../api/backoff-plan.ts";
import type { Trigger } from "../../api/resources.ts";
import type { RecordDraft, RecordId } from "../../record/records.ts";
import type { BatchedEvent, Decision, ReceivedEvent } from "./state.ts";

/** A firing on its way to its outcome. Plain JSON: it is kept in the outbox as it stands. */
export interface Effect {
  /**
   * `<sensor uid>/<trigger>/<sorted event ids>`: the same for every attempt (DESIGN rule 4), also when it is redriven.
   * Of a `dlqTrigger`: `dlq/` and the key of the effect that failed.
   */
  readonly key: string;
  readonly trigger: string;
  /** Of a `dlqTrigger`: the trigger that it belongs to. */
  readonly dlqOf?: string;
  /** The dead letter that it was redriven from. */
  readonly redrive?: string;
  /** By dependency name. */
  readonly events: Readonly<Record<string, ReceivedEvent>>;
  readonly decision: RecordId;
  /** How many attempts failed so far. */
  readonly failed: number;
  /** The last of them, oldest first. */
  readonly attempts: readonly FailedAttempt[];
  /** Milliseconds since 1970: not before. */
  readonly dueAt: number;
  /** All events of a batch, oldest first. */
  readonly batch?: readonly BatchedEvent[];
  /** Effects of one lane follow each other, by their `order`. */
  readonly lane?: string;
  readonly order?: number;
  /** It has failed for good, with this message: what is left is to put it on `dead` and to record it. */
  readonly gaveUp?: string;
}

/** The Sensor that the effects belong to. */
export interface EffectHost {
  /** Asks for its state to be stored; at once when `urgent`. */
  markDirty(urgent: boolean): void;
  /** An outcome could not be stored: the Sensor must stop and begin again from what is stored. */
  fail(error: unknown): void;
}

export interface FailedAttempt {
  readonly at: number;
  readonly error: string;
}

export type ErrorDecision = Extract<Decision, { kind: "error" }>;

/** Keeps what failed for good on `dead`; resolves once kept, and may be repeated with the same key. */
export type PutDead = (dead: DeadEffect) => Promise<void>;

export type DeadEffect =
  | { readonly kind: "effect"; readonly effect: Effect; readonly error: string }
  | { readonly kind: "decision"; readonly key: string; readonly decision: ErrorDecision; readonly redrive?: string };

/** An error decision on its way to `dead`. Plain JSON: it may have to wait in the outbox like an effect. */
export interface OpenError {
  /** Begins with `error/`: no effect has the same key, whatever its trigger is called. */
  readonly key: string;
  readonly error: ErrorDecision;
  /** The dead letter that its event was redriven from. */
  readonly redrive?: string;
}

/** A record on its way to the ledger, of events that a Sensor's state no longer has. Plain JSON, as an effect. */
export interface OpenRecord {
  /** Begins with `record/`. */
  readonly key: string;
  readonly record: RecordDraft;
  /** How many events of ours the record's events have behind them; absent: none. */
  readonly hops?: number;
}

export type OutboxEntry = Effect | OpenError | OpenRecord;

export function isOpenError(entry: OutboxEntry): entry is OpenError {
  return "error" in entry;
}

export function isOpenRecord(entry: OutboxEntry): entry is OpenRecord {
  return "record" in entry;
}

export function openErrorOf(sensorUid: string, error: ErrorDecision, redrive?: string): OpenError {
  const { dependency, trigger = "", event } = error;
  const key = `error/${sensorUid}/${dependency}/${trigger}/${event.head.id}`;
  return { key, error, ...(redrive === undefined ? {} : { redrive }) };
}

/** What `dlqTrigger` does about a trigger's effect that failed for good. No other effect has a key that begins so. */
export function dlqEffectOf(effect: Effect, dlqTrigger: Trigger): Effect {
  const { decision, redrive } = effect;
  const more = redrive === undefined ? {} : { redrive };
  return { ...dlqFiringOf(effect, dlqTrigger), ...more, decision, failed: 0, attempts: [], dueAt: 0 };
}

export type DlqFiring = Pick<Effect, "key" | "trigger" | "events" | "batch"> & Required<Pick<Effect, "dlqOf">>;

/** The same before anything is done about it. */
export function dlqFiringOf(
  { key, trigger, events, batch }: Pick<Effect, "key" | "trigger" | "events" | "batch">,
  dlqTrigger: Trigger,
): DlqFiring {
  const own = { key: `dlq/${key}`, trigger: dlqTrigger.template.name, dlqOf: trigger };
  return { ...own, events, ...(batch && { batch }) };
}

const once: RetryPlan = { attempts: 1, delayMs: () => 0 };

/**
 * One attempt, as the originals do it, unless the trigger says `atLeastOnce: true` or has a `retryStrategy` (DESIGN
 * section 4). @throws TerminalError MANIFEST_INVALID for a backoff that cannot be read.
 */
export function retryPlanOf(trigger: Trigger): RetryPlan {
  if (!trigger.retryStrategy && !trigger.atLeastOnce) return once;
  return backoffPlanOf(trigger.retryStrategy ?? {}, `trigger ${trigger.template.name}: retryStrategy`);
}

/** Attempts that are kept with an effect; older ones are only counted in the ledger. */
const maxAttemptsKept = 32;

/** Errors may quote whole answers; what is kept of them has to fit into records and dead letters. */
const maxErrorLength = 2_000;

export function shortError(message: string): string {
  return message.length > maxErrorLength ? `${message.slice(0, maxErrorLength)}…` : message;
}

export function withFailure(effect: Effect, failure: FailedAttempt, dueAt: number): Effect {
  return {
    ...effect,
    failed: effect.failed + 1,
    attempts: [...effect.attempts, failure].slice(-maxAttemptsKept),
    dueAt,
  };
}

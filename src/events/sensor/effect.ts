import type { Backoff, Trigger } from "../../api/resources.ts";
import { parseDuration } from "../../base/duration.ts";
import { TerminalError } from "../../base/errors.ts";
import type { RecordDraft, RecordId } from "../../record/records.ts";
import type { BatchedEvent, Decision, ReceivedEvent } from "./state.ts";

/** A firing on its way to its outcome. Plain JSON: it is kept in the outbox as it stands. */
export interface Effect {
  /** `<sensor uid>/<trigger>/<sorted event ids>`: the same for every attempt (DESIGN rule 4). */
  readonly key: string;
  readonly trigger: string;
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
}

export interface FailedAttempt {
  readonly at: number;
  readonly error: string;
}

export type ErrorDecision = Extract<Decision, { kind: "error" }>;

/** An error decision on its way to `dead`. Plain JSON: it may have to wait in the outbox like an effect. */
export interface OpenError {
  /** Begins with `error/`: no effect has the same key, whatever its trigger is called. */
  readonly key: string;
  readonly error: ErrorDecision;
}

/** A record on its way to the ledger, of events that a Sensor's state no longer has. Plain JSON, as an effect. */
export interface OpenRecord {
  /** Begins with `record/`. */
  readonly key: string;
  readonly record: RecordDraft;
}

export type OutboxEntry = Effect | OpenError | OpenRecord;

export function isOpenError(entry: OutboxEntry): entry is OpenError {
  return "error" in entry;
}

export function isOpenRecord(entry: OutboxEntry): entry is OpenRecord {
  return "record" in entry;
}

export function openErrorOf(sensorUid: string, error: ErrorDecision): OpenError {
  const { dependency, trigger = "", event } = error;
  return { key: `error/${sensorUid}/${dependency}/${trigger}/${event.head.id}`, error };
}

/** How often a trigger is tried, and how long between (spec argo-events 1.2). */
export interface RetryPlan {
  /** All attempts, the first included. */
  readonly attempts: number;
  /** Milliseconds before attempt `attempt` (from 2). `random` gives numbers in [0, 1). */
  delayMs(attempt: number, random: () => number): number;
}

/** A delay that grows beyond this would never end, and infinity cannot be stored. */
const maxDelayMs = 24 * 60 * 60 * 1000;

const once: RetryPlan = { attempts: 1, delayMs: () => 0 };

/**
 * One attempt, as the originals do it, unless the trigger says `atLeastOnce: true` or has a `retryStrategy` (DESIGN
 * section 4). @throws TerminalError MANIFEST_INVALID for a backoff that cannot be read.
 */
export function retryPlanOf(trigger: Trigger): RetryPlan {
  if (!trigger.retryStrategy && !trigger.atLeastOnce) return once;
  const strategy = trigger.retryStrategy ?? {};
  const at = `trigger ${trigger.template.name}: retryStrategy`;
  const { steps = 0 } = strategy;
  const [factor, jitter] = [amountOf(strategy.factor, `${at}.factor`), amountOf(strategy.jitter, `${at}.jitter`)];
  const firstMs = durationMs(strategy.duration ?? "1s", `${at}.duration`);
  return {
    attempts: steps > 0 ? steps : 5,
    delayMs: (attempt, random) =>
      Math.min(maxDelayMs, firstMs * factor ** Math.max(0, attempt - 2) * (1 + jitter * random())),
  };
}

/** 1 when not given. */
function amountOf(value: Backoff["factor"], path: string): number {
  if (value === undefined) return 1;
  if (typeof value === "number") return value;
  throw new TerminalError("MANIFEST_INVALID", `${path}: ${JSON.stringify(value)} must be a number, for example 1.5`);
}

/** Integer nanoseconds, or a Go duration. */
function durationMs(value: number | string, path: string): number {
  try {
    const ms = typeof value === "number" ? value / 1e6 : parseDuration(value);
    if (ms >= 0) return ms;
  } catch {
    // said below, with the path
  }
  throw new TerminalError("MANIFEST_INVALID", `${path}: "${value}" must be a duration, for example "10s"`);
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

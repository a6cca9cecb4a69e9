import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { type EventHead, outcomeKey, type RecordId, type SensorHead } from "../../record/records.ts";
import { type Subject, subjectOf } from "../../record/subject.ts";
import type { EventBus } from "../bus/bus.ts";
import type { DeadEffect, PutDead } from "./effect.ts";
import { type FailedAttempt, shortError } from "./effect.ts";
import type { ReceivedEvent } from "./state.ts";

/** What failed for good, as stored on `dead.<namespace>.<sensor>.<trigger>`. */
export interface DeadLetter {
  readonly v: 1;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly sensor: SensorHead;
  /** Absent when a dependency's filter or transform failed. */
  readonly trigger?: string;
  /** Of a `dlqTrigger`: the trigger that had failed before. */
  readonly dlqOf?: string;
  /** Present when no effect failed, but the decision about an event. */
  readonly dependency?: string;
  readonly key: string;
  /** The letter that it was redriven from. */
  readonly redrive?: string;
  /** The record of the decision that led to the effect. */
  readonly decision?: RecordId;
  readonly error: string;
  /** The last 32, oldest first. */
  readonly attempts: readonly FailedAttempt[];
  /** All of them. */
  readonly failed?: number;
  /** By dependency. `event` is left out when the letter would be too large for the bus; `head` says where it is stored. */
  readonly events: Readonly<Record<string, DeadEvent>>;
  /** All events of a batch, oldest first. */
  readonly batch?: readonly (DeadEvent & { readonly dependency: string })[];
}

interface DeadEvent {
  readonly head: EventHead;
  readonly event?: ReceivedEvent["event"];
}

/** On the subject of a letter: it was redriven, so that it is dead no more; nor is an older one with its key. */
export interface RedriveMark {
  readonly v: 1;
  readonly kind: "redriven";
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly key: string;
  /** Its place in the stream. */
  readonly letter: number;
}

/** Stores dead letters of one Sensor; the same key is stored once, and once more for each redrive. */
export function createDeadLetters(bus: EventBus, sensor: SensorHead, clock: Clock): PutDead {
  return async (dead) => {
    const letter = letterOf(dead, sensor, clock);
    const subject = subjectOf(
      "dead",
      sensor.namespace,
      sensor.name,
      letter.trigger ?? `dependency ${letter.dependency}`,
    );
    try {
      await publish(bus, subject, letter);
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== "BUS_MESSAGE_TOO_LARGE") throw error;
      const batch = letter.batch?.map(({ dependency, head }) => ({ dependency, head }));
      await publish(bus, subject, { ...letter, events: headsOnly(letter.events), ...(batch && { batch }) });
    }
  };
}

function letterOf(dead: DeadEffect, sensor: SensorHead, clock: Clock): DeadLetter {
  const at = clock.now();
  if (dead.kind === "effect") {
    const { key, trigger, dlqOf, redrive, decision, attempts, failed, events, batch } = dead.effect;
    const more = { ...(dlqOf === undefined ? {} : { dlqOf }), ...(redrive === undefined ? {} : { redrive }) };
    return {
      v: 1,
      at,
      sensor,
      trigger,
      ...more,
      key,
      decision,
      error: shortError(dead.error),
      attempts,
      failed,
      events,
      ...(batch && { batch }),
    };
  }
  const { dependency, trigger, message, event } = dead.decision;
  const { redrive } = dead;
  return {
    v: 1,
    at,
    sensor,
    ...(trigger === undefined ? {} : { trigger }),
    dependency,
    key: dead.key,
    ...(redrive === undefined ? {} : { redrive }),
    error: shortError(message),
    attempts: [],
    events: { [dependency]: event },
  };
}

async function publish(bus: EventBus, subject: Subject, letter: DeadLetter): Promise<void> {
  await bus.publish(subject, { id: outcomeKey(letter), data: Buffer.from(JSON.stringify(letter), "utf8") });
}

function headsOnly(events: DeadLetter["events"]): DeadLetter["events"] {
  return Object.fromEntries(Object.entries(events).map(([dependency, { head }]) => [dependency, { head }]));
}

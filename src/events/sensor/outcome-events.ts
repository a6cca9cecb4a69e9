import { createHash } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import { refText } from "../../objects/object.ts";
import { builtInEventSource } from "../../record/cloud-event.ts";
import type { EventHead, RecordDraft, SensorHead } from "../../record/records.ts";
import { traceUnder } from "../../record/trace-context.ts";
import { hopsOf, maxHops } from "../triggers/hops.ts";
import type { Awaitable, EmittedEvent, Outcome } from "../triggers/trigger.ts";
import type { Execute } from "./attempts.ts";
import { untilKept } from "./drain.ts";
import type { DeadEffect, PutDead } from "./effect.ts";
import { type Effect, type OpenRecord, shortError } from "./effect.ts";
import type { SavedEvents } from "./state.ts";

/** Events of the built-in EventSource `tiphys` that tell what became of a Sensor's triggers. */
export type OutcomeName = "trigger-succeeded" | "trigger-failed" | "sensor-expired";

/** Where outcomes go. They are put on the bus only while a Sensor of the namespace depends on them: most do not. */
export interface OutcomeTarget {
  isHeard(event: OutcomeName): boolean;
  /** Resolves once kept. @throws EngineError BUS_UNAVAILABLE */
  announce(event: EmittedEvent): Promise<void>;
}

interface Acting {
  readonly execute: Execute;
  readonly putDead: PutDead;
}

/** What tells outcomes: before they are recorded, so that a crash repeats the telling (under the same id) and loses none. */
export interface Announcing extends Acting {
  readonly expired: (entry: OpenRecord, signal: AbortSignal) => Promise<void>;
}

export function announcing(
  sensor: SensorHead,
  { execute, putDead }: Acting,
  target: OutcomeTarget,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Announcing {
  const tell = async (event: EmittedEvent, signal: AbortSignal): Promise<void> => {
    if (event.hop > maxHops) {
      log.warn("an outcome is not told: too many events of ours led to it", { event: event.event, hop: event.hop });
      return;
    }
    await untilKept(() => target.announce(event), { clock, log }, signal);
  };
  const toldWhenMade = async (effect: Effect, made: Awaitable<Outcome>, signal: AbortSignal): Promise<Outcome> => {
    const outcome = await made;
    if (target.isHeard("trigger-succeeded")) {
      const objects = outcome.objects?.map(refText) ?? [];
      await tell(effectEvent(sensor, effect, "trigger-succeeded", { message: outcome.message, objects }), signal);
    }
    return outcome;
  };
  return {
    execute(effect, signal) {
      const made = execute(effect, signal);
      const isOver = !(made instanceof Promise) && !target.isHeard("trigger-succeeded");
      return isOver ? made : toldWhenMade(effect, made, signal);
    },
    async putDead(dead) {
      const event = target.isHeard("trigger-failed") ? failureEvent(sensor, dead) : undefined;
      if (event !== undefined && event.hop <= maxHops) await target.announce(event); // the caller tries until both are kept
      await putDead(dead);
    },
    async expired({ record, hops = 0 }, signal) {
      if (record.kind !== "decision" || !target.isHeard("sensor-expired")) return;
      await tell(expiryEvent(sensor, record, hops + 1), signal);
    },
  };
}

function failureEvent(sensor: SensorHead, dead: DeadEffect): EmittedEvent | undefined {
  if (dead.kind !== "effect") return undefined;
  const { effect, error } = dead;
  return effectEvent(sensor, { ...effect, failed: effect.failed - 1 }, "trigger-failed", {
    message: shortError(error),
  });
}

function effectEvent(sensor: SensorHead, effect: Effect, event: OutcomeName, more: JsonObject): EmittedEvent {
  const { key, trigger, dlqOf, redrive, events, failed, decision } = effect;
  const heads = headsOf(events);
  const received = Object.values(events).map((one) => one.event);
  const trace = traceUnder(key, received);
  return {
    id: idOf(event, key, redrive ?? ""),
    eventSource: builtInEventSource,
    event,
    type: `${builtInEventSource}.${event}`,
    data: {
      sensor: nameOf(sensor),
      trigger,
      ...(dlqOf !== undefined && { dlqOf }),
      key,
      attempt: failed + 1,
      events: shownHeads(heads),
      ...more,
    },
    causes: [decision, ...new Set(Object.values(heads).map(({ id }) => id))],
    hop: hopsOf(received) + 1,
    ...(trace && { trace }),
  };
}

function expiryEvent(
  sensor: SensorHead,
  record: Extract<RecordDraft, { kind: "decision" }>,
  hop: number,
): EmittedEvent {
  const { trigger = "", reason = "", at, events, causes } = record;
  return {
    id: idOf("sensor-expired", `${sensor.uid}/${trigger}/${at}`, causes.join(",")),
    eventSource: builtInEventSource,
    event: "sensor-expired",
    type: `${builtInEventSource}.sensor-expired`,
    data: { sensor: nameOf(sensor), trigger, reason, events: shownHeads(events) },
    causes,
    hop,
  };
}

function headsOf(events: SavedEvents): Readonly<Record<string, EventHead>> {
  return Object.fromEntries(Object.entries(events).map(([dependency, { head }]) => [dependency, head]));
}

function shownHeads(heads: Readonly<Record<string, EventHead>>): JsonObject {
  return Object.fromEntries(
    Object.entries(heads).map(([dependency, { id, eventSource, event, type, time }]) => [
      dependency,
      { id, eventSource, event, type, time },
    ]),
  );
}

function nameOf({ namespace, name }: SensorHead): JsonObject {
  return { namespace, name };
}

function idOf(...parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 32);
}

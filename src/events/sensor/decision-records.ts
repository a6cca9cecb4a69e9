import type { Instant } from "../../base/clock.ts";
import type { EventHead, RecordDraft, RecordId, SensorHead } from "../../record/records.ts";
import { hopsOf } from "../triggers/hops.ts";
import type { Effect, OpenRecord } from "./effect.ts";
import type { Decision, SavedEvents } from "./state.ts";

type Fire = Extract<Decision, { kind: "fire" }>;
type Expired = Extract<Decision, { kind: "expired" }>;

/** What the ledger keeps of a firing. Every event that took part is a cause, also those that debounce passed over. */
export function decisionOf(sensor: SensorHead, decision: Fire, at: Instant): RecordDraft {
  const { trigger, events, batch, merged } = decision;
  const ids = (batch ?? Object.values(events)).map(({ head }) => head.id);
  const reason = reasonOf(decision);
  return {
    kind: "decision",
    at,
    causes: [...new Set([...ids, ...(merged?.ids ?? [])])],
    sensor,
    trigger,
    verdict: "fired",
    ...(reason === "" ? {} : { reason }),
    events: headsOf(events),
  };
}

function reasonOf({ batch, merged, early }: Fire): string {
  const parts: string[] = [];
  if (batch) parts.push(`a batch of ${batch.length}`);
  if (merged) parts.push(`the last of ${merged.count + 1}`);
  if (early !== undefined) parts.push(early);
  return parts.join(", ");
}

export function effectOf({ key, trigger, events, batch, lane }: Fire, decision: RecordId): Effect {
  return {
    key,
    trigger,
    events,
    decision,
    failed: 0,
    attempts: [],
    dueAt: 0,
    ...(batch && { batch }),
    ...(lane === undefined ? {} : { lane }),
  };
}

/** Told once for the same events at the same instant, whenever and how often that was noticed. */
export function expiryOf(sensor: SensorHead, { trigger, message, events, at }: Expired): OpenRecord {
  const heads = headsOf(events);
  const causes = [...new Set(Object.values(heads).map(({ id }) => id))];
  const record: RecordDraft = {
    kind: "decision",
    at,
    causes,
    sensor,
    trigger,
    verdict: "expired",
    reason: message,
    events: heads,
  };
  const hops = hopsOf(Object.values(events).map(({ event }) => event));
  return { key: `record/${sensor.uid}/${trigger}/${at}/${causes.join(",")}`, record, ...(hops > 0 && { hops }) };
}

function headsOf(events: SavedEvents): Readonly<Record<string, EventHead>> {
  return Object.fromEntries(Object.entries(events).map(([dependency, { head }]) => [dependency, head]));
}

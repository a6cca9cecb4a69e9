import type { Instant } from "../../base/clock.ts";
import { setOwn } from "../../base/json.ts";
import type { EventHead, RecordDraft, RecordId, SensorHead } from "../../record/records.ts";
import { hopsOf } from "../triggers/hops.ts";
import type { Effect, ErrorDecision, OpenRecord } from "./effect.ts";
import type { Decision, SavedEvents } from "./state.ts";

type Fire = Extract<Decision, { kind: "fire" }>;
type Expired = Extract<Decision, { kind: "expired" }>;

/** What the ledger keeps of a firing. Every event that took part is a cause, also those that debounce passed over. */
export function decisionOf(sensor: SensorHead, decision: Fire, at: Instant): RecordDraft {
  const { trigger, events } = decision;
  const reason = reasonOf(decision);
  return {
    kind: "decision",
    at,
    causes: causesOf(decision),
    sensor,
    trigger,
    verdict: "fired",
    ...(reason === "" ? {} : { reason }),
    events: headsOf(events),
  };
}

function causesOf({ events, batch, merged }: Fire): readonly string[] {
  const ids: string[] = [];
  if (batch) for (const { head } of batch) ids.push(head.id);
  else for (const name of Object.keys(events)) ids.push(events[name]?.head.id ?? "");
  if (merged) ids.push(...merged.ids);
  return ids.length > 1 ? [...new Set(ids)] : ids;
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

export function errorOf(
  sensor: SensorHead,
  { dependency, trigger, message, event }: ErrorDecision,
  at: Instant,
): RecordDraft {
  return {
    kind: "decision",
    at,
    causes: [event.head.id],
    sensor,
    dependency,
    ...(trigger === undefined ? {} : { trigger }),
    verdict: "error",
    reason: message,
    events: { [dependency]: event.head },
  };
}

/** Messages from `from` to `to` of a bus, which no Sensor that reads them will see. */
export function lostOf(
  { namespace, name }: SensorHead,
  lost: { readonly bus: string; readonly from: number; readonly to: number },
  at: Instant,
): RecordDraft {
  const causes = [`${lost.bus}:${lost.from}-${lost.to}`];
  return { kind: "lost", at, causes, sensors: [{ namespace, name }], ...lost };
}

function headsOf(events: SavedEvents): Readonly<Record<string, EventHead>> {
  const heads: Record<string, EventHead> = {};
  for (const [dependency, { head }] of Object.entries(events)) setOwn(heads, dependency, head);
  return heads;
}

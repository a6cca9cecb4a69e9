import type { DecisionRecord, EffectRecord, EventHead, ObservationRecord, SensorHead } from "../../record/records.ts";
import { spanIdFor } from "../../record/trace-context.ts";
import type { HistoryEntry } from "../history.ts";
import { type FindEntry, parentsOf, placeOf } from "./places.ts";
import type { Attributes, Span, SpanPlace } from "./span.ts";
import { syncSpans } from "./sync-spans.ts";

export interface SpanDeps {
  readonly find: FindEntry;
  /** When the first attempt of an effect began, by its key; undefined: not known. */
  readonly begunAt: (effectKey: string) => number | undefined;
}

const maxLinks = 32;

/** Of one event or record: what it is itself, and what is told of its parts. None for what took no time of its own. */
export function spansOf(entry: HistoryEntry, deps: SpanDeps): readonly Span[] {
  if (entry.kind === "event") return [eventSpan(entry, deps.find)];
  const { record } = entry;
  switch (record.kind) {
    case "decision":
      return [decisionSpan(record, deps.find)];
    case "effect":
      return effectSpans(record, deps);
    case "sync":
      return syncSpans(record, placeOf(entry, deps.find), linksOf(record, deps.find));
    default:
      return [];
  }
}

/** All that is told of a chain, each span once. */
export function spansOfChain(entries: readonly HistoryEntry[]): readonly Span[] {
  const known = new Map<string, HistoryEntry>();
  const begun = new Map<string, number>();
  for (const entry of entries) {
    for (const name of referencesOf(entry)) known.set(name, entry);
    if (entry.kind === "record" && entry.record.kind === "effect") {
      const { key, startedAt } = entry.record;
      begun.set(key, Math.min(startedAt, begun.get(key) ?? startedAt));
    }
  }
  const deps: SpanDeps = { find: (reference) => known.get(reference), begunAt: (key) => begun.get(key) };
  const spans = entries.flatMap((entry) => spansOf(entry, deps));
  return [...new Map(spans.map((span) => [`${span.traceId}/${span.spanId}`, span])).values()];
}

/** What causes call it by. */
export function referencesOf(entry: HistoryEntry): readonly string[] {
  if (entry.kind === "event") return [entry.event.id];
  const { record } = entry;
  const hasKey = record.kind === "sync" || (record.kind === "effect" && record.triggerKind === "gitOps");
  return hasKey ? [record.id, record.key] : [record.id];
}

function eventSpan(entry: HistoryEntry & { readonly kind: "event" }, find: FindEntry): Span {
  const { id, namespace, eventSource, event, type, time, storedAt } = entry.event;
  const told = Date.parse(time);
  const startMs = Number.isNaN(told) ? storedAt : Math.min(told, storedAt);
  return {
    ...placeOf(entry, find),
    name: `receive ${eventSource}/${event}`,
    kind: "consumer",
    startMs,
    endMs: storedAt,
    attributes: {
      "cloudevents.event_id": id,
      "cloudevents.event_source": eventSource,
      "cloudevents.event_type": type,
      "cloudevents.event_subject": event,
      "k8s.namespace.name": namespace,
    },
    links: [],
  };
}

/** From when the last of its events was stored: what came before was waiting for others. */
function decisionSpan(record: DecisionRecord, find: FindEntry): Span {
  const { id, at, sensor, trigger, verdict, reason, events } = record;
  const stored = Object.values(events).map(({ storedAt }: EventHead) => storedAt);
  return {
    ...placeOf({ kind: "record", record }, find),
    name: `decide ${trigger ?? "filters"}`,
    kind: "internal",
    startMs: Math.min(at, Math.max(...stored, stored.length === 0 ? at : 0)),
    endMs: at,
    attributes: {
      ...sensorAttributes(sensor),
      ...(trigger === undefined ? {} : { "tiphys.trigger.name": trigger }),
      "tiphys.decision.verdict": verdict,
      ...(reason === undefined ? {} : { "tiphys.decision.reason": reason }),
      "tiphys.record.id": id,
    },
    links: linksOf(record, find),
    ...(verdict === "error" ? { error: reason ?? "a filter failed" } : {}),
  };
}

/**
 * One span for the effect, whose id is what was sent along to its target; below it one for each attempt where the first
 * was not the last. Done again from `dead`, it is another attempt of the same.
 */
function effectSpans(record: EffectRecord, { find, begunAt }: SpanDeps): readonly Span[] {
  const { key, redrive, attempt, outcome, startedAt, at } = record;
  const place = placeOf({ kind: "record", record }, find);
  const common = {
    kind: "client",
    endMs: at,
    attributes: effectAttributes(record),
    links: [],
    ...errorOf(record),
  } as const;
  const isOnly = attempt === 1 && outcome !== "failed" && redrive === undefined;
  const attemptKey = [key, redrive ?? "", attempt].join("\n");
  const tried: Span = {
    ...common,
    traceId: place.traceId,
    isSampled: place.isSampled,
    spanId: spanIdFor(attemptKey),
    parentId: place.spanId,
    name: `attempt ${record.trigger}`,
    startMs: startedAt,
  };
  const whole: Span = {
    ...common,
    ...place,
    name: `trigger ${record.trigger}`,
    startMs: Math.min(startedAt, begunAt(key) ?? startedAt),
  };
  const isOver = outcome !== "failed" && redrive === undefined;
  return [...(isOver ? [whole] : []), ...(isOnly ? [] : [tried])];
}

function effectAttributes({
  id,
  sensor,
  trigger,
  triggerKind,
  attempt,
  key,
  objects,
  message,
}: EffectRecord): Attributes {
  return {
    ...sensorAttributes(sensor),
    "tiphys.trigger.name": trigger,
    "tiphys.trigger.kind": triggerKind,
    "tiphys.trigger.attempt": attempt,
    "tiphys.effect.key": key,
    "tiphys.effect.message": message,
    ...(objects === undefined ? {} : { "tiphys.effect.objects": objects }),
    "tiphys.record.id": id,
  };
}

function errorOf({ outcome, message }: EffectRecord): { readonly error?: string } {
  return outcome === "succeeded" ? {} : { error: message };
}

function sensorAttributes({ kind, namespace, name }: SensorHead): Attributes {
  const place = { "k8s.namespace.name": namespace };
  return kind === "Application"
    ? { "argocd.application.name": name, "argocd.application.namespace": namespace, ...place }
    : { "tiphys.sensor.name": name, ...place };
}

function linksOf(
  record: Exclude<(HistoryEntry & { readonly kind: "record" })["record"], ObservationRecord>,
  find: FindEntry,
): readonly Pick<SpanPlace, "traceId" | "spanId">[] {
  const { parentId } = placeOf({ kind: "record", record }, find);
  return parentsOf(record, find)
    .filter(({ spanId }) => spanId !== parentId)
    .slice(0, maxLinks)
    .map(({ traceId, spanId }) => ({ traceId, spanId }));
}

import { builtInEventSource, type CloudEvent } from "../../record/cloud-event.ts";
import type { DecisionRecord, EventHead, LedgerRecord, SyncRecord } from "../../record/records.ts";
import {
  isSampled,
  spanIdFor,
  spanIdOf,
  traceContextOf,
  traceIdFor,
  traceIdOf,
  traceOfEvent,
} from "../../record/trace-context.ts";
import type { HistoryEntry } from "../history.ts";
import type { SpanPlace } from "./span.ts";

/** What is known under an id or, of `gitOps` effects and of syncs, a key. */
export type FindEntry = (reference: string) => HistoryEntry | undefined;

/** Events may lead to events, 16 times; each of these is some records. */
const maxDepth = 128;

/**
 * Where an entry stands: an event in the trace that it came with or, without one, at the root of its own; everything else
 * below what caused it, as far as `find` knows that.
 */
export function placeOf(entry: HistoryEntry, find: FindEntry, depth = 0): SpanPlace {
  if (entry.kind === "event") return placeOfEvent(entry, find, depth);
  const { record } = entry;
  const spanId = spanIdFor(spanKeyOf(record));
  if (record.kind === "sync") return placeOfSync(record, spanId, find, depth);
  const [parent] = parentsOf(record, find, depth);
  return below(parent, spanId, record.id);
}

/** What caused a record, the one that it stands under first; each once. */
export function parentsOf(record: LedgerRecord, find: FindEntry, depth = 0): readonly SpanPlace[] {
  if (depth >= maxDepth) return [];
  const places = new Map<string, SpanPlace>();
  const heads = record.kind === "decision" ? headsOf(record) : [];
  for (const head of heads) {
    const place = placeOf(find(head.id) ?? { kind: "event", event: head }, find, depth + 1);
    places.set(place.spanId, place);
  }
  const known = new Set(heads.map(({ id }) => id));
  for (const cause of record.causes) {
    if (known.has(cause)) continue;
    const entry = find(cause);
    const place = entry === undefined ? placeOfKey(cause, find, depth) : placeOf(entry, find, depth + 1);
    if (place !== undefined && !places.has(place.spanId)) places.set(place.spanId, place);
  }
  return [...places.values()];
}

/** What its span is made of: attempts of one effect, and a sync before and after a restart, are one. */
function spanKeyOf(record: LedgerRecord): string {
  return record.kind === "effect" || record.kind === "sync" ? record.key : record.id;
}

/** The newest that came with a trace first, as triggers pass that one on; then the newest. */
function headsOf({ events }: DecisionRecord): readonly EventHead[] {
  const rank = ({ traceparent }: EventHead): number => (traceparent === undefined ? 1 : 0);
  return Object.values(events).toSorted((a, b) => rank(a) - rank(b) || b.time.localeCompare(a.time));
}

function placeOfEvent(
  { event, causes = [] }: HistoryEntry & { readonly kind: "event" },
  find: FindEntry,
  depth: number,
): SpanPlace {
  const key = keyOfEvent(event);
  const spanId = spanIdFor(key);
  const cause = depth < maxDepth ? causes.flatMap((id) => find(id) ?? [])[0] : undefined;
  if (cause !== undefined) return below(placeOf(cause, find, depth + 1), spanId, key);
  const { traceparent } = traceContextOf(event.traceparent) ?? {};
  if (traceparent === undefined) return below(undefined, spanId, key);
  const parentId = spanIdOf(traceparent);
  const isRoot = parentId === spanId; // what it came with is its own: the trace began here
  return {
    traceId: traceIdOf(traceparent),
    spanId,
    isSampled: isSampled(traceparent),
    ...(isRoot ? {} : { parentId }),
  };
}

/** Events of ours are passed on with spans that are made of their ids alone; ids of others are unique at their source only. */
export function keyOfEvent({
  id,
  namespace,
  eventSource,
}: Pick<EventHead, "id" | "namespace" | "eventSource">): string {
  return eventSource === builtInEventSource ? id : `${namespace}/${eventSource}/${id}`;
}

/**
 * An event that came with no trace as the begin of its own, so that those whom its triggers ask go on in it. Its span is made
 * of the same as without.
 */
export function withTrace(event: CloudEvent, namespace: string): CloudEvent {
  if (traceOfEvent(event) !== undefined) return event;
  const key = keyOfEvent({ id: event.id, namespace, eventSource: event.source });
  const traceparent = `00-${traceIdFor(key)}-${spanIdFor(key)}-01`;
  return { ...event, extensions: { ...event.extensions, traceparent } };
}

function placeOfSync(record: SyncRecord, spanId: string, find: FindEntry, depth: number): SpanPlace {
  const { traceparent } = traceContextOf(record.traceparent) ?? {};
  if (traceparent === undefined) return below(parentsOf(record, find, depth)[0], spanId, record.key);
  const trace = { traceId: traceIdOf(traceparent), isSampled: isSampled(traceparent) };
  return { ...trace, spanId, parentId: spanIdOf(traceparent) };
}

/**
 * Of an effect whose record is not there yet, since it waits for what it asked for: its key names the events that it is
 * made of (`<sensor uid>/<trigger>/<ids>`).
 */
function placeOfKey(key: string, find: FindEntry, depth: number): SpanPlace | undefined {
  const events = eventIdsIn(key).flatMap((id) => find(id) ?? []);
  const [first] = events;
  return first === undefined ? undefined : below(placeOf(first, find, depth + 1), spanIdFor(key), key);
}

export function eventIdsIn(key: string): readonly string[] {
  const [, ids = ""] = /^[^/]+\/.+\/([^/]+)$/.exec(key) ?? [];
  return ids === "" ? [] : ids.split(",");
}

function below(parent: SpanPlace | undefined, spanId: string, rootKey: string): SpanPlace {
  if (parent === undefined) return { traceId: traceIdFor(rootKey), spanId, isSampled: true };
  return { traceId: parent.traceId, spanId, parentId: parent.spanId, isSampled: parent.isSampled };
}

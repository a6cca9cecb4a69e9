import { TerminalError } from "../../base/errors.ts";
import { ledgerStream, ledgerSubjects } from "../../ledger/ledger.ts";
import { decodeRecords, type StoredRecord } from "../../ledger/stored-form.ts";
import type { DecisionRecord, EventHead, ResourceName } from "../../record/records.ts";
import type { EventBus, ReadBatch } from "../bus/bus.ts";
import type { RecordedFiring } from "./compare-firings.ts";

/** The uid of a Sensor whose effects a replay makes: what it did is not what the Sensor did. */
export const replayUidPrefix = "replay-";

export interface RecordedQuery {
  readonly sensor: ResourceName;
  /** Of events of this bus, stored between these moments. */
  readonly bus: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** The bus has no older events: they cannot be replayed, whatever a Sensor would make of them. */
  readonly heldSinceMs: number;
  /** Absent: of all EventSources. */
  readonly eventSources?: ReadonlySet<string>;
}

/** What the ledger says that a Sensor fired, read bit by bit. */
export interface RecordedFirings {
  /** Milliseconds since 1970: how far it was read; infinite at the end. */
  readonly at: number;
  /** The next of them, some at a time. */
  next(): Promise<readonly RecordedFiring[]>;
  /** Firings left out: events from before took part, which a replay does not see. */
  readonly beyond: number;
}

/** `bus` is the one that holds the ledger. Reads its stream once, from `sinceMs` on: nothing is decided before its event. */
export async function openRecordedFirings(
  bus: EventBus,
  query: RecordedQuery,
  signal: AbortSignal,
): Promise<RecordedFirings & AsyncDisposable> {
  const from = await bus.positionAt(ledgerStream, query.sinceMs);
  const batches = bus.read({ subjects: ledgerSubjects, from, follow: false }, signal)[Symbol.asyncIterator]();
  let last = 0;
  let beyond = 0;

  function* firingsIn(batch: ReadBatch): Iterable<RecordedFiring> {
    for (const record of recordsIn(batch)) {
      last = Math.max(last, record.at);
      const firing = isFired(record, query.sensor) ? firingOf(record, query) : undefined;
      if (firing === "beyond") beyond += 1;
      else if (firing) yield firing;
    }
  }

  return {
    get beyond() {
      return beyond;
    },
    get at() {
      return last;
    },
    async next() {
      const { value, done } = await batches.next();
      if (!done) return [...firingsIn(value)];
      last = Number.POSITIVE_INFINITY;
      return [];
    },
    async [Symbol.asyncDispose]() {
      await batches.return?.();
    },
  };
}

/** A message that is none of a ledger is passed over, as the history does. @throws TerminalError RECORD_TOO_NEW */
function* recordsIn({ messages }: ReadBatch): Iterable<StoredRecord> {
  for (const { data } of messages) {
    try {
      yield* decodeRecords(data);
    } catch (error) {
      if (error instanceof TerminalError) throw error;
    }
  }
}

function isFired(record: StoredRecord, { namespace, name }: ResourceName): record is StoredRecord & DecisionRecord {
  if (record.kind !== "decision" || record.verdict !== "fired") return false;
  const { sensor } = record as unknown as DecisionRecord;
  const isOfReplay = sensor.uid.startsWith(replayUidPrefix);
  return sensor.namespace === namespace && sensor.name === name && sensor.kind === undefined && !isOfReplay;
}

/** Undefined: of other events than those asked for. */
function firingOf(record: DecisionRecord, query: RecordedQuery): RecordedFiring | "beyond" | undefined {
  const heads = Object.values(record.events);
  const newest = Math.max(...heads.map(({ storedAt }) => storedAt));
  if (newest < query.sinceMs || newest > query.untilMs) return undefined;
  const oldest = Math.max(query.sinceMs, query.heldSinceMs);
  if (!heads.some((head) => isAsked(head, query))) return undefined;
  if (!heads.every((head) => isAsked(head, query) && head.storedAt >= oldest)) return "beyond";
  return {
    trigger: record.trigger ?? "",
    events: Object.fromEntries(Object.entries(record.events).map(([dependency, { id }]) => [dependency, id])),
    storedAt: newest,
    writer: record.id.slice(0, record.id.lastIndexOf("-")),
  };
}

function isAsked({ bus, eventSource }: EventHead, query: RecordedQuery): boolean {
  return bus === query.bus && (query.eventSources?.has(eventSource) ?? true);
}

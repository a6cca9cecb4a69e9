import type { EventHead, LedgerRecord } from "../record/records.ts";

/** One thing that happened: an event as the bus holds it, or a record of the ledger. */
export type HistoryEntry =
  | {
      readonly kind: "event";
      readonly event: EventHead;
      /** Of an event of ours: ids of what led to it. */
      readonly causes?: readonly string[];
    }
  | { readonly kind: "record"; readonly record: LedgerRecord };

export interface EventQuery {
  /** At most; newest first. */
  readonly limit: number;
  readonly namespace?: string;
  readonly eventSource?: string;
  /** Milliseconds since 1970: stored before. */
  readonly before?: number;
}

export interface RecordQuery {
  readonly limit: number;
  readonly kind?: LedgerRecord["kind"];
  readonly before?: number;
  /** Records of one Sensor, or of the Application of this name. */
  readonly sensor?: { readonly namespace: string; readonly name: string };
}

export interface ExportQuery {
  /** At most. */
  readonly limit: number;
  /** What came after this record, by its id. */
  readonly after?: string;
  /** Milliseconds since 1970: when it happened, from and before. */
  readonly since?: number;
  readonly until?: number;
  readonly kind?: LedgerRecord["kind"];
}

export interface ExportPage {
  /** In the order in which they were stored, which nothing ever comes into later. */
  readonly records: readonly LedgerRecord[];
  /** The last that was looked at, to go on after; absent: there is none, the end is where it was. */
  readonly next?: string;
  /** There was nothing more when it was asked. */
  readonly isEnd: boolean;
}

/** Questions about what happened; answered from the projection. Every answer is bounded by its limit. */
export interface History {
  event(id: string): Promise<EventHead | undefined>;
  /** By its id; an effect of kind `gitOps` by its key, too: of several attempts the last. */
  record(id: string): Promise<LedgerRecord | undefined>;
  /**
   * What a person means: an event or record by its id or key; the newest sync of a commit (7 to 40 hex digits); the newest
   * observation of a live object, as `NAMESPACE/NAME`, `KIND/NAMESPACE/NAME` or `KIND/NAME` of one without a namespace.
   * The first of these that is known.
   */
  find(reference: string): Promise<HistoryEntry | undefined>;
  /** Newest first. */
  events(query: EventQuery): Promise<readonly EventHead[]>;
  /** Newest first. */
  records(query: RecordQuery): Promise<readonly LedgerRecord[]>;
  /**
   * Oldest first, in pages: each is bounded in records, bytes and in what is looked at for it, so one may hold none.
   * Undefined: nobody knows the record of `after`.
   */
  exportPage(query: ExportQuery): Promise<ExportPage | undefined>;
  /** Everything that led to the event or record, itself not included, oldest first; at most 1,000 entries. */
  causes(id: string): Promise<readonly HistoryEntry[]>;
  /** Everything that followed from it, itself not included, oldest first; at most 1,000 entries. */
  effects(id: string): Promise<readonly HistoryEntry[]>;
  /** Resolves once the projection holds what was stored when it was called; gives up, without failing, after 2 s. */
  caughtUp(): Promise<void>;
}

export function idOf(entry: HistoryEntry): string {
  return entry.kind === "event" ? entry.event.id : entry.record.id;
}

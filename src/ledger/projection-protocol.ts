import type { EventHead, LedgerRecord } from "../record/records.ts";
import type { EventQuery, ExportPage, ExportQuery, HistoryEntry, RecordQuery } from "./history.ts";

/** The name under which the ledger itself is followed; buses of events have their label. */
export const ledgerName = "ledger";

/** Where the projection stands in one stream. */
export interface FollowedPosition {
  readonly epoch: string;
  readonly after: number;
}

/** Stored messages, packed so that posting them costs the main thread one copy and no walk over objects. */
export interface PackedBatch {
  readonly name: string;
  readonly epoch: string;
  readonly through: number;
  readonly subjects: readonly string[];
  /** For each message: sequence, storedAt, length in bytes. */
  readonly numbers: Float64Array;
  readonly bytes: Uint8Array;
}

/** What the worker can be asked, and its answers. */
export interface Questions {
  readonly position: { readonly ask: { readonly name: string }; readonly answer: FollowedPosition | undefined };
  /** Stores rows and position in one transaction; answers how many messages could not be read, and why the first. */
  readonly store: { readonly ask: PackedBatch; readonly answer: { readonly skipped: number; readonly reason: string } };
  /** Forgets what a stream has dropped, in a bounded step; answers whether there is more to forget. */
  readonly forget: { readonly ask: { readonly name: string; readonly below: number }; readonly answer: boolean };
  readonly event: { readonly ask: { readonly id: string }; readonly answer: EventHead | undefined };
  readonly record: { readonly ask: { readonly id: string }; readonly answer: LedgerRecord | undefined };
  readonly find: { readonly ask: { readonly reference: string }; readonly answer: HistoryEntry | undefined };
  readonly events: { readonly ask: EventQuery; readonly answer: readonly EventHead[] };
  readonly records: { readonly ask: RecordQuery; readonly answer: readonly LedgerRecord[] };
  readonly exportPage: { readonly ask: ExportQuery; readonly answer: ExportPage | undefined };
  readonly causes: { readonly ask: { readonly id: string }; readonly answer: readonly HistoryEntry[] };
  readonly effects: { readonly ask: { readonly id: string }; readonly answer: readonly HistoryEntry[] };
  readonly close: { readonly ask: Record<string, never>; readonly answer: undefined };
}

export type QuestionKind = keyof Questions;
export type Asked = {
  readonly [K in QuestionKind]: { readonly kind: K; readonly ask: Questions[K]["ask"] };
}[QuestionKind];

export type ToWorker = Asked & { readonly number: number };
export type FromWorker =
  | { readonly number: number; readonly answer: unknown }
  | { readonly number: number; readonly error: ProjectionError };

export interface ProjectionError {
  readonly message: string;
  /** `passing`: a full disk, a file in use; the same may be asked again later. */
  readonly is: "too new" | "damage" | "passing";
}

import type { ObjectRef } from "../objects/object.ts";

/** One per kind. Told only that something about `ref` may have changed, never what: it reads and moves on. */
export interface Reconciler {
  /**
   * Reads all state for `ref` and moves it toward the spec. A thrown error retries with back-off; a TerminalError does
   * not, until the object changes.
   */
  reconcile(ref: ObjectRef, signal: AbortSignal): Promise<{ readonly againAfterMs?: number }>;
}

import { EngineError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import type { Sequence, StateStore } from "../../events/bus/bus.ts";

/** How far the stored requests of one partition of Applications were taken, and acted on. */
export interface Cursor {
  /** Of the stream; "" before anything is known. */
  epoch: string;
  /** Taken up to here, what is for other partitions included. */
  read: Sequence;
  /** The last request that was for this partition. */
  taken: Sequence;
  /** Acted on up to here, as stored. */
  stored: Sequence;
  /** Of the stored position. */
  revision: number;
  /** Requests that were taken and not acted on yet, in the order of reading. */
  pending: Set<Sequence>;
}

/** From a stored position, or, without one, from the first request that is kept; undefined when it cannot be read. */
export function createCursor(value: undefined, revision: number): Cursor;
export function createCursor(value: Uint8Array | undefined, revision: number): Cursor | undefined;
export function createCursor(value: Uint8Array | undefined, revision: number): Cursor | undefined {
  const position = value === undefined ? { epoch: "", after: 0 } : positionIn(value);
  if (position === undefined) return undefined;
  const { epoch, after } = position;
  return { epoch, read: after, taken: 0, stored: after, revision, pending: new Set() };
}

/** The one that all have; undefined when they differ, or when one has none. */
export function epochOf(cursors: readonly Cursor[]): string | undefined {
  const [first] = cursors;
  if (first === undefined || first.epoch === "") return undefined;
  return cursors.every(({ epoch }) => epoch === first.epoch) ? first.epoch : undefined;
}

/** The stream was made anew: its positions count from the start again. What was taken of the former says nothing. */
export function startAnew(cursor: Cursor, epoch: string): void {
  Object.assign(cursor, { epoch, read: 0, taken: 0, stored: 0, pending: new Set() });
}

/** Whether all that was taken is acted on and stored as such. */
export function isCaughtUp({ stored, taken }: Cursor): boolean {
  return stored >= taken;
}

/** Stores the position if it moved on. @throws EngineError BUS_STALE, after which the next call knows what is stored */
export async function flushCursor(cursor: Cursor, key: string, state: StateStore): Promise<void> {
  const { epoch } = cursor;
  const [oldest] = cursor.pending;
  const after = oldest === undefined ? cursor.read : oldest - 1;
  if (after <= cursor.stored) return;
  const value = new TextEncoder().encode(JSON.stringify({ epoch, after }));
  try {
    cursor.revision = await state.put(key, value, cursor.revision);
    if (epoch === cursor.epoch) cursor.stored = after;
  } catch (error) {
    // A write whose answer was lost moved the revision on, or an engine that lost the partition wrote late.
    if (error instanceof EngineError && error.code === "BUS_STALE") {
      cursor.revision = (await state.get(key))?.revision ?? 0;
    }
    throw error;
  }
}

function positionIn(value: Uint8Array): { readonly epoch: string; readonly after: Sequence } | undefined {
  try {
    const position: unknown = JSON.parse(new TextDecoder().decode(value));
    if (!isJsonObject(position)) return undefined;
    const { epoch, after } = position;
    return typeof epoch === "string" && typeof after === "number" ? { epoch, after } : undefined;
  } catch {
    return undefined;
  }
}

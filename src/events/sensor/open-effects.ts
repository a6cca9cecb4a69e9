import { ChurnMap } from "../../base/churn-map.ts";
import type { LedgerPosition } from "../../record/records.ts";
import type { Sequence } from "../bus/bus.ts";
import type { OutboxEntry } from "./effect.ts";

export interface OutboxChanges {
  /** By key; `null`: done. */
  readonly changes: ReadonlyMap<string, OutboxEntry | null>;
  /** Whether effects wait for the commit. */
  readonly waiting: boolean;
  committed(): void;
}

const none: ReadonlyMap<string, OutboxEntry | null> = new Map();

/**
 * What of a Sensor is unfinished, each entry in one of two places:
 *
 * - inline: its event is above the stored position; nothing of it is stored, a crash reduces the event again;
 * - outbox: stored with the state.
 */
export class OpenEffects {
  readonly #onCount: (entry: OutboxEntry, by: number) => void;
  /** By event sequence, ascending: how many are open, and the ledger's place when the first of them began. */
  readonly #sequences = new ChurnMap<Sequence, { open: number; readonly ledger: LedgerPosition }>();
  readonly #inline = new ChurnMap<string, { readonly entry: OutboxEntry; readonly sequence: Sequence }>();
  readonly #outbox = new ChurnMap<string, OutboxEntry>();
  readonly #dirty = new ChurnMap<string, true>();

  /** `onCount`: an entry came into the outbox (1), or left it (-1). */
  constructor(onCount: (entry: OutboxEntry, by: number) => void) {
    this.#onCount = onCount;
  }

  find(key: string): OutboxEntry | undefined {
    return this.#outbox.get(key) ?? this.#inline.get(key)?.entry;
  }

  has(key: string): boolean {
    return this.#outbox.has(key) || this.#inline.has(key);
  }

  *entries(): Iterable<OutboxEntry> {
    for (const { entry } of this.#inline.values()) yield entry;
    yield* this.#outbox.values();
  }

  get outboxSize(): number {
    return this.#outbox.size;
  }

  /** The oldest event with an effect that is stored nowhere else. */
  get oldestSequence(): Sequence | undefined {
    for (const sequence of this.#sequences.keys()) return sequence;
    return undefined;
  }

  /** Where the ledger stood when the oldest event with an inline effect came. */
  get oldestLedger(): LedgerPosition | undefined {
    for (const { ledger } of this.#sequences.values()) return ledger;
    return undefined;
  }

  addInline(entry: OutboxEntry, sequence: Sequence, ledger: LedgerPosition): void {
    this.#inline.set(entry.key, { entry, sequence });
    const known = this.#sequences.get(sequence);
    if (known) known.open += 1;
    else this.#sequences.set(sequence, { open: 1, ledger });
  }

  /** A new entry, a newer form of one that is there, or one that was inline. */
  store(entry: OutboxEntry): void {
    this.#leaveInline(entry.key);
    const isNew = !this.#outbox.has(entry.key);
    this.#outbox.set(entry.key, entry);
    this.#dirty.set(entry.key, true);
    if (isNew) this.#onCount(entry, 1);
  }

  storeInline(): void {
    const entries = [...this.#inline.values()];
    this.#inline.clear();
    this.#sequences.clear();
    for (const { entry } of entries) this.store(entry);
  }

  finish(key: string): void {
    this.#leaveInline(key);
    const entry = this.#outbox.get(key);
    if (!entry) return;
    this.#outbox.delete(key);
    this.#dirty.set(key, true);
    this.#onCount(entry, -1);
  }

  /** What is stored under this key must be stored anew, or removed. */
  touch(key: string): void {
    this.#dirty.set(key, true);
  }

  /** What changed since the last call, by key; `null`: done. */
  takeChanges(): ReadonlyMap<string, OutboxEntry | null> {
    if (this.#dirty.size === 0) return none; // of most Sensors, each 100 ms
    const changes = new Map<string, OutboxEntry | null>();
    for (const key of this.#dirty.keys()) changes.set(key, this.#outbox.get(key) ?? null);
    this.#dirty.clear();
    return changes;
  }

  #leaveInline(key: string): void {
    const inline = this.#inline.get(key);
    if (!inline) return;
    this.#inline.delete(key);
    const event = this.#sequences.get(inline.sequence);
    if (!event) return;
    event.open -= 1;
    if (event.open === 0) this.#sequences.delete(inline.sequence);
  }
}

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

/** `ledger`: where the ledger stood when the first entry of it came. */
interface InlineEvent {
  readonly sequence: Sequence;
  readonly ledger: LedgerPosition;
}

interface Inline {
  readonly entry: OutboxEntry;
  readonly event: InlineEvent;
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
  /** In the order of their events. */
  readonly #inline = new ChurnMap<string, Inline>();
  #newest: InlineEvent | undefined;
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
    for (const { event } of this.#inline.values()) return event.sequence;
    return undefined;
  }

  /** Where the ledger stood when the oldest event with an inline effect came. */
  get oldestLedger(): LedgerPosition | undefined {
    for (const { event } of this.#inline.values()) return event.ledger;
    return undefined;
  }

  /**
   * `sequence`: of its event, not below that of the one before. `ledger`: where the ledger stands. All of one event have
   * the place of its first: after a crash the event is decided again, and outcomes of each are looked for from there on.
   */
  addInline(entry: OutboxEntry, sequence: Sequence, ledger: LedgerPosition): void {
    if (this.#newest?.sequence !== sequence) this.#newest = { sequence, ledger };
    this.#inline.set(entry.key, { entry, event: this.#newest });
  }

  /** A new entry, a newer form of one that is there, or one that was inline. */
  store(entry: OutboxEntry): void {
    this.#inline.delete(entry.key);
    const isNew = !this.#outbox.has(entry.key);
    this.#outbox.set(entry.key, entry);
    this.#dirty.set(entry.key, true);
    if (isNew) this.#onCount(entry, 1);
  }

  storeInline(): void {
    const entries = [...this.#inline.values()];
    this.#inline.clear();
    for (const { entry } of entries) this.store(entry);
  }

  finish(key: string): void {
    this.#inline.delete(key);
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
}

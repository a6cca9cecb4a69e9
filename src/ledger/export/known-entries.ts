import { builtInEventSource } from "../../record/cloud-event.ts";
import type { LedgerRecord } from "../../record/records.ts";
import type { History, HistoryEntry } from "../history.ts";
import { eventIdsIn, type FindEntry } from "./places.ts";
import { referencesOf } from "./spans.ts";

type EventEntry = HistoryEntry & { readonly kind: "event" };

/** Entries in memory; the history has all of them. */
const maxKnown = 4_096;
/** Events that are looked up of the key of an effect. */
const maxIds = 32;

/** What led to the records that are looked at: of those that came lately from memory, of others from the history. */
export class KnownEntries {
  readonly #history: History;
  readonly #entries = new Map<string, HistoryEntry>();
  readonly #begun = new Map<string, number>();
  readonly #told = new Map<string, true>();

  constructor(history: History) {
    this.#history = history;
  }

  readonly find: FindEntry = (reference) => this.#entries.get(reference);
  readonly begunAt = (effectKey: string): number | undefined => this.#begun.get(effectKey);

  /** After it everything is known that leads to the record, as far as anybody knows it. */
  async learn(record: LedgerRecord): Promise<void> {
    this.#keep({ kind: "record", record });
    if (record.kind === "effect" && !this.#begun.has(record.key)) put(this.#begun, record.key, record.startedAt);
    if (record.kind === "decision") {
      for (const event of Object.values(record.events)) {
        if (!this.#entries.has(event.id)) this.#keep({ kind: "event", event });
      }
    }
    if (record.causes.every((cause) => this.#entries.has(cause)) && !hasEventOfOurs(record)) return;
    for (const cause of await this.#history.causes(record.id)) this.#keep(cause);
    for (const cause of record.causes) if (!this.#entries.has(cause)) await this.#learnEvents(cause);
  }

  /** The events that it names itself; those behind an effect are told of with the decision on it, maybe by another engine. */
  eventsOf({ causes }: LedgerRecord): readonly EventEntry[] {
    return causes.flatMap((id) => {
      const entry = this.#entries.get(id);
      return entry?.kind === "event" ? [entry] : [];
    });
  }

  isTold(id: string): boolean {
    return this.#told.has(id);
  }

  /** Their spans have been sent. */
  tell(ids: Iterable<string>): void {
    for (const id of ids) put(this.#told, id, true);
  }

  /** An effect that waits for what it asked for has no record yet. */
  async #learnEvents(key: string): Promise<void> {
    for (const id of eventIdsIn(key).slice(0, maxIds)) {
      const event = this.#entries.has(id) ? undefined : await this.#history.event(id);
      if (event !== undefined) this.#keep({ kind: "event", event });
    }
  }

  #keep(entry: HistoryEntry): void {
    for (const reference of referencesOf(entry)) put(this.#entries, reference, entry);
  }
}

/** It has causes itself, which a decision's head of it does not tell. */
function hasEventOfOurs(record: LedgerRecord): boolean {
  if (record.kind !== "decision") return false;
  return Object.values(record.events).some(({ eventSource }) => eventSource === builtInEventSource);
}

/** As the newest; the oldest goes. */
function put<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= maxKnown) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

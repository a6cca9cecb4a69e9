import { systemClock } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import { type ExportPage, type ExportQuery, type History, type HistoryEntry, idOf } from "../ledger/history.ts";
import type { EventHead } from "../record/records.ts";
import { type EngineClient, findEngine, type GlobalFlags } from "./engine-client.ts";
import { type Stored, withStoredBus } from "./stored-bus.ts";

export interface Trace {
  readonly self: HistoryEntry;
  readonly causes: readonly HistoryEntry[];
  readonly effects: readonly HistoryEntry[];
}

/** What commands ask about the past. */
export interface HistorySource {
  events(query: { limit: number; namespace?: string; eventSource?: string }): Promise<readonly EventHead[]>;
  event(id: string): Promise<EventHead>;
  /** @throws EngineError NOT_FOUND for an `after` that nobody knows */
  exportPage(query: ExportQuery): Promise<ExportPage>;
  /** Of whatever `History.find` knows. */
  trace(reference: string): Promise<Trace>;
}

/**
 * Asks the running engine; with none, opens the data directory under its lock and answers from what is stored there.
 * @throws EngineError ENGINE_UNREACHABLE when there is neither.
 */
export async function withHistory<T>(flags: GlobalFlags, use: (history: HistorySource) => Promise<T>): Promise<T> {
  const engine = findEngine(flags);
  if (engine) return use(remote(engine));
  return withStoredBus(flags.dataDir, (found) => withStored(found, use));
}

function remote(engine: EngineClient): HistorySource {
  return {
    async events(query) {
      return (await engine.get<{ events: EventHead[] }>(`/events?${searchOf(query)}`)).events;
    },
    exportPage: (query) => engine.get<ExportPage>(`/export?${searchOf(query)}`),
    event: async (id) => (await engine.get<{ event: EventHead }>(`/events/${encodeURIComponent(id)}`)).event,
    trace: (reference) => engine.get<Trace>(`/trace/${encodeURIComponent(reference)}`),
  };
}

function searchOf(query: object): URLSearchParams {
  return new URLSearchParams(Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]));
}

async function withStored<T>({ bus, dir, log }: Stored, use: (history: HistorySource) => Promise<T>): Promise<T> {
  const { openProjection } = await import("../ledger/projection.ts");
  const { rawSubject } = await import("../record/subject.ts");
  await using projection = await openProjection({ path: dir.file("ledger.db"), clock: systemClock, log });
  const stop = new AbortController();
  const following = projection.follow("system", bus, [rawSubject("events.>")], stop.signal);
  try {
    await Promise.race([projection.history.caughtUp(), following]); // following ends by itself only when it fails
    return await use(stored(projection.history));
  } finally {
    stop.abort();
    await following;
  }
}

function stored(history: History): HistorySource {
  return {
    events: (query) => history.events(query),
    event: async (id) => known(await history.event(id), "event", id),
    exportPage: async (query) => known(await history.exportPage(query), "record", query.after ?? ""),
    async trace(reference) {
      const self = known(await history.find(reference), "event, record, commit or object", reference);
      const id = idOf(self);
      return { self, causes: await history.causes(id), effects: await history.effects(id) };
    },
  };
}

function known<T>(value: T | undefined, what: string, id: string): T {
  if (value === undefined) throw new EngineError("NOT_FOUND", `no ${what} "${id}" is known`);
  return value;
}

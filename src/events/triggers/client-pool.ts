import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { ClientPool, PooledClient } from "./trigger.ts";

interface Entry {
  readonly opening: Promise<PooledClient<unknown>>;
  users: number;
  /** In the clock's monotonic time. */
  usedAt: number;
  /** It is no longer in the map: its last user closes it. */
  isRetired: boolean;
}

/** Connections that are open at once; where they are all in use, another one is an error. */
const maxClients = 256;
const idleMs = 60_000;

/** A pool on its own; disposal closes what is open. `run` closes what is idle. */
export interface OpenClientPool extends ClientPool, AsyncDisposable {
  run(signal: AbortSignal): Promise<void>;
}

/** Opening is shared by all who wait for one key. An opening that fails is forgotten, so that the next use tries again. */
export function createClientPool({ clock, log }: { readonly clock: Clock; readonly log: Logger }): OpenClientPool {
  const entries = new Map<string, Entry>();

  async function close(entry: Entry): Promise<void> {
    try {
      await (await entry.opening).close();
    } catch (error) {
      log.debug("a connection of a trigger did not close in order", { error });
    }
  }

  function retire(key: string, entry: Entry): Promise<void> {
    if (entries.get(key) === entry) entries.delete(key);
    entry.isRetired = true;
    return entry.users === 0 ? close(entry) : Promise.resolve();
  }

  async function makeRoom(): Promise<void> {
    if (entries.size < maxClients) return;
    for (const [key, entry] of entries) {
      if (entry.users > 0) continue;
      return retire(key, entry);
    }
    throw new EngineError("TRIGGER_FAILED", `${maxClients} connections of triggers are in use: no more are opened`);
  }

  async function entryOf(key: string, open: () => Promise<PooledClient<unknown>>): Promise<Entry> {
    const known = entries.get(key);
    if (known) {
      const pooled = await known.opening;
      if (pooled.isUsable()) return known;
      await retire(key, known);
      const other = entries.get(key);
      if (other) return other;
    } else {
      await makeRoom();
    }
    const entry: Entry = { opening: open(), users: 0, usedAt: clock.monotonicMs(), isRetired: false };
    entries.set(key, entry);
    entry.opening.catch(() => {
      if (entries.get(key) === entry) entries.delete(key);
    });
    return entry;
  }

  return {
    async use<Client, Result>(
      key: string,
      open: () => Promise<PooledClient<Client>>,
      work: (client: Client) => Promise<Result>,
    ): Promise<Result> {
      const entry = await entryOf(key, open);
      entry.users += 1;
      try {
        return await work((await entry.opening).client as Client);
      } finally {
        entry.users -= 1;
        entry.usedAt = clock.monotonicMs();
        if (entry.isRetired && entry.users === 0) await close(entry);
      }
    },
    async run(signal) {
      while (!signal.aborted) {
        await sleepFor(clock, idleMs, signal).catch(() => undefined);
        const oldest = clock.monotonicMs() - idleMs;
        const idle = [...entries].filter(([, { users, usedAt }]) => users === 0 && usedAt <= oldest);
        await Promise.all(idle.map(([key, entry]) => retire(key, entry)));
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...entries].map(([key, entry]) => retire(key, entry)));
    },
  };
}

import { jetstream } from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { StateEntry, StateOptions, StateStore } from "./bus.ts";
import { busError, type Connection, requestTimeoutMs } from "./jetstream-connection.ts";
import { listBucket } from "./jetstream-state-list.ts";
import { watchBucket } from "./jetstream-state-watch.ts";

/** The server's own; may not be longer than the TTL. */
const defaultWindowMs = 120_000;

export interface JetStreamStateOptions extends StateOptions {
  readonly replicas: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A bucket of its own, made when first used; the prefix keeps clear of buckets of others on the same server. */
export function jetStreamState(connection: Connection, name: string, options: JetStreamStateOptions): StateStore {
  const { clock, log, ttlMs } = options;
  let opening: Promise<KV> | undefined;

  async function bucket(): Promise<KV> {
    opening ??= openBucket(connection, `tiphys_${name}`, options);
    try {
      return await opening;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  }

  async function run<T>(operation: string, work: (kv: KV) => Promise<T>): Promise<T> {
    try {
      return await work(await bucket());
    } catch (error) {
      throw busError(`${operation} of state ${name}`, error);
    }
  }

  return {
    get: (key) => run(`get "${key}"`, (kv) => find(kv, key)),
    put: (key, value, expected) =>
      run(`put "${key}"`, async (kv) => {
        if (expected === undefined) return await kv.put(key, value);
        return expected === 0 ? await kv.create(key, value) : await kv.update(key, value, expected);
      }),
    delete: (key, expected) =>
      run(`delete "${key}"`, async (kv) => {
        if (expected === 0 && (await find(kv, key)))
          throw new EngineError("BUS_STALE", `key "${key}" of ${name} exists`);
        await kv.delete(key, expected === undefined || expected === 0 ? {} : { previousSeq: expected });
      }),
    entries: (prefix) =>
      run(`entries "${prefix}"`, async () => {
        const entries = await listBucket(connection, `tiphys_${name}`, clock);
        return entries.filter(({ key }) => key.startsWith(prefix)).sort((a, b) => (a.key < b.key ? -1 : 1));
      }),
    watch: (prefix, signal) => watchBucket({ name, bucket, ttlMs, clock, log }, prefix, signal),
  };
}

async function openBucket(
  { nc, jsm }: Connection,
  name: string,
  { replicas, ttlMs, log }: JetStreamStateOptions,
): Promise<KV> {
  const ttl = ttlMs === undefined ? {} : { ttl: ttlMs };
  const kv = await new Kvm(jetstream(nc, { timeout: requestTimeoutMs })).create(name, { history: 1, replicas, ...ttl });
  const status = await kv.status(); // a bucket that was there keeps its own TTL
  if (status.ttl !== (ttlMs ?? 0)) {
    const maxAge = (ttlMs ?? 0) * 1e6;
    const window = ttlMs === undefined ? defaultWindowMs : Math.min(defaultWindowMs, ttlMs);
    await jsm.streams.update(`KV_${name}`, { max_age: maxAge, duplicate_window: window * 1e6 });
  }
  if (status.replicas < replicas) {
    await jsm.streams.update(`KV_${name}`, { num_replicas: replicas }).catch((error) => {
      log.warn("state has fewer copies than the streams", { store: name, copies: status.replicas, error });
    });
  }
  return kv;
}

async function find(kv: KV, key: string): Promise<StateEntry | undefined> {
  const entry = await kv.get(key);
  if (entry === null || entry.operation !== "PUT") return undefined;
  return { key, value: entry.value, revision: entry.revision };
}

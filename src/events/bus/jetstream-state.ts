import { jetstream } from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import { EngineError } from "../../base/errors.ts";
import type { StateEntry, StateStore } from "./bus.ts";
import { busError, type Connection, requestTimeoutMs } from "./jetstream-connection.ts";

/** A bucket of its own, made when first used; the prefix keeps clear of buckets of others on the same server. */
export function jetStreamState({ nc }: Connection, name: string, replicas: number): StateStore {
  let opening: Promise<KV> | undefined;

  async function bucket(): Promise<KV> {
    opening ??= new Kvm(jetstream(nc, { timeout: requestTimeoutMs })).create(`tiphys_${name}`, {
      history: 1,
      replicas,
    });
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
    entries: (prefix) => run(`entries "${prefix}"`, (kv) => list(kv, prefix)),
  };
}

async function find(kv: KV, key: string): Promise<StateEntry | undefined> {
  const entry = await kv.get(key);
  if (entry === null || entry.operation !== "PUT") return undefined;
  return { key, value: entry.value, revision: entry.revision };
}

async function list(kv: KV, prefix: string): Promise<readonly StateEntry[]> {
  const entries: StateEntry[] = [];
  for await (const { key, value, revision, operation } of await kv.history()) {
    if (operation === "PUT" && key.startsWith(prefix)) entries.push({ key, value, revision });
  }
  return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
}

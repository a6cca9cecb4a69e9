import { backoffMs, reconnectBackoff } from "../base/backoff.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { GroupVersionKind, KubeObject } from "../objects/object.ts";
import type { KubeClient, ListOptions, WatchCache } from "./kube.ts";

export interface WatchCacheOptions {
  readonly client: KubeClient;
  readonly kind: GroupVersionKind;
  readonly options?: ListOptions;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is kept of each object; default: all of it. Applied on arrival. */
  readonly trim?: (object: KubeObject) => KubeObject;
}

/** A watch that ends sooner says nothing about the health of the server. */
const shortWatchMs = 1_000;

type Listener = Parameters<WatchCache["onChange"]>[0];

/** Listing → watching → (the watch ended) watching again, or (410) listing again; any other failure waits first. */
export function createWatchCache(options: WatchCacheOptions): WatchCache {
  const { client, kind, clock, log, trim = (object) => object } = options;
  const listOptions = options.options ?? {};
  const objects = new Map<string, KubeObject>();
  const listeners = new Set<Listener>();
  const synced = Promise.withResolvers<void>();
  /** Where to watch from; undefined: list first. */
  let version: string | undefined;
  let failures = 0;

  function tell(change: Parameters<Listener>[0]): void {
    for (const listener of listeners) {
      try {
        listener(change);
      } catch (error) {
        log.error("a listener of a watch cache failed", { kind: kind.kind, error });
      }
    }
  }

  function set(incoming: KubeObject): void {
    const object = trim(incoming);
    objects.set(keyOf(object.metadata.namespace, object.metadata.name), object);
    tell({ type: "set", object });
  }

  function remove(key: string, last?: KubeObject): void {
    const known = objects.get(key);
    if (!objects.delete(key) || known === undefined) return;
    tell({ type: "deleted", object: last === undefined ? known : trim(last) });
  }

  async function list(signal: AbortSignal): Promise<string> {
    const found = await client.list(kind, listOptions, signal);
    const listed = new Set<string>();
    for (const object of found.items) {
      const key = keyOf(object.metadata.namespace, object.metadata.name);
      listed.add(key);
      if (objects.get(key)?.metadata.resourceVersion !== object.metadata.resourceVersion) set(object);
    }
    for (const key of [...objects.keys()]) if (!listed.has(key)) remove(key);
    synced.resolve();
    return found.resourceVersion;
  }

  async function watch(from: string, signal: AbortSignal): Promise<void> {
    for await (const event of client.watch(kind, from, listOptions, signal)) {
      failures = 0;
      if (event.type === "BOOKMARK") version = event.resourceVersion;
      else {
        if (event.type === "DELETED")
          remove(keyOf(event.object.metadata.namespace, event.object.metadata.name), event.object);
        else set(event.object);
        version = event.object.metadata.resourceVersion ?? version;
      }
    }
  }

  async function once(signal: AbortSignal): Promise<void> {
    version ??= await list(signal);
    const startedAt = clock.monotonicMs();
    const lastedMs = (): number => clock.monotonicMs() - startedAt;
    try {
      await watch(version, signal);
    } finally {
      if (lastedMs() >= shortWatchMs) failures = 0;
    }
    // A server that ends watches at once must not be asked in a tight loop.
    if (lastedMs() < shortWatchMs) await sleepFor(clock, backoffMs(reconnectBackoff, 1), signal);
  }

  async function recover(error: unknown, signal: AbortSignal): Promise<void> {
    const isExpired = error instanceof EngineError && error.code === "API_CONFLICT";
    if (isExpired) version = undefined;
    failures++;
    if (isExpired && failures === 1) return;
    const delayMs = backoffMs(reconnectBackoff, Math.min(failures, 32));
    log.warn("watch interrupted; trying again", { kind: kind.kind, error, delayMs });
    await sleepFor(clock, delayMs, signal);
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        try {
          await once(signal);
        } catch (error) {
          if (!signal.aborted) await recover(error, signal).catch((cause) => rethrowUnless(signal, cause));
        }
      }
    },
    synced: synced.promise,
    find: (namespace, name) => objects.get(keyOf(namespace, name)),
    items: () => objects.values(),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function keyOf(namespace: string | undefined, name: string | undefined): string {
  return `${namespace ?? ""}/${name ?? ""}`;
}

/** Aborting is a clean stop. */
function rethrowUnless(signal: AbortSignal, error: unknown): void {
  if (!signal.aborted) throw error;
}

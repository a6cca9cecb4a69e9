import { backoffMs, reconnectBackoff } from "../base/backoff.ts";
import { type Clock, sleepFor, unneeded } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { GroupVersionKind, KubeObject } from "../objects/object.ts";
import type { KubeClient, ListOptions, WatchCache, WatchChange, WatchEvent, WatchFailure } from "./kube.ts";

export interface WatchCacheOptions {
  readonly client: KubeClient;
  readonly kind: GroupVersionKind;
  readonly options?: Omit<ListOptions, "trim">;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is kept of each object; default: all of it. Applied on arrival. */
  readonly trim?: (object: KubeObject) => KubeObject;
  /** Called for each failure, before the next try. Must not throw. */
  readonly onFailure?: (failure: WatchFailure) => void;
}

/** A watch that ends sooner says nothing about the health of the server. */
const shortWatchMs = 1_000;
/** A watch that is silent for so long is open: connecting to a host that does not answer has failed by then. */
const silentWatchMs = 15_000;
/** A server that hangs does not end a watch, and says nothing in it: it is opened anew after so long at most. */
const longestWatchMs = 600_000;

type Listener = Parameters<WatchCache["onChange"]>[0];

interface Place {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

/** Does no I/O until `run`. */
export function createWatchCache(options: WatchCacheOptions): WatchCache {
  return new KindCache(options);
}

/**
 * The states of `run`:
 * - listing (no version): everything is read; what differs from memory is told, and what is missing is removed.
 * - watching (a version): changes are taken on from there; each moves the version on. A watch that ends, or has lasted for
 *   long, is opened again from the version; one that ended at once waits first.
 * - interrupted: a 410 forgets the version, which leads back to listing, at once the first time; any other failure
 *   waits, longer each time, and goes on where it was. A change that arrives ends the count of failures.
 * A watch does not say that it is open, so `failure` stays until a list, a change, or enough silence (`silentWatchMs`).
 */
class KindCache implements WatchCache {
  readonly #options: WatchCacheOptions;
  readonly #listOptions: Omit<ListOptions, "trim">;
  readonly #trim: (object: KubeObject) => KubeObject;
  readonly #objects = new Map<string, KubeObject>();
  readonly #listeners = new Set<Listener>();
  readonly #synced = Promise.withResolvers<void>();
  /** Where to watch from; undefined: list first. */
  #version: string | undefined;
  #failures = 0;
  #isInitial = true;
  #failure: WatchFailure | undefined;
  /** When the watch that runs now was begun. */
  #watchingSince: number | undefined;

  constructor(options: WatchCacheOptions) {
    this.#options = options;
    this.#listOptions = options.options ?? {};
    this.#trim = options.trim ?? ((object) => object);
  }

  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get failure(): WatchFailure | undefined {
    return this.#isWatching() ? undefined : this.#failure;
  }

  find(namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects.get(keyOf({ namespace, name }));
  }

  items(): Iterable<KubeObject> {
    return this.#objects.values();
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#listAndWatch(signal);
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, signal).catch((cause) => rethrowUnless(signal, cause));
      }
    }
  }

  async #listAndWatch(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#version ??= await this.#list(signal);
    const startedAt = clock.monotonicMs();
    const lastedMs = (): number => clock.monotonicMs() - startedAt;
    this.#watchingSince = startedAt;
    try {
      await this.#watch(this.#version, signal);
    } finally {
      if (lastedMs() >= shortWatchMs) this.#failures = 0;
      if (this.#isWatching()) this.#failure = undefined;
      this.#watchingSince = undefined;
    }
    // A server that ends watches at once must not be asked in a tight loop.
    if (lastedMs() < shortWatchMs) await sleepFor(clock, backoffMs(reconnectBackoff, 1), signal);
  }

  #isWatching(): boolean {
    const since = this.#watchingSince;
    return since !== undefined && this.#options.clock.monotonicMs() - since >= silentWatchMs;
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, kind } = this.#options;
    const found = await client.list(kind, { ...this.#listOptions, trim: this.#trim }, signal);
    const listed = new Set<string>();
    for (const object of found.items) {
      const key = keyOf(object.metadata);
      listed.add(key);
      if (this.#objects.get(key)?.metadata.resourceVersion !== object.metadata.resourceVersion) this.#set(object);
    }
    for (const key of [...this.#objects.keys()]) if (!listed.has(key)) this.#remove(key);
    this.#failure = undefined;
    this.#isInitial = false;
    this.#synced.resolve();
    return found.resourceVersion;
  }

  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { client, kind, clock } = this.#options;
    const [over, ended] = [new AbortController(), new AbortController()];
    const lastsMs = longestWatchMs * (0.5 + Math.random() / 2); // those of many kinds not all at once
    sleepFor(clock, lastsMs, AbortSignal.any([signal, ended.signal])).then(
      () => over.abort(),
      () => undefined, // it ended before
    );
    try {
      for await (const event of client.watch(kind, from, this.#listOptions, AbortSignal.any([signal, over.signal]))) {
        this.#failures = 0;
        this.#failure = undefined;
        this.#version = this.#take(event) ?? this.#version;
      }
    } catch (error) {
      if (signal.aborted || !over.signal.aborted) throw error;
    } finally {
      ended.abort(unneeded);
    }
  }

  /** Gives back the version after the event. */
  #take(event: WatchEvent): string | undefined {
    if (event.type === "BOOKMARK") return event.resourceVersion;
    if (event.type === "DELETED") this.#remove(keyOf(event.object.metadata), event.object);
    else this.#set(this.#trim(event.object));
    return event.object.metadata.resourceVersion;
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, kind, log, onFailure } = this.#options;
    const { count = 0, sinceMs = clock.monotonicMs() } = this.#failure ?? {};
    this.#failure = { error, count: count + 1, sinceMs };
    onFailure?.(this.#failure);
    // Whoever was told may have ended it.
    if (signal.aborted) return;
    const isExpired = error instanceof EngineError && error.code === "API_CONFLICT";
    if (isExpired) this.#version = undefined;
    this.#failures++;
    if (isExpired && this.#failures === 1) return;
    const delayMs = backoffMs(reconnectBackoff, Math.min(this.#failures, 32));
    log.warn("watch interrupted; trying again", { kind: kind.kind, error, delayMs });
    await sleepFor(clock, delayMs, signal);
  }

  #set(read: KubeObject): void {
    const key = keyOf(read.metadata);
    const previous = this.#objects.get(key);
    const object = withKnownSpec(read, previous);
    this.#objects.set(key, object);
    this.#tell({ type: "set", object, ...(previous ? { previous } : {}), isInitial: this.#isInitial });
  }

  #remove(key: string, last?: KubeObject): void {
    const known = this.#objects.get(key);
    if (!this.#objects.delete(key) || known === undefined) return;
    const object = last === undefined ? known : this.#trim(last);
    this.#tell({ type: "deleted", object, previous: known, isInitial: false });
  }

  #tell(change: WatchChange): void {
    const { kind, log } = this.#options;
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        log.error("a listener of a watch cache failed", { kind: kind.kind, error });
      }
    }
  }
}

function keyOf({ namespace = "", name = "" }: Place): string {
  return `${namespace}/${name}`;
}

/**
 * Who works by an object's spec holds the one that was read first: a change of its status brings no second. A server counts
 * a generation for each change of the spec.
 */
function withKnownSpec(object: KubeObject, previous: KubeObject | undefined): KubeObject {
  const { uid, generation } = object.metadata;
  if (previous === undefined || object.spec === undefined || typeof generation !== "number") return object;
  const isSame = generation > 0 && generation === previous.metadata.generation && uid === previous.metadata.uid;
  return isSame ? { ...object, spec: previous.spec } : object;
}

/** Aborting is a clean stop. */
function rethrowUnless(signal: AbortSignal, error: unknown): void {
  if (!signal.aborted) throw error;
}

import { type Clock, sleepFor, unneeded } from "../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { createNursery } from "../base/nursery.ts";
import { type GroupVersionKind, type KubeObject, type ObjectRef, refOf } from "../objects/object.ts";
import { MethodNotAllowed } from "./api-error.ts";
import type { KubeClient, WatchCache, WatchChange, WatchFailure } from "./kube.ts";
import { LiveIndex } from "./live-index.ts";
import { groupKind, kindKey, withMadeKinds } from "./made-kinds.ts";
import { ownSignal } from "./own-signal.ts";
import { createUnwatched, type Unwatched } from "./unwatched.ts";
import { createWatchCache } from "./watch-cache.ts";

export interface LiveStateOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * The group that an object, as `trim` left it, belongs to (an Application's instance name); undefined: to none. Pure;
   * called once per arriving object.
   */
  readonly groupOf: (object: KubeObject) => string | undefined;
  /** What is kept of an object: at least its kind, name, uid, owners and resourceVersion. See `trimLive`. */
  readonly trim: (object: KubeObject) => KubeObject;
  /** Whether a kind that may not be listed is left out, as if it had no objects; default: whoever needs it fails. */
  readonly leavesOut?: (kind: GroupVersionKind, signal: AbortSignal) => Promise<boolean>;
}

export type LiveChange = WatchChange;

/** What is in one cluster, of the kinds that were asked for. */
export interface LiveState {
  /** Runs the watches until `signal` aborts; once. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Watches these kinds, and those that workloads among them make (Deployment → ReplicaSet → Pod and so on), from now
   * on; resolves once their first lists are in. Of the kinds given, those that the cluster does not know are returned;
   * they are asked for again at a later call, after a second at first, after half a minute in the end.
   * @throws EngineError API_UNAVAILABLE when a first list takes too long, or what is known may be out of date because a
   *   watch has failed for as long; API_FORBIDDEN, which names the kind.
   */
  ensure(
    kinds: Iterable<GroupVersionKind>,
    signal: AbortSignal,
  ): Promise<{ readonly missing: readonly GroupVersionKind[] }>;
  /**
   * Asks for those of these objects, and those known of the group, whose kinds the cluster does not list or not watch
   * (spec argo-cd-engine 6.6): of them is known what was so at the last call.
   */
  fetch(refs: readonly ObjectRef[], group: string, signal: AbortSignal): Promise<void>;
  /** In the version asked for. The namespace of a reference to a cluster-wide object does not matter. */
  find(ref: ObjectRef): KubeObject | undefined;
  /** In the order of kind, namespace, name. An object is in here once, however many versions of its kind are watched. */
  ofGroup(group: string): readonly KubeObject[];
  /** Objects of the namespace that no other owns, in the order of kind and name. */
  topsOf(namespace: string): readonly KubeObject[];
  /** In the order of kind, namespace, name; the claims of a StatefulSet too, which it owns by name only. */
  childrenOf(uid: string): readonly KubeObject[];
  /** The topmost known owner, the object itself if it has none. Controllers go before other owners. */
  rootOf(object: KubeObject): KubeObject;
  /** Everything below the object, itself not included, depth first; at most 10,000. */
  descendantsOf(uid: string): readonly KubeObject[];
  /** Asks `groupOf` again for every object: what it says of them has changed. */
  regroup(): void;
  /** Known after `ensure`. */
  isNamespaced(kind: GroupVersionKind): boolean | undefined;
  /** How much is watched; a kind in several versions counts once. */
  size(): { readonly kinds: number; readonly objects: number };
  /** Called after the change is in; each object in one version only. Returns the way to stop. */
  onChange(listener: (change: LiveChange) => void): () => void;
}

/** How long a first list may take, and a watch fail, before `ensure` throws. */
const patienceMs = 30_000;
/**
 * How long a kind that the cluster lacks, or does not show, is not asked for again: each time longer, up to the longest,
 * until a definition arrives.
 */
const refusedMs = 1_000;
const longestRefusedMs = 30_000;
/** And one that it does not list, or not watch, which hardly ever changes. */
const unwatchedMs = 3_600_000;
const maxRefusals = 1_000;
/** So many answers in a row that a known kind is unknown make it so: a server that starts may say it of a CRD's. */
const goneAfter = 3;

/** Does no I/O until `run`. */
export function createLiveState(options: LiveStateOptions): LiveState {
  return new ClusterState(options);
}

/**
 * One kind in one version:
 * - asked for: not ready; its cache lists, again and again if need be.
 * - ready: its first list is in, and its watch runs or is being opened again.
 * - refused: no more; the first list was, or the cluster no longer knows the kind. Asked for again at the next `ensure`.
 */
interface KindWatch {
  readonly kind: GroupVersionKind;
  readonly cache: WatchCache;
  readonly first: PromiseWithResolvers<void>;
  isReady: boolean;
  isNamespaced: boolean | undefined;
  /** Answers in a row that the kind is unknown. */
  unknowns: number;
  /** Of several versions of a kind, one fills the index and tells changes. */
  isLeading: boolean;
  running: AsyncDisposable | undefined;
}

interface Refusal {
  readonly error: EngineError;
  readonly atMs: number;
  /** How long it holds. */
  readonly forMs: number;
}

class ClusterState implements LiveState {
  readonly #options: LiveStateOptions;
  readonly #watches = new Map<string, KindWatch>();
  readonly #refusals = new Map<string, Refusal>();
  /** Kinds that are left out, and whether their objects live in namespaces. */
  readonly #leftOut = new Map<string, boolean>();
  readonly #unwatched: Unwatched;
  readonly #index = new LiveIndex();
  readonly #listeners = new Set<(change: LiveChange) => void>();
  readonly #nursery = createNursery();
  readonly #ending = new Set<Promise<void>>();
  #phase: "idle" | "running" | "stopped" = "idle";

  constructor(options: LiveStateOptions) {
    this.#options = options;
    this.#unwatched = createUnwatched(options.client, options.trim);
  }

  async run(signal: AbortSignal): Promise<void> {
    if (this.#phase !== "idle") throw new Error("a live state runs once");
    this.#phase = "running";
    for (const watch of this.#watches.values()) this.#start(watch);
    const stopped = Promise.withResolvers<void>();
    const stop = (): void => stopped.resolve();
    signal.addEventListener("abort", stop);
    try {
      if (!signal.aborted) await Promise.race([stopped.promise, this.#nursery.failed]);
    } finally {
      signal.removeEventListener("abort", stop);
      this.#phase = "stopped";
      for (const watch of this.#watches.values()) {
        watch.first.reject(stoppedError());
        this.#end(watch);
      }
      await Promise.all(this.#ending);
    }
  }

  async ensure(kinds: Iterable<GroupVersionKind>, signal: AbortSignal) {
    if (this.#phase === "stopped") throw stoppedError();
    const given = [...kinds];
    const open = [...withMadeKinds(given)].flatMap(([key, kind]) => {
      const first = this.#firstOf(key, kind);
      return first === undefined ? [] : [{ key, kind, first }];
    });
    if (open.length === 0) return { missing: [] };
    const results = await this.#settled(open, signal);
    const asked = new Set(given.map(kindKey));
    const missing: GroupVersionKind[] = [];
    for (const [at, result] of results.entries()) {
      const { key, kind } = open[at] ?? {};
      if (result.status === "fulfilled" || key === undefined || kind === undefined) continue;
      const { reason } = result;
      if (await this.#isLeftOut(key, kind, reason, signal)) continue;
      if (!(reason instanceof EngineError) || reason.code !== "API_NOT_FOUND") throw reason;
      if (asked.has(key)) missing.push(kind);
    }
    return { missing };
  }

  /** Whether there is nothing to watch of the kind, and no failure in that. */
  async #isLeftOut(key: string, kind: GroupVersionKind, reason: unknown, signal: AbortSignal): Promise<boolean> {
    const { client, leavesOut } = this.#options;
    if (await this.#unwatched.take(key, kind, reason, signal)) return true;
    if (leavesOut === undefined || !(reason instanceof EngineError) || reason.code !== "API_FORBIDDEN") return false;
    if (!(await leavesOut(kind, signal))) return false;
    if (!this.#leftOut.has(key)) this.#options.log.info("a kind that may not be listed is left out", { kind: key });
    this.#leftOut.set(key, await client.isNamespaced(kind, signal));
    return true;
  }

  async fetch(refs: readonly ObjectRef[], group: string, signal: AbortSignal): Promise<void> {
    if (this.#unwatched.isEmpty) return; // as nearly always, and each look asks
    const known = this.#index.ofGroup(group).map(refOf);
    const wanted = [...known, ...refs].filter(({ apiVersion, kind }) => this.#unwatched.has({ apiVersion, kind }));
    if (wanted.length === 0) return;
    const onChange = (object: KubeObject | undefined, before: KubeObject | undefined): void => {
      if (object !== undefined) this.#index.set(object, this.#options.groupOf(object));
      else if (before !== undefined) this.#index.delete(before);
    };
    await this.#unwatched.fetch(wanted, onChange, signal);
  }

  find(ref: ObjectRef): KubeObject | undefined {
    const { namespace, name, ...kind } = ref;
    const watch = this.#watches.get(kindKey(kind));
    if (watch?.isReady !== true) return this.#unwatched.find(ref);
    return watch.cache.find(watch.isNamespaced === false ? undefined : namespace, name);
  }

  ofGroup(group: string): readonly KubeObject[] {
    return this.#index.ofGroup(group);
  }

  topsOf(namespace: string): readonly KubeObject[] {
    return this.#index.topsOf(namespace);
  }

  childrenOf(uid: string): readonly KubeObject[] {
    return this.#index.childrenOf(uid);
  }

  rootOf(object: KubeObject): KubeObject {
    return this.#index.rootOf(object);
  }

  descendantsOf(uid: string): readonly KubeObject[] {
    return this.#index.descendantsOf(uid);
  }

  regroup(): void {
    for (const { isLeading, cache } of this.#watches.values()) {
      if (!isLeading) continue;
      for (const object of cache.items()) this.#index.set(object, this.#options.groupOf(object));
    }
  }

  isNamespaced(kind: GroupVersionKind): boolean | undefined {
    const key = kindKey(kind);
    return this.#watches.get(key)?.isNamespaced ?? this.#leftOut.get(key) ?? this.#unwatched.isNamespaced(key);
  }

  size() {
    const leading = [...this.#watches.values()].filter(({ isLeading, isReady }) => isLeading && isReady);
    const counts = leading.map(({ cache }) => [...cache.items()].length);
    return { kinds: leading.length, objects: counts.reduce((sum, count) => sum + count, 0) };
  }

  onChange(listener: (change: LiveChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Settles with the first list of the kind, which is asked for if it is not yet; undefined: it is in, and current. */
  #firstOf(key: string, kind: GroupVersionKind): Promise<void> | undefined {
    const known = this.#watches.get(key);
    if (known !== undefined) {
      const stale = this.#staleness(known);
      if (stale !== undefined) return Promise.reject(stale);
      return known.isReady ? undefined : known.first.promise;
    }
    const refusal = this.#refusals.get(key);
    const isFresh = refusal !== undefined && this.#options.clock.monotonicMs() - refusal.atMs < refusal.forMs;
    return isFresh ? Promise.reject(refusal.error) : this.#watch(key, kind).first.promise;
  }

  #staleness({ cache: { failure }, kind }: KindWatch): EngineError | undefined {
    if (failure === undefined) return undefined;
    const forMs = this.#options.clock.monotonicMs() - failure.sinceMs;
    if (forMs < patienceMs) return undefined;
    const { error } = failure;
    if (error instanceof EngineError && error.code === "API_FORBIDDEN") return error;
    const since = `for ${Math.floor(forMs / 1_000)} s`;
    return new EngineError("API_UNAVAILABLE", `no news of ${kindKey(kind)} ${since}: ${messageOf(error)}`, error);
  }

  /** @throws EngineError API_UNAVAILABLE after 30 s */
  async #settled(
    open: readonly { readonly key: string; readonly first: Promise<void> }[],
    signal: AbortSignal,
  ): Promise<readonly PromiseSettledResult<void>[]> {
    const settled = Promise.allSettled(open.map(({ first }) => first));
    const waited = new AbortController();
    using own = ownSignal(signal);
    const late = sleepFor(this.#options.clock, patienceMs, AbortSignal.any([own.signal, waited.signal]));
    const results = await Promise.race([settled, late.then(() => undefined)]).finally(() => {
      late.catch(() => undefined);
      waited.abort(unneeded);
    });
    if (results !== undefined) return results;
    const waiting = open.flatMap(({ key }) => (this.#watches.get(key)?.isReady === false ? [key] : []));
    const cause = waiting.map((key) => this.#watches.get(key)?.cache.failure?.error).find((error) => error);
    const why = cause === undefined ? "" : `: ${messageOf(cause)}`;
    const names = `${waiting.slice(0, 3).join(", ")}${waiting.length > 3 ? " …" : ""}`;
    throw new EngineError("API_UNAVAILABLE", `no list of ${names} within ${patienceMs / 1_000} s${why}`, cause);
  }

  #watch(key: string, kind: GroupVersionKind): KindWatch {
    const { client, clock, log, trim } = this.#options;
    const onFailure = (failure: WatchFailure): void => this.#judge(watch, failure);
    const cache = createWatchCache({ client, kind, clock, log, trim, onFailure });
    const first = Promise.withResolvers<void>();
    first.promise.catch(() => undefined); // whoever waits for it sees the failure
    const isLeading = this.#otherVersion(kind) === undefined;
    const fresh = { isReady: false, isNamespaced: undefined, unknowns: 0, running: undefined };
    const watch: KindWatch = { kind, cache, first, isLeading, ...fresh };
    cache.onChange((change) => this.#take(watch, change));
    this.#watches.set(key, watch);
    if (this.#phase === "running") this.#start(watch);
    return watch;
  }

  #start(watch: KindWatch): void {
    const { cache, kind, first } = watch;
    watch.running = this.#nursery.start(`watch of ${kindKey(kind)}`, async (signal) => {
      const listed = cache.synced.then(async () => {
        // The list has asked where the kind is: this is known by now.
        watch.isNamespaced = await this.#options.client.isNamespaced(kind, signal);
        watch.isReady = true;
        this.#leftOut.delete(kindKey(kind));
        this.#unwatched.leave(kindKey(kind));
        this.#refusals.delete(kindKey(kind));
        first.resolve();
      });
      listed.catch((error) => this.#drop(watch, asEngineError(error)));
      await cache.run(signal);
    });
  }

  #take({ isLeading }: KindWatch, change: WatchChange): void {
    if (!isLeading) return;
    if (change.object.kind === "CustomResourceDefinition") this.#refusals.clear();
    if (change.type === "set") this.#index.set(change.object, this.#options.groupOf(change.object));
    else this.#index.delete(change.object);
    this.#tell(change);
  }

  #tell(change: LiveChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#options.log.error("a listener of the live state failed", { kind: change.object.kind, error });
      }
    }
  }

  /** Ends the watch where going on is no use. */
  #judge(watch: KindWatch, { error, count }: WatchFailure): void {
    const isUnknown = error instanceof EngineError && error.code === "API_NOT_FOUND";
    const before = count === 1 ? 0 : watch.unknowns;
    watch.unknowns = isUnknown ? before + 1 : 0;
    const isUnwatchable = error instanceof MethodNotAllowed;
    const isOver = watch.isReady ? isUnwatchable || watch.unknowns >= goneAfter : error instanceof TerminalError;
    if (isOver && error instanceof EngineError) this.#drop(watch, error);
  }

  /** Ends a watch. What it held and no other version of the kind does is gone. */
  #drop(watch: KindWatch, error: EngineError): void {
    const key = kindKey(watch.kind);
    if (this.#phase === "stopped" || this.#watches.get(key) !== watch) return;
    this.#watches.delete(key);
    const before = this.#refusals.get(key)?.forMs ?? 0;
    if (this.#refusals.size >= maxRefusals) this.#refusals.clear();
    const refusedForMs = Math.min(longestRefusedMs, Math.max(refusedMs, before * 2));
    const forMs = error instanceof MethodNotAllowed ? unwatchedMs : refusedForMs;
    this.#refusals.set(key, { error, atMs: this.#options.clock.monotonicMs(), forMs });
    watch.first.reject(error);
    this.#end(watch);
    if (watch.isLeading) this.#handOver(watch, this.#otherVersion(watch.kind));
  }

  #handOver(from: KindWatch, to: KindWatch | undefined): void {
    from.isLeading = false;
    if (to !== undefined) to.isLeading = true;
    for (const object of from.cache.items()) this.#index.delete(object);
    for (const object of to?.cache.items() ?? []) this.#index.set(object, this.#options.groupOf(object));
    for (const object of from.cache.items()) {
      if (to?.cache.find(object.metadata.namespace, object.metadata.name ?? "") !== undefined) continue;
      this.#tell({ type: "deleted", object, previous: object, isInitial: false });
    }
  }

  #otherVersion(kind: GroupVersionKind): KindWatch | undefined {
    const name = groupKind(kind);
    return [...this.#watches.values()].find((other) => groupKind(other.kind) === name);
  }

  #end({ running }: KindWatch): void {
    if (running === undefined) return;
    const ending: Promise<void> = Promise.resolve(running[Symbol.asyncDispose]()).finally(() => {
      this.#ending.delete(ending);
    });
    this.#ending.add(ending);
  }
}

function stoppedError(): EngineError {
  return new EngineError("API_UNAVAILABLE", "the watches of the cluster have stopped");
}

function asEngineError(error: unknown): EngineError {
  return error instanceof EngineError ? error : new EngineError("API_UNAVAILABLE", messageOf(error), error);
}

import { randomUUID } from "node:crypto";
import { type Clock, sleepFor, unneeded } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { StateEntry, StateStore } from "../events/bus/bus.ts";
import { bodyOf, type LeaseBody, parseBody } from "./lease-record.ts";

/** A session that a reader saw unchanged for this long has ended. */
const leaseMs = 15_000;
/** Its owner stops acting before any reader may think so: clocks differ a little, and what is cut off takes a moment. */
const ownMs = 13_000;
const renewEveryMs = 5_000;
/** Between looks at what others do. */
const lookEveryMs = 2_500;
const retryMs = 1_000;
/** The least between two looks: whatever goes wrong, no busy loop. */
const soonMs = 50;
/** Tokens of sessions that are known to have ended; forgotten ones are asked for again. */
const maxEnded = 1_000;

/** What a lease is for. Calls for one name never overlap. */
export interface LeaseHolder {
  gained(name: string): void;
  /** Another engine shall have it: end the work in order. It is released once this resolves. */
  yield(name: string): Promise<void>;
  /** Whoever has it now may act already: stop at once. */
  lost(name: string, reason: EngineError): void;
}

export interface LeaseSet {
  /** Whether this engine may act for `name` now. After a pause of the process it is false before any timer fires. */
  owns(name: string): boolean;
  /** The same, but also while it is given up and its work ends: nobody else acts yet. */
  holds(name: string): boolean;
  want(name: string): void;
  /** Gives it up; the work under it must have ended. Never rejects. */
  release(name: string): Promise<void>;
}

export interface LeasesOptions {
  /** The store `leases` of the system bus. */
  readonly store: StateStore;
  /** Names the data directory, which one process at a time may use: a restart need not wait for itself. */
  readonly owner: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Leases {
  /** A fixed number of leases that engines share fairly. Before `run`. */
  partitions(kind: string, count: number, holder: LeaseHolder): LeaseSet;
  /** Leases for whoever comes first, by name. */
  singles(kind: string, holder: LeaseHolder): LeaseSet;
  /** Resolves once the first look was taken: what is free is held then. */
  readonly settled: Promise<void>;
  /** Until `signal` aborts; all work has ended then, and every lease is free for others at once. */
  run(signal: AbortSignal): Promise<void>;
}

export function createLeases(options: LeasesOptions): Leases {
  return new SessionLeases(options);
}

interface Session {
  readonly token: string;
  revision: number;
  /** When the renewal that counts was sent. */
  sentAt: number;
}

interface Held {
  readonly set: NamedSet;
  readonly name: string;
  readonly revision: number;
  /** Set while it is given up. */
  releasing?: Promise<void>;
}

interface Seen {
  readonly revision: number;
  readonly since: number;
}

interface NamedSet {
  readonly prefix: string;
  readonly wanted: Set<string>;
  readonly isShared: boolean;
  readonly holder: LeaseHolder;
}

/**
 * Records are `{owner, token, renewedAt}` in one store: `engine/<owner>` is the engine's session, `<kind>/<name>` a lease,
 * which holds as long as the session of its token does. So renewing costs one write for each engine, not for each lease.
 *
 * States of an engine: without a session (at the start, and after it was lost), then in session. A session ends when its
 * owner deletes it (shutdown), or another engine saw it unchanged for 15 s and deletes it, or a restart of its owner
 * overwrites it; each by compare-and-set, so that a renewal that comes too late fails. Only then its leases are taken.
 * An owner that could not renew for 13 s, by its own clock, has lost everything by then and stops by itself.
 */
class SessionLeases implements Leases {
  readonly settled: Promise<void>;
  readonly #options: LeasesOptions;
  readonly #sets: NamedSet[] = [];
  readonly #held = new Map<string, Held>();
  readonly #seen = new Map<string, Seen>();
  readonly #ended = new Set<string>();
  #session: Session | undefined;
  #isFirst = true;
  #isWanted = false;
  #wake: () => void = () => undefined;
  #setSettled: () => void = () => undefined;

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.settled = new Promise((resolve) => {
      this.#setSettled = resolve;
    });
  }

  partitions(kind: string, count: number, holder: LeaseHolder): LeaseSet {
    const names = Array.from({ length: count }, (_, number) => String(number));
    return this.#open({ prefix: `${kind}/`, wanted: new Set(names), isShared: true, holder });
  }

  singles(kind: string, holder: LeaseHolder): LeaseSet {
    return this.#open({ prefix: `${kind}/`, wanted: new Set(), isShared: false, holder });
  }

  #open(set: NamedSet): LeaseSet {
    this.#sets.push(set);
    return {
      owns: (name) => {
        const held = this.#held.get(set.prefix + name);
        return held !== undefined && held.releasing === undefined && this.#inSession();
      },
      holds: (name) => this.#held.has(set.prefix + name) && this.#inSession(),
      want: (name) => {
        set.wanted.add(name);
        this.#look();
      },
      release: async (name) => {
        set.wanted.delete(name);
        const held = this.#held.get(set.prefix + name);
        if (held) await this.#release(held, async () => undefined);
      },
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#keep(signal), this.#watch(signal)]);
    await this.#close();
  }

  async #keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let waitMs = retryMs;
      this.#isWanted = false;
      try {
        waitMs = await this.#turn();
      } catch (error) {
        this.#options.log.warn("leases could not be looked at, will retry", { error });
      }
      this.#setSettled();
      if (!this.#isWanted) await this.#pause(waitMs, signal);
    }
  }

  /** Notices a session that ran out while the bus does not answer. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const session = this.#session;
      const leftMs = session ? session.sentAt + ownMs - clock.monotonicMs() : retryMs;
      if (leftMs <= 0) this.#lose("it could not be renewed in time");
      else await sleepFor(clock, Math.min(leftMs, retryMs), signal).catch(() => undefined);
    }
  }

  #look(): void {
    this.#isWanted = true;
    this.#wake();
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort(unneeded);
    await sleepFor(this.#options.clock, ms, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
    this.#wake = () => undefined;
  }

  #inSession(): boolean {
    return this.#session !== undefined && this.#options.clock.monotonicMs() < this.#session.sentAt + ownMs;
  }

  /** One look, and what follows from it. @returns when to look again */
  async #turn(): Promise<number> {
    const { store, clock } = this.#options;
    await this.#renew();
    const session = this.#session;
    if (session === undefined) return retryMs;
    const entries = new Map((await store.entries("")).map((entry) => [entry.key, entry]));
    if (this.#isOverwritten(entries, session.token)) this.#lose("another engine took them");
    if (this.#session !== session) return soonMs;
    const { engines, nextMs } = await this.#readSessions(entries);
    const current = new Set<string>([session.token]);
    for (const entry of entries.values()) if (isSession(entry.key)) current.add(parseBody(entry.value).token);
    for (const set of this.#sets) {
      if (this.#session !== session) return soonMs;
      await this.#balance(set, entries, current, engines);
    }
    const renewMs = session.sentAt + renewEveryMs - clock.monotonicMs();
    return Math.max(soonMs, Math.min(lookEveryMs, nextMs, renewMs));
  }

  /** Found before the next renewal is due, where the clock stood still with the process. */
  #isOverwritten(entries: ReadonlyMap<string, StateEntry>, token: string): boolean {
    for (const [key, { revision, releasing }] of this.#held) {
      const entry = releasing === undefined ? entries.get(key) : undefined;
      if (entry && entry.revision > revision && parseBody(entry.value).token !== token) return true;
    }
    return false;
  }

  async #renew(): Promise<void> {
    const { store, owner, clock } = this.#options;
    const sentAt = clock.monotonicMs();
    const session = this.#session;
    if (session === undefined) return this.#begin(sentAt);
    if (sentAt < session.sentAt + renewEveryMs) return;
    try {
      const revision = await store.put(sessionKey(owner), this.#body(session.token), session.revision);
      Object.assign(session, { revision, sentAt });
    } catch (error) {
      if (!isStale(error)) throw error;
      const entry = await store.get(sessionKey(owner));
      // A renewal whose answer was lost may be stored; then nobody ended the session.
      if (entry && parseBody(entry.value).token === session.token) session.revision = entry.revision;
      else if (this.#session === session) this.#lose("another engine ended the session");
    }
  }

  /** Whatever session this owner had before ends by being overwritten. */
  async #begin(sentAt: number): Promise<void> {
    const { store, owner } = this.#options;
    const before = await store.get(sessionKey(owner));
    const token = before && parseBody(before.value).token;
    if (before && token !== undefined && !this.#mayOverwrite(before, token)) return;
    const mine = randomUUID();
    const revision = await store.put(sessionKey(owner), this.#body(mine), before?.revision ?? 0);
    this.#session = { token: mine, revision, sentAt };
    if (token !== undefined) this.#remember(token);
    this.#isFirst = false;
  }

  /** Later than at the start, a strange token is another process with a copy of the data directory: it goes first. */
  #mayOverwrite(entry: StateEntry, token: string): boolean {
    return this.#isFirst || this.#ended.has(token) || this.#unchangedMs(entry) >= leaseMs;
  }

  /** How many engines live, and when the next of them may be found dead. Those that are dead are ended. */
  async #readSessions(entries: Map<string, StateEntry>): Promise<{ engines: number; nextMs: number }> {
    let engines = 1;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const key of this.#seen.keys()) if (!entries.has(key)) this.#seen.delete(key);
    for (const entry of [...entries.values()]) {
      if (!isSession(entry.key) || entry.key === sessionKey(this.#options.owner)) continue;
      const leftMs = leaseMs - this.#unchangedMs(entry);
      if (leftMs <= 0 && (await this.#end(entry))) {
        entries.delete(entry.key);
        continue;
      }
      engines += 1;
      nextMs = Math.min(nextMs, leftMs > 0 ? leftMs : retryMs);
    }
    return { engines, nextMs };
  }

  /** By this engine's own clock, since it saw the record change last: clocks of others say nothing. */
  #unchangedMs({ key, revision }: StateEntry): number {
    const now = this.#options.clock.monotonicMs();
    const seen = this.#seen.get(key);
    if (seen?.revision === revision) return now - seen.since;
    this.#seen.set(key, { revision, since: now });
    return 0;
  }

  async #end(entry: StateEntry): Promise<boolean> {
    const { owner, token } = parseBody(entry.value);
    const ended = await this.#unlessStale(() => this.#options.store.delete(entry.key, entry.revision));
    if (!ended) return false;
    this.#remember(token);
    this.#options.log.info("an engine is gone; its work is taken over", { owner });
    return true;
  }

  /** Gives up what is more than this engine's share, or takes what is free. */
  async #balance(
    set: NamedSet,
    entries: ReadonlyMap<string, StateEntry>,
    current: ReadonlySet<string>,
    engines: number,
  ): Promise<void> {
    const mine = [...this.#held.values()].filter((held) => held.set === set);
    const staying = mine.filter((held) => held.releasing === undefined);
    const share = set.isShared ? Math.ceil(set.wanted.size / engines) : set.wanted.size;
    for (const held of staying.slice(share)) void this.#release(held, () => set.holder.yield(held.name));
    const free: string[] = [];
    for (const name of set.wanted) {
      if (free.length >= share - mine.length) break;
      if (this.#held.has(set.prefix + name)) continue;
      const entry = entries.get(set.prefix + name);
      if (entry === undefined || (await this.#isFree(entry, current))) free.push(name);
    }
    const taken = free.map((name) => this.#take(set, name, entries.get(set.prefix + name)));
    const left = this.#leftOf(set, entries, free).map((entry) => this.#clear(entry));
    for (const result of await Promise.allSettled([...taken, ...left])) {
      if (result.status === "rejected") throw result.reason;
    }
  }

  /** Written as ours, and not held: given up when the bus did not take that. As long as they stand nobody takes them. */
  #leftOf(set: NamedSet, entries: ReadonlyMap<string, StateEntry>, taking: readonly string[]): readonly StateEntry[] {
    const wanted = new Set(taking.map((name) => set.prefix + name));
    return [...entries.values()].filter(
      ({ key, value }) =>
        key.startsWith(set.prefix) &&
        !this.#held.has(key) &&
        !wanted.has(key) &&
        parseBody(value).token === this.#session?.token,
    );
  }

  async #clear({ key, revision }: StateEntry): Promise<void> {
    await this.#unlessStale(() => this.#options.store.delete(key, revision));
  }

  async #isFree({ value }: StateEntry, current: ReadonlySet<string>): Promise<boolean> {
    const body = parseBody(value);
    if (body.token === this.#session?.token) return true; // taken, though the answer was lost
    if (this.#ended.has(body.token)) return true;
    return !current.has(body.token) && (await this.#hasEnded(body));
  }

  /**
   * A list is not one moment, and a replica may lag behind: a session that it does not show may live. Writing over what is
   * found in its place, by compare-and-set, proves that it does not.
   */
  async #hasEnded({ owner, token }: LeaseBody): Promise<boolean> {
    const { store } = this.#options;
    const key = sessionKey(owner);
    if (owner !== this.#options.owner) {
      const entry = await store.get(key);
      if (entry && parseBody(entry.value).token === token) return false;
      const proven = await this.#unlessStale(async () => {
        const revision = await store.put(key, entry?.value ?? this.#body("none"), entry?.revision ?? 0);
        if (!entry) await store.delete(key, revision);
      });
      if (!proven) return false;
    }
    this.#remember(token);
    return true;
  }

  async #take(set: NamedSet, name: string, entry: StateEntry | undefined): Promise<void> {
    const session = this.#session;
    if (!session) return;
    const key = set.prefix + name;
    let revision = 0;
    const taken = await this.#unlessStale(async () => {
      revision = await this.#options.store.put(key, this.#body(session.token), entry?.revision ?? 0);
    });
    if (!taken || this.#session !== session) return; // another was faster, or it was lost before it was held
    const held: Held = { set, name, revision };
    this.#held.set(key, held);
    if (set.wanted.has(name)) set.holder.gained(name);
    else await this.#release(held, async () => undefined);
  }

  /** From this moment on `owns` is false, for `end` too. Never rejects. */
  #release(held: Held, end: () => Promise<void>): Promise<void> {
    if (held.releasing !== undefined) return held.releasing;
    const { promise, resolve } = Promise.withResolvers<void>();
    held.releasing = promise;
    void this.#giveUp(held, end).then(resolve);
    return promise;
  }

  /** Never rejects: what cannot be deleted is taken up, or deleted, at a later look, and free when the session ends. */
  async #giveUp(held: Held, end: () => Promise<void>): Promise<void> {
    const key = held.set.prefix + held.name;
    try {
      await end();
      if (this.#held.get(key) === held) await this.#unlessStale(() => this.#options.store.delete(key, held.revision));
    } catch (error) {
      this.#options.log.warn("a lease could not be released in order", { lease: key, error });
    }
    if (this.#held.get(key) === held) this.#held.delete(key);
    if (held.set.wanted.has(held.name) && !held.set.isShared) this.#look();
  }

  #lose(why: string): void {
    const { log } = this.#options;
    const reason = new EngineError("LEASE_LOST", `another engine may act now: ${why}`);
    const lost = [...this.#held.values()];
    log.warn("leases are lost; their work stops", { leases: lost.length, error: reason });
    if (this.#session) this.#remember(this.#session.token);
    this.#session = undefined;
    this.#held.clear();
    for (const { set, name } of lost) set.holder.lost(name, reason);
    this.#look();
  }

  /** Leases need no release of their own: none outlives its session. */
  async #close(): Promise<void> {
    await Promise.all([...this.#held.values()].map(({ releasing }) => releasing));
    const { store, owner, log } = this.#options;
    const session = this.#session;
    this.#session = undefined;
    this.#held.clear();
    if (!session) return;
    try {
      await this.#unlessStale(() => store.delete(sessionKey(owner), session.revision));
    } catch (error) {
      log.warn("leases could not be released; they run out by themselves", { error });
    }
  }

  async #unlessStale(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (isStale(error)) return false;
      throw error;
    }
  }

  #remember(token: string): void {
    if (this.#ended.size >= maxEnded) this.#ended.clear();
    this.#ended.add(token);
  }

  #body(token: string): Uint8Array {
    const { owner, clock } = this.#options;
    return bodyOf({ owner, token, renewedAt: clock.now() });
  }
}

const sessions = "engine/";

/** Whether an engine is in session, as far as the store tells: one that ended without a word is, for 15 s more. */
export async function hasSession(store: Pick<StateStore, "get">, owner: string): Promise<boolean> {
  return (await store.get(sessions + owner)) !== undefined;
}

function sessionKey(owner: string): string {
  return sessions + owner;
}

function isSession(key: string): boolean {
  return key.startsWith(sessions);
}

function isStale(error: unknown): boolean {
  return error instanceof EngineError && error.code === "BUS_STALE";
}

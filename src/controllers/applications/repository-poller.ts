import { createHash } from "node:crypto";
import { type BackoffPolicy, backoffMs } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { createKeyedQueue, type KeyedQueue } from "../../base/keyed-queue.ts";
import type { Logger } from "../../base/log.ts";
import { memoize } from "../../base/memo.ts";
import { unlessAborted } from "../../base/unless-aborted.ts";
import { normaliseRepositoryUrl, parseRepositoryUrl } from "../../gitops/source/repository-url.ts";
import type { GitSources, Refs } from "../../gitops/source/source.ts";
import type { RefChange } from "../../local/git-server.ts";

/** Repositories asked at once. One that takes long leaves its place to others: ... */
const concurrency = 8;
const patience = { afterMs: 3_000, max: 64 };
/** ... and so many of those that timed out the last time. */
const maxSuspects = 8;
/** How often it is looked which repositories are in use. */
const lookMs = 2_000;
/** How often it is looked whether there is an interval again. */
const offMs = 60_000;
/** URLs whose repositories are remembered. */
const maxPlaces = 20_000;
/** Messages remembered of one repository, so that each is logged once. */
const maxProblems = 16;

/** Refs of a repository that are not where they were. */
export interface RepositoryChange {
  /** As an Application spells it, without credentials. */
  readonly url: string;
  /** Of `refs/heads/`, `refs/tags/` and `HEAD`; 40 zeros where a ref is new or gone. Never empty. */
  readonly refs: readonly RefChange[];
  /** The branch that HEAD names: `refs/heads/main`. Absent when several fit. */
  readonly defaultBranch?: string;
}

/** A repository as an Application of a project names and reaches it. */
export interface UsedRepository {
  readonly url: string;
  readonly project: string;
}

export interface RepositoryPollerDeps {
  readonly sources: { ofProject(project: string): Pick<GitSources, "tips" | "fetch" | "findRefs"> };
  /** Those in use; several spellings of one repository, and several projects that use it, are one repository. */
  readonly repositories: () => Iterable<UsedRepository>;
  /**
   * Called after the mirror was brought up to date. Rejecting, or a crash before it resolves, reports the same move
   * again, together with what moved since.
   */
  readonly onMoved: (change: RepositoryChange) => Promise<void> | void;
  /**
   * What was told last of a repository, by whichever engine polled it; absent: only this one does. It keeps a digest of
   * the refs, by an opaque key.
   */
  readonly told?: ToldRefs;
  /** The repository may have moved since it was told of last, by an engine that polls it no more. */
  readonly onMissed?: (url: string) => Promise<void> | void;
  /** Asked for each poll. */
  readonly pace: () => PollPace;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ToldRefs {
  find(key: string): Promise<string | undefined>;
  keep(key: string, digest: string): Promise<void>;
}

export interface PollPace {
  /** 0: nothing is polled but what is new, or asked for. */
  readonly intervalMs: number;
  /** At most this is added to each interval. */
  readonly jitterMs: number;
}

export interface RepositoryPoller {
  /** Polls every repository in use until `signal` aborts; settles once what was under way ended. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Looks at the server once more, after a poll under way; resolves once moves were reported. Answered by `run`.
   * @throws what `GitSources.tips` and `fetch` throw, and what `onMoved` rejects with
   */
  pollNow(repository: UsedRepository, signal: AbortSignal): Promise<void>;
}

/**
 * The safety net below pushes: one `ls-remote` per repository and interval. A repository is polled as soon as it is in
 * use, which says where its refs are; the polls that follow are spread over the interval. One that fails is asked less
 * and less often.
 */
export function createRepositoryPoller(deps: RepositoryPollerDeps): RepositoryPoller {
  return new Poller(deps);
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Watched {
  spellings: readonly UsedRepository[];
  /** What was reported last; undefined before the first poll. */
  tips: Refs | undefined;
  /** Of `tips`, once it is kept. */
  digest?: string;
  /** Counts failures for ever: each goes on to the next spelling. */
  turn: number;
  /** In a row. */
  failures: number;
  /** Whether the last poll timed out. */
  hangs: boolean;
  /** When the last poll that was answered ended; on the monotonic clock, as `dueMs`. */
  polledMs?: number;
  /** When it is polled because the interval became shorter; else the queue knows. */
  dueMs?: number | undefined;
  /** What the log said since the last success. */
  readonly problems: Set<string>;
  /** Those who want a poll that has not begun yet. */
  readonly waiters: Waiter[];
}

interface Again {
  readonly againAfterMs?: number;
}

class Poller implements RepositoryPoller {
  readonly #deps: RepositoryPollerDeps;
  readonly #queue: KeyedQueue;
  /** Of those that timed out the last time: they keep none of the others waiting. */
  readonly #suspects: KeyedQueue;
  /** By normalised URL. */
  readonly #watched = new Map<string, Watched>();
  readonly #placeOf = memoize(normaliseRepositoryUrl, maxPlaces);
  #stopped: AbortSignal | undefined;
  /** As it was at the last look; none is as long as one that never ends. */
  #intervalMs = Number.POSITIVE_INFINITY;

  constructor(deps: RepositoryPollerDeps) {
    const { clock, log } = deps;
    this.#deps = deps;
    const onError = (repository: string, error: unknown): void =>
      log.error("poll of a repository broke off", { repository, error });
    this.#queue = createKeyedQueue({
      concurrency,
      patience,
      clock,
      work: (key, signal) => this.#workOf(key, false, signal),
      onError,
    });
    this.#suspects = createKeyedQueue({
      concurrency: maxSuspects,
      clock,
      work: (key, signal) => this.#workOf(key, true, signal),
      onError,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    this.#stopped = stop;
    const queues = Promise.all([this.#queue.run(stop), this.#suspects.run(stop)]);
    try {
      while (!signal.aborted) {
        this.#look();
        this.#hasten();
        await sleepFor(this.#deps.clock, lookMs, signal);
      }
    } catch (error) {
      failed.abort(error);
      if (!signal.aborted) throw error;
    } finally {
      await queues;
      for (const { waiters } of this.#watched.values()) settle(waiters, stop.reason);
    }
  }

  async pollNow(repository: UsedRepository, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#stopped?.throwIfAborted();
    const key = normaliseRepositoryUrl(repository.url);
    const watched = this.#watched.get(key) ?? this.#watch(key, [repository]);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    watched.waiters.push({ resolve, reject });
    this.#queue.add(key);
    await unlessAborted(promise, signal);
  }

  /** Takes up repositories that are new, and forgets those that are in use no longer. */
  #look(): void {
    const inUse = new Map<string, Map<string, UsedRepository>>();
    for (const used of this.#deps.repositories()) {
      const key = this.#placeOf(used.url);
      inUse.set(key, (inUse.get(key) ?? new Map()).set(`${used.project} ${used.url}`, used));
    }
    for (const [key, { waiters }] of this.#watched) {
      if (!inUse.has(key) && waiters.length === 0) this.#watched.delete(key);
    }
    for (const [key, used] of inUse) {
      const known = this.#watched.get(key);
      if (known !== undefined) known.spellings = [...used.values()];
      else {
        this.#watch(key, [...used.values()]);
        this.#queue.add(key);
      }
    }
  }

  /** An interval that became shorter counts from the last poll on. Those that fail have a pace of their own. */
  #hasten(): void {
    const { pace, random, clock } = this.#deps;
    const { intervalMs, jitterMs } = pace();
    const wantedMs = intervalMs || Number.POSITIVE_INFINITY;
    const isShorter = wantedMs < this.#intervalMs;
    this.#intervalMs = wantedMs;
    for (const [key, watched] of this.#watched) {
      const { polledMs, failures } = watched;
      if (isShorter && polledMs !== undefined) watched.dueMs = polledMs + intervalMs + jitterMs * random();
      if (watched.dueMs === undefined || watched.dueMs > clock.monotonicMs()) continue;
      watched.dueMs = undefined;
      if (failures === 0) this.#queue.add(key);
    }
  }

  #watch(key: string, spellings: readonly UsedRepository[]): Watched {
    const watched: Watched = {
      spellings,
      tips: undefined,
      turn: 0,
      failures: 0,
      hangs: false,
      problems: new Set<string>(),
      waiters: [],
    };
    this.#watched.set(key, watched);
    return watched;
  }

  /** In the queue where it belongs now; never in both at once, since it changes over at the end of a poll only. */
  async #workOf(key: string, isSuspect: boolean, signal: AbortSignal): Promise<Again> {
    const watched = this.#watched.get(key);
    if (watched === undefined) return {}; // forgotten since it was put off
    if (watched.hangs !== isSuspect) {
      (isSuspect ? this.#queue : this.#suspects).add(key);
      return {};
    }
    return this.#work(key, watched, signal);
  }

  async #work(key: string, watched: Watched, signal: AbortSignal): Promise<Again> {
    const waiters = watched.waiters.splice(0);
    const isFirst = watched.tips === undefined;
    const { pace, random } = this.#deps;
    if (pace().intervalMs === 0 && !isFirst && waiters.length === 0) return { againAfterMs: offMs };
    try {
      await this.#poll(key, watched, signal);
      this.#noteSuccess(key, watched);
      settle(waiters);
      const { intervalMs, jitterMs } = pace();
      return { againAfterMs: (intervalMs || offMs) * (isFirst ? shareOf(key) : 1) + jitterMs * random() };
    } catch (error) {
      settle(waiters, signal.aborted ? signal.reason : error);
      if (signal.aborted) throw error;
      this.#noteFailure(key, watched, error);
      return { againAfterMs: backoffMs(backoffOf(pace()), watched.failures, random) };
    }
  }

  async #poll(key: string, watched: Watched, signal: AbortSignal): Promise<void> {
    const { onMoved } = this.#deps;
    // One spelling may be refused where another is not: `.git` or not matters to some servers. So may one project.
    const used = watched.spellings[watched.turn % watched.spellings.length] ?? { url: "", project: "" };
    const spelling = used.url;
    const sources = this.#deps.sources.ofProject(used.project);
    const fetched = watched.tips === undefined ? sources.findRefs(spelling) : undefined;
    const tips = trackedRefs(await sources.tips(spelling, signal));
    const before = watched.tips ?? firstTips(fetched, tips);
    const refs = movedRefs(before, tips);
    if (refs.length > 0) {
      if (!isHeld(sources.findRefs(spelling), refs)) await sources.fetch(spelling, {}, signal);
      const defaultBranch = defaultBranchOf(before, tips);
      const { url } = parseRepositoryUrl(spelling);
      await onMoved({ url, refs, ...(defaultBranch === undefined ? {} : { defaultBranch }) });
    }
    await this.#compareTold(key, watched, { tips, spelling });
    watched.tips = tips;
  }

  /** The copy here may be ahead of what other engines were told: what it lacks is not all that they lack. */
  async #compareTold(
    key: string,
    watched: Watched,
    { tips, spelling }: { readonly tips: Refs; readonly spelling: string },
  ): Promise<void> {
    const { told, onMissed } = this.#deps;
    if (told === undefined) return;
    const digest = digestOf(tips);
    if (watched.digest === digest) return;
    const place = toldKeyOf(key);
    if (watched.tips === undefined) {
      const last = await told.find(place);
      if (last !== undefined && last !== digest) await onMissed?.(parseRepositoryUrl(spelling).url);
    }
    await told.keep(place, digest);
    watched.digest = digest;
  }

  #noteSuccess(repository: string, watched: Watched): void {
    if (watched.failures > 0) this.#deps.log.info("repository is polled again", { repository });
    watched.failures = 0;
    watched.hangs = false;
    watched.polledMs = this.#deps.clock.monotonicMs();
    watched.dueMs = undefined;
    watched.problems.clear();
  }

  #noteFailure(repository: string, watched: Watched, error: unknown): void {
    const problem = messageOf(error);
    watched.failures += 1;
    watched.turn += 1;
    watched.hangs = error instanceof EngineError && error.code === "TOOL_TIMEOUT";
    if (watched.problems.has(problem)) return;
    if (watched.problems.size >= maxProblems) watched.problems.clear();
    watched.problems.add(problem);
    this.#deps.log.warn("repository could not be polled, will retry", { repository, error });
  }
}

function backoffOf({ intervalMs, jitterMs }: PollPace): BackoffPolicy {
  const firstMs = intervalMs || offMs;
  return { firstMs, maxMs: 2 * firstMs, factor: 2, jitter: jitterMs / firstMs };
}

function settle(waiters: Waiter[], error?: unknown): void {
  for (const { resolve, reject } of waiters.splice(0)) {
    if (error === undefined) resolve();
    else reject(error);
  }
}

/** A number in [0, 1), always the same for one repository. */
function shareOf(key: string): number {
  return createHash("sha256").update(key).digest().readUInt32BE() / 2 ** 32;
}

/** Where it is kept what was told of a repository, by its normalised URL. */
export function toldKeyOf(place: string): string {
  return createHash("sha256").update(place).digest("hex");
}

function digestOf(refs: Refs): string {
  const sorted = [...refs].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
}

const zeros = "0".repeat(40);

/** Servers list more, e.g. one ref for each pull request; nobody follows those. */
function trackedRefs(refs: Refs): Refs {
  return new Map([...refs].filter(([name]) => name === "HEAD" || /^refs\/(?:heads|tags)\//.test(name)));
}

/**
 * Where refs were before the first poll: where the mirror has them, since Applications may have been compared with that.
 * Tags that the mirror lacks are no move: it keeps none that name a file or a folder.
 */
function firstTips(fetched: Refs | undefined, tips: Refs): Refs {
  if (fetched === undefined) return tips;
  const otherTags = [...tips].filter(([name]) => name.startsWith("refs/tags/") && !fetched.has(name));
  return new Map([...trackedRefs(fetched), ...otherTags]);
}

function movedRefs(before: Refs, tips: Refs): readonly RefChange[] {
  const gone = [...before].filter(([name]) => !tips.has(name)).map(([name, old]) => ({ name, old, new: zeros }));
  const moved = [...tips].flatMap(([name, now]) => {
    const old = before.get(name) ?? zeros;
    return old === now ? [] : [{ name, old, new: now }];
  });
  return [...moved, ...gone];
}

/** Whether the copy here stands where the refs went: a push was told of before. */
function isHeld(fetched: Refs | undefined, refs: readonly RefChange[]): boolean {
  return fetched !== undefined && refs.every(({ name, new: now }) => (fetched.get(name) ?? zeros) === now);
}

/**
 * `ls-remote` says only which commit HEAD is: the branch is one of that commit now and, if that is not enough, before;
 * then one of the usual names.
 */
function defaultBranchOf(before: Refs, tips: Refs): string | undefined {
  const isBranchAtHead = (refs: Refs) => (name: string) =>
    name.startsWith("refs/heads/") && refs.get(name) === refs.get("HEAD");
  const now = [...tips.keys()].filter(isBranchAtHead(tips));
  const both = now.filter(isBranchAtHead(before));
  const candidates = both.length > 0 ? both : now;
  if (candidates.length === 1) return candidates[0];
  return ["refs/heads/main", "refs/heads/master"].find((name) => candidates.includes(name));
}

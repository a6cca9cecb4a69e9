import { messageOf } from "../../../src/base/errors.ts";
import { type LogFields, type Logger, silentLogger } from "../../../src/base/log.ts";
import {
  createRepositoryPoller,
  type RepositoryChange,
  type RepositoryPoller,
  type UsedRepository,
} from "../../../src/controllers/applications/repository-poller.ts";
import type { GitSources } from "../../../src/gitops/source/source.ts";
import { openSources } from "../../gitops/source/rig.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";

export const intervalMs = 120_000;

export const used = (url: string): UsedRepository => ({ url, project: "default" });

export interface World extends AsyncDisposable {
  readonly urls: Set<string>;
  readonly sources: GitSources;
  readonly poller: RepositoryPoller;
  readonly changes: RepositoryChange[];
  /** Repositories that may have moved while another one polled them. */
  readonly missed: string[];
  readonly lines: readonly string[];
  /** Of `tips`, in order: the repository and the second since the start. */
  readonly polls: { readonly url: string; readonly second: number }[];
  readonly fetches: string[];
  readonly atOnce: { now: number; most: number };
  /** Runs before `onMoved` is done. */
  onMoved: () => Promise<void> | void;
  /** Runs before the server is asked. */
  beforeTips: (signal: AbortSignal) => Promise<void> | void;
  start(): void;
  /** Lets time go by second by second, and in each of them what is due come to its end. */
  pass(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** The real sources, watched as they are used, below a poller on virtual time. */
export async function openWorld(jitterMs = 0, random = () => 0, told = new Map<string, string>()): Promise<World> {
  const rig = await openSources();
  const clock = createVirtualClock();
  const begin = clock.now();
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const lines: string[] = [];
  const add = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push(
      `${level} ${message}: ${fields?.repository} ${fields?.error ? messageOf(fields.error) : ""}`.trim(),
    );
  const log: Logger = { ...silentLogger, error: add("error"), warn: add("warn"), info: add("info") };
  const urls = new Set<string>();
  const { sources } = rig;
  const poller = createRepositoryPoller({
    sources: {
      ofProject: () => ({
        findRefs: (url) => sources.findRefs(url),
        tips(url, signal) {
          world.polls.push({ url, second: (clock.now() - begin) / 1000 });
          return busy(async () => {
            await world.beforeTips(signal);
            return sources.tips(url, signal);
          });
        },
        fetch(url, wanted, signal) {
          world.fetches.push(url);
          return busy(() => sources.fetch(url, wanted, signal));
        },
      }),
    },
    repositories: () => [...urls].map(used),
    onMoved: (change) =>
      busy(async () => {
        await world.onMoved();
        world.changes.push(change);
      }),
    onMissed: (url) => void world.missed.push(url),
    told: {
      find: async (key) => told.get(key),
      keep: async (key, digest) => void told.set(key, digest),
    },
    pace: () => ({ intervalMs, jitterMs }),
    random,
    clock,
    log,
  });
  async function busy<T>(work: () => Promise<T>): Promise<T> {
    world.atOnce.most = Math.max(world.atOnce.most, ++world.atOnce.now);
    try {
      return await work();
    } finally {
      world.atOnce.now--;
    }
  }
  // What a poll does between two calls takes no turn of the event loop.
  const isIdle = () => world.atOnce.now === 0;
  const world: World = {
    urls,
    sources,
    poller,
    changes: [],
    missed: [],
    lines,
    polls: [],
    fetches: [],
    atOnce: { now: 0, most: 0 },
    onMoved: () => undefined,
    beforeTips: () => undefined,
    start() {
      running = poller.run(stopping.signal);
    },
    async pass(ms) {
      await waitFor("the polls to end", isIdle);
      for (let passed = 0; passed < ms; passed += 1_000) {
        await clock.advance(1_000);
        await waitFor("the polls to end", isIdle);
      }
    },
    async stop() {
      stopping.abort(new Error("stopped"));
      await running;
    },
    async [Symbol.asyncDispose]() {
      await world.stop();
      await rig[Symbol.asyncDispose]();
    },
  };
  return world;
}

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { silentLogger } from "../../../src/base/log.ts";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import { openPartitionLogs } from "../../../src/events/sensor/partition-log.ts";
import { createRateLimit, rateKey } from "../../../src/events/sensor/rate-limit.ts";
import { openLedger } from "../../../src/ledger/ledger.ts";
import { createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { waitFor } from "../../harness/wait.ts";
import { both, clock, letters, live, log, publish, sensor } from "./life.ts";

/**
 * A crash right before each operation on the bus, right after each that changed something, and on either side of each
 * effect: what is outside of a runner changes nowhere else, so that a crash at any other of its awaits is one of these.
 * Nothing of that life is seen any more, and the next life finds what was stored.
 */

interface Crash {
  /** What the bus held. */
  readonly bus: MemoryBus;
  readonly point: string;
}

/** Passes a point of a life; never, when it crashed there or before. */
type Pass = (point: string) => Promise<void> | undefined;

interface Life {
  stop(): void;
  readonly running: Promise<unknown>;
  isDone(): boolean | Promise<boolean>;
}

/** Lives on `bus` until it comes to point number `at`, or until `isDone`. */
async function liveUntil(
  bus: MemoryBus,
  at: number,
  run: (bus: MemoryBus, pass: Pass) => Promise<Life>,
): Promise<Crash | undefined> {
  const crashed = Promise.withResolvers<Crash>();
  let count = 0;
  let isOver = false;
  const pass: Pass = (point) => {
    count += 1;
    if (!isOver && count !== at) return undefined;
    if (!isOver) crashed.resolve({ bus: bus.clone(), point });
    isOver = true;
    return new Promise<void>(() => undefined);
  };
  bus.fault = (operation, subject) => pass(`before ${operation} ${subject}`);
  bus.done = (operation, subject) => pass(`after ${operation} ${subject}`);
  const starting = run(bus, pass);
  const first = await Promise.race([crashed.promise, starting]);
  if (!("stop" in first)) {
    starting.then(
      ({ stop }) => stop(),
      () => undefined,
    );
    return first;
  }
  const done = waitFor("the end of the scenario", () => isOver || first.isDone(), 5_000);
  await Promise.race([crashed.promise, done]);
  if (!isOver) {
    bus.fault = undefined;
    bus.done = undefined;
    first.stop();
    await first.running;
    return undefined;
  }
  first.stop();
  return crashed.promise;
}

const retryStrategy = { steps: 2, duration: "100ms", factor: 1, jitter: 0 };
const rescue = { template: { name: "rescue", log }, atLeastOnce: true, retryStrategy };
const failing = { template: { name: "each", conditions: "a || b", log }, atLeastOnce: true, retryStrategy };
const key = (id: string) => `uid-1/each/${id}`;

/** Outcomes of the ledger, as `key outcome`. */
async function outcomes(bus: MemoryBus): Promise<string[]> {
  const ledger = await openLedger({ bus, writer: "reader", clock, log: silentLogger });
  const found: string[] = [];
  const since = { ...ledger.mark(), after: 0 };
  for await (const records of ledger.readEffects(since, new AbortController().signal)) {
    for (const record of records) found.push(`${record.key} ${record.outcome}`);
  }
  return found;
}

/**
 * What the ledger holds an outcome of at a crash is over: whoever goes on neither makes it happen again nor keeps it in
 * the outbox. Asked at the crash; the answer, when all is done.
 */
async function watchOver(bus: MemoryBus, done: readonly string[]): Promise<() => Promise<void>> {
  const ended = (await outcomes(bus)).map((one) => one.split(" ")).filter(([, outcome]) => outcome !== "failed");
  const over = ended.map(([effect = ""]) => effect);
  const timesDone = () => over.map((one) => [one, done.filter((key) => key === one).length]);
  const before = timesDone();
  return async () => {
    assert.deepEqual(timesDone(), before, "what had its outcome in the ledger is not done again");
    const logs = await openPartitionLogs(bus, new AbortController().signal);
    const open = [...logs.values()]
      .flatMap(({ cells }) => [...cells.keys()])
      .map((cell) => decodeURIComponent(cell.split("/outbox/")[1] ?? ""));
    assert.deepEqual(
      open.filter((one) => over.includes(one)),
      [],
      "and nothing of it is stored",
    );
  };
}

const stops: (() => void)[] = [];

/** A life that begins with the oldest event; nothing of it goes on after a test. */
async function begin(compiled: ReturnType<typeof sensor>, bus: MemoryBus, execute: Execute, more: object = {}) {
  lives += 1;
  const start = () => bus.positionAt("events", 0);
  const stop = new AbortController();
  stops.push(() => stop.abort());
  return live(compiled, bus, `life${lives}`, execute, { start, ...more }, stop);
}
let lives = 0;

/** The world outside: what it was asked for, by the lives that are not over. */
function createWorld(fails: (effect: Parameters<Execute>[0]) => boolean) {
  const done: string[] = [];
  let alive = 0;
  return {
    done,
    crash: () => void alive++,
    /** How one life acts: after the crash that ends it, in vain. */
    act(pass: Pass = () => undefined): Execute {
      const mine = alive;
      return async (effect, signal) => {
        await turn();
        await pass(`before the effect ${effect.key}`);
        if (mine !== alive)
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        done.push(effect.key);
        await pass(`after the effect ${effect.key}`);
        if (fails(effect)) throw new Error("no");
        return { message: "" };
      };
    },
    isAlive: () => {
      const mine = alive;
      return () => mine === alive;
    },
  };
}

/** Plays a scenario once for each point that it comes to: it says whether it crashed there. */
async function everyCrash(least: number, scenario: (at: number, told: { crash: string }) => Promise<boolean>) {
  let at = 1;
  for (; at < 500; at++) {
    const told = { crash: "" };
    try {
      if (!(await scenario(at, told))) break;
    } catch (error) {
      throw new Error(`a crash at point ${at}, ${told.crash}`, { cause: error });
    } finally {
      for (const stop of stops.splice(0)) stop();
    }
  }
  assert.ok(at > least && at < 500, `${at} points`);
}

const hash = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 32);
const names = { a1: "a", b1: "b", a2: "a", b2: "b" } as const;
const inThrees = { template: { name: "all", conditions: "a || b", log, batch: { size: 3, wait: "1h" } } };

/** Joins, a batch and single events; the last event comes after the crash, for a join that was half full. */
async function joinScenario(at: number, told: { crash: string }): Promise<boolean> {
  const compiled = sensor([both, { template: { name: "each", conditions: "a || b", log } }, inThrees]);
  const world = createWorld(() => false);
  const before = ["both/a1,b1", "each/a1", "each/b1", "each/a2", `all/batch-3-${hash('["a1","a2","b1"]')}`];
  const keysOf = (list: readonly string[]) => list.map((one) => `uid-1/${one}`).sort();
  const areDone = (list: readonly string[]) => keysOf(list).every((one) => world.done.includes(one));
  const first = createMemoryBus("one", new Map(), new Map(), () => clock.now());
  for (const id of ["a1", "b1", "a2"] as const) await publish(first, names[id], id);
  const crash = await liveUntil(first, at, async (bus, pass) => {
    const life = await begin(compiled, bus, world.act(pass));
    return { ...life, isDone: () => areDone(before) };
  });
  if (!crash) return false;
  world.crash();
  told.crash = crash.point;
  const checkOver = await watchOver(crash.bus, world.done);
  await publish(crash.bus, names.b2, "b2");
  const { stop, running } = await begin(compiled, crash.bus, world.act());
  const all = [...before, "both/a2,b2", "each/b2"];
  await waitFor("all", () => areDone(all), 5_000);
  stop();
  await running;
  assert.deepEqual([...new Set(world.done)].sort(), keysOf(all));
  await checkOver();
  return true;
}

test("joins and batches: a crash anywhere loses no effect, and repeats none under another key", () =>
  everyCrash(20, joinScenario));

async function dlqScenario(at: number, told: { crash: string }): Promise<boolean> {
  const compiled = sensor([{ ...failing, dlqTrigger: rescue }]);
  const world = createWorld(({ dlqOf }) => dlqOf === undefined);
  const first = createMemoryBus();
  await publish(first, "a", "a1");
  const isDone = async (bus: MemoryBus) => {
    const recorded = await outcomes(bus);
    return [`${key("a1")} dead`, `dlq/${key("a1")} succeeded`].every((one) => recorded.includes(one));
  };
  const crash = await liveUntil(first, at, async (bus, pass) => {
    const life = await begin(compiled, bus, world.act(pass));
    return { ...life, isDone: () => letters(bus).length > 0 && world.done.includes(`dlq/${key("a1")}`) };
  });
  if (!crash) return false;
  world.crash();
  told.crash = crash.point;
  const checkOver = await watchOver(crash.bus, world.done);
  const { stop, running, dead } = await begin(compiled, crash.bus, world.act());
  await waitFor("the failure and the rescue", () => isDone(crash.bus), 5_000);
  stop();
  await running;
  assert.deepEqual([...new Set(world.done)].sort(), [`dlq/${key("a1")}`, key("a1")]);
  const open = (await dead.list({})).letters.map((letter) => letter.key);
  assert.deepEqual(open, [key("a1")]);
  await checkOver();
  return true;
}

test("dlqTrigger: a crash anywhere loses neither the letter nor what it does; nothing has another key", () =>
  everyCrash(12, dlqScenario));

async function redriveScenario(at: number, told: { crash: string }): Promise<boolean> {
  const compiled = sensor([{ ...failing, retryStrategy: { steps: 1 } }]);
  let isBroken = true;
  const world = createWorld(() => isBroken);
  const first = createMemoryBus();
  await publish(first, "a", "a1");
  const broken = await begin(compiled, first, world.act());
  await waitFor("the letter", () => letters(first).length === 1);
  broken.stop();
  await broken.running;
  const [letter] = (await broken.dead.list({})).letters;
  assert.ok(letter);
  await broken.redrives.request(letter);
  isBroken = false;
  world.done.length = 0;
  const crash = await liveUntil(first, at, async (bus, pass) => {
    const life = await begin(compiled, bus, world.act(pass));
    return { ...life, isDone: () => world.done.length > 0 && letters(bus).length === 2 };
  });
  if (!crash) return false;
  world.crash();
  told.crash = crash.point;
  const isOver = (await outcomes(crash.bus)).includes(`${key("a1")} succeeded`);
  const timesDone = world.done.length;
  const { stop, running, dead } = await begin(compiled, crash.bus, world.act());
  const isRedriven = async () => world.done.length > 0 && (await dead.list({})).letters.length === 0;
  await waitFor("the effect, and a letter that is dead no more", isRedriven, 5_000);
  const requests = () => crash.bus.state("redrives").entries("");
  await waitFor("the request to be gone", async () => (await requests()).length === 0);
  const isRecorded = async () => (await outcomes(crash.bus)).includes(`${key("a1")} succeeded`);
  await waitFor("its record", isRecorded);
  stop();
  await running;
  const again = world.done.length - timesDone;
  assert.ok(again <= (isOver ? 0 : 1), `done ${again} times after the crash, in the ledger before: ${isOver}`);
  assert.deepEqual([...new Set(world.done)], [key("a1")]);
  return true;
}

test("redrive: a crash anywhere leaves the request or the effect, under the key that it had", () =>
  everyCrash(8, redriveScenario));

async function rateScenario(at: number, told: { crash: string }): Promise<boolean> {
  const rateLimit = { unit: "Second", requestsPerUnit: 4 };
  const compiled = sensor([{ template: { name: "each", conditions: "a || b", log }, rateLimit }]);
  const ids = ["a1", "a2", "a3"];
  const world = createWorld(() => false);
  const turns: number[] = [];
  const limits = (bus: MemoryBus) => {
    const isAlive = world.isAlive();
    const limitOf = (lane: string, intervalMs: number) => {
      const store = bus.state("rates");
      // It gives a turn for the time that it looked at last; whoever is told may be told much later.
      let looked = clock.now();
      const watched = { ...clock, now: () => (looked = clock.now()) };
      const key = rateKey("shop", "s", lane);
      const limit = createRateLimit({ store, key, intervalMs, clock: watched, log: silentLogger });
      const take = async (signal: AbortSignal) => {
        await limit.take(signal);
        if (isAlive()) turns.push(looked);
      };
      return { take };
    };
    return { limitOf };
  };
  const first = createMemoryBus();
  for (const id of ids) await publish(first, "a", id);
  const crash = await liveUntil(first, at, async (bus, pass) => {
    const life = await begin(compiled, bus, world.act(pass), limits(bus));
    return { ...life, isDone: () => world.done.length === ids.length };
  });
  if (!crash) return false;
  world.crash();
  told.crash = crash.point;
  const checkOver = await watchOver(crash.bus, world.done);
  const { stop, running } = await begin(compiled, crash.bus, world.act(), limits(crash.bus));
  await waitFor("all", () => ids.every((id) => world.done.includes(key(id))), 5_000);
  stop();
  await running;
  assert.deepEqual([...new Set(world.done)].sort(), ids.map(key));
  await checkOver();
  const gaps = turns.slice(1).map((now, index) => now - (turns[index] ?? 0));
  // Of a turn on time its exact place counts, up to a millisecond before.
  assert.ok(Math.min(...gaps) >= 249, `${gaps}`);
  return true;
}

test("rateLimit: a crash anywhere takes no turn too many, and no effect is lost", () => everyCrash(8, rateScenario));

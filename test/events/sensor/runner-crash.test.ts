import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { silentLogger } from "../../../src/base/log.ts";
import { createDeadStore } from "../../../src/events/sensor/dead-store.ts";
import type { Execute } from "../../../src/events/sensor/effect-queue.ts";
import { createRateLimit, rateKey } from "../../../src/events/sensor/rate-limit.ts";
import { openLedger } from "../../../src/ledger/ledger.ts";
import { createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { waitFor } from "../../harness/wait.ts";
import { clock, letters, live, log, publish, sensor } from "./life.ts";

/**
 * A crash right before each operation on the bus in turn: everything that a runner awaits, beside its effects, is one.
 * The operation never happens, nothing of that life is seen any more, and the next life finds what was stored.
 */

interface Crash {
  /** What the bus held. */
  readonly bus: MemoryBus;
  readonly operation: string;
}

/** Lives on `bus` until operation number `at` is asked for, or until `isDone`. */
async function liveUntil(
  bus: MemoryBus,
  at: number,
  run: (
    bus: MemoryBus,
  ) => Promise<{ stop(): void; running: Promise<unknown>; isDone: () => boolean | Promise<boolean> }>,
): Promise<Crash | undefined> {
  const crashed = Promise.withResolvers<Crash>();
  let count = 0;
  let isOver = false;
  bus.fault = (operation, subject) => {
    if (isOver) return new Promise<void>(() => undefined);
    count += 1;
    if (count !== at) return undefined;
    isOver = true;
    crashed.resolve({ bus: bus.clone(), operation: `${operation} ${subject}` });
    return new Promise<void>(() => undefined);
  };
  const starting = run(bus);
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
    first.stop();
    await first.running;
    bus.fault = undefined;
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

async function everyCrash(
  name: string,
  scenario: (at: number, seen: { crashed: string }) => Promise<boolean>,
  least: number,
): Promise<void> {
  let at = 1;
  for (; at < 500; at++) {
    const seen = { crashed: "" };
    try {
      if (!(await scenario(at, seen))) break;
    } catch (error) {
      throw new Error(`${name}: a crash before operation ${at} (${seen.crashed})`, { cause: error });
    }
  }
  assert.ok(at > least && at < 500, `${at} operations`);
}

test("dlqTrigger: a crash anywhere loses neither the letter nor what it does, and repeats nothing under another key", async () => {
  const compiled = sensor([{ ...failing, dlqTrigger: rescue }]);
  await everyCrash(
    "dlqTrigger",
    async (at, seen) => {
      const done: string[] = [];
      let isAlive = true;
      const execute =
        (life: () => boolean): Execute =>
        async ({ key: effect, dlqOf }, signal) => {
          await turn();
          if (!life()) return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          done.push(effect);
          if (dlqOf === undefined) throw new Error("no");
          return { message: "" };
        };
      const isDone = (bus: MemoryBus) => async () =>
        letters(bus).length >= 1 &&
        (await outcomes(bus)).filter((one) => one === `${key("a1")} dead` || one.startsWith("dlq/")).length >= 2;
      const bus = createMemoryBus();
      const crash = await liveUntil(bus, at, async (one) => {
        const life = await live(
          compiled,
          one,
          "first",
          execute(() => isAlive),
        );
        await publish(one, "a", "a1");
        return { ...life, isDone: () => letters(one).length >= 1 && done.includes(`dlq/${key("a1")}`) };
      });
      if (!crash) return false;
      isAlive = false;
      seen.crashed = crash.operation;
      // What was answered is on the bus; a crash before that is the sender's to repeat.
      await publish(crash.bus, "a", "a1");
      const { stop, running } = await live(
        compiled,
        crash.bus,
        "second",
        execute(() => true),
      );
      if (crash.bus.stored("state").length > 0) await publish(crash.bus, "a", "a1");
      await waitFor("the letter and the rescue", isDone(crash.bus), 5_000);
      stop();
      await running;
      assert.deepEqual([...new Set(done)].sort(), [`dlq/${key("a1")}`, key("a1")]);
      const { letters: open } = await createDeadStore(crash.bus, clock).list({});
      assert.deepEqual(
        open.map((letter) => letter.key),
        [key("a1")],
      );
      return true;
    },
    15,
  );
});

test("redrive: a crash anywhere leaves the request or the effect, under the key that it had", async () => {
  const compiled = sensor([{ ...failing, retryStrategy: { steps: 1 } }]);
  await everyCrash(
    "redrive",
    async (at, seen) => {
      const bus = createMemoryBus();
      let isMended = false;
      let isAlive = true;
      const done: string[] = [];
      const execute =
        (life: () => boolean): Execute =>
        async ({ key: effect }, signal) => {
          if (!life()) return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          if (!isMended) throw new Error("no");
          done.push(effect);
          return { message: "" };
        };
      const broken = await live(
        compiled,
        bus,
        "broken",
        execute(() => true),
      );
      await publish(bus, "a", "a1");
      await waitFor("the letter", () => letters(bus).length === 1);
      broken.stop();
      await broken.running;
      const [letter] = (await broken.dead.list({})).letters;
      assert.ok(letter);
      await broken.redrives.request(letter);
      isMended = true;
      const noneOpen = async (one: MemoryBus) => (await createDeadStore(one, clock).list({})).letters.length === 0;
      const crash = await liveUntil(bus, at, async (one) => {
        const life = await live(
          compiled,
          one,
          "first",
          execute(() => isAlive),
        );
        return {
          ...life,
          isDone: () => done.length > 0 && one.stored("dead").length === 2,
        };
      });
      if (!crash) return false;
      isAlive = false;
      seen.crashed = crash.operation;
      const { stop, running } = await live(
        compiled,
        crash.bus,
        "second",
        execute(() => true),
      );
      const isRedriven = async () => done.length > 0 && (await noneOpen(crash.bus));
      await waitFor("the effect, and a letter that is dead no more", isRedriven, 5_000);
      const requests = () => crash.bus.state("redrives").entries("");
      await waitFor("the request to be gone", async () => (await requests()).length === 0);
      stop();
      await running;
      assert.deepEqual([...new Set(done)], [key("a1")]);
      const recorded = await outcomes(crash.bus);
      assert.deepEqual([recorded[0], recorded.at(-1)], [`${key("a1")} dead`, `${key("a1")} succeeded`]);
      return true;
    },
    12,
  );
});

test("rateLimit: a crash anywhere takes no turn too many, and no effect is lost", async () => {
  const rateLimit = { unit: "Second", requestsPerUnit: 4 };
  const compiled = sensor([{ template: { name: "each", conditions: "a || b", log }, rateLimit }]);
  const ids = ["a1", "a2", "a3"];
  await everyCrash(
    "rateLimit",
    async (at, seen) => {
      const turns: number[] = [];
      const done: string[] = [];
      let isAlive = true;
      const execute =
        (life: () => boolean): Execute =>
        async ({ key: effect }, signal) => {
          if (!life()) return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          done.push(effect);
          return { message: "" };
        };
      const limitOf = (bus: MemoryBus, life: () => boolean) => (lane: string, intervalMs: number) => {
        const store = bus.state("rates");
        const limit = createRateLimit({ store, key: rateKey("shop", "s", lane), intervalMs, clock, log: silentLogger });
        return {
          async take(signal: AbortSignal) {
            await limit.take(signal);
            if (life()) turns.push(clock.now());
          },
        };
      };
      const bus = createMemoryBus();
      const crash = await liveUntil(bus, at, async (one) => {
        const more = { limitOf: limitOf(one, () => isAlive) };
        const life = await live(
          compiled,
          one,
          "first",
          execute(() => isAlive),
          more,
        );
        for (const id of ids) await publish(one, "a", id);
        return { ...life, isDone: () => done.length === ids.length };
      });
      if (!crash) return false;
      isAlive = false;
      seen.crashed = crash.operation;
      const more = { limitOf: limitOf(crash.bus, () => true) };
      const { stop, running } = await live(
        compiled,
        crash.bus,
        "second",
        execute(() => true),
        more,
      );
      for (const id of ids) await publish(crash.bus, "a", id);
      await waitFor("all", () => ids.every((id) => done.includes(key(id))), 5_000);
      stop();
      await running;
      assert.deepEqual([...new Set(done)].sort(), ids.map(key));
      const gaps = turns.slice(1).map((now, index) => now - (turns[index] ?? 0));
      assert.ok(Math.min(...gaps) >= 249, `${gaps}`);
      return true;
    },
    12,
  );
});

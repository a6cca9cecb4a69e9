import assert from "node:assert/strict";
import { test } from "node:test";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import type { Effect } from "../../../src/events/sensor/effect.ts";
import { isOpenError, isOpenRecord } from "../../../src/events/sensor/effect.ts";
import type { LimitOf } from "../../../src/events/sensor/lane.ts";
import { trigger } from "./builders.ts";
import { effect, never, open } from "./queue-rig.ts";

const two = [trigger("slow", "a", { log: {} }), trigger("fast", "a", { log: {} })];
const hangs: Execute = async ({ trigger: name }) =>
  name === "slow" ? new Promise(() => undefined) : { message: "done" };

const keysOf = (changes: ReadonlyMap<string, unknown>) => [...changes.keys()];

test("a trigger that hangs holds up the Sensor for 100 ms, then only itself; what it has waits in the outbox", async () => {
  const { clock, queue, seen } = open({ triggers: two, execute: hangs });
  for (let n = 0; n < 256; n++) queue.add(effect(`s${n}`, { trigger: "slow" }), n + 1, false);
  assert.deepEqual([queue.hasRoom(), queue.oldestInline()], [false, 1]);
  let waited = false;
  const waiting = queue.room(never).then(() => {
    waited = true;
  });
  await clock.advance(99);
  assert.equal(waited, false);
  await clock.advance(2);
  await waiting;
  assert.deepEqual([queue.hasRoom(), queue.oldestInline()], [true, undefined]);
  queue.add(effect("s256", { trigger: "slow" }), 300, false);
  queue.add(effect("f", { trigger: "fast" }), 301, false);
  assert.equal(queue.oldestInline(), 301, "what waits for the slow trigger holds up no position");
  await clock.advance(0);
  assert.deepEqual(
    seen.records.map(({ key }) => key),
    ["f"],
  );
  assert.equal(keysOf(queue.collectOutbox().changes).length, 257);
});

test("a slow trigger may fill its part of the outbox, and no more", async () => {
  const { clock, queue } = open({ triggers: two, execute: hangs });
  for (let n = 0; n < 256; n++) queue.add(effect(`s${n}`, { trigger: "slow" }), n + 1, false);
  const room = queue.room(never);
  await clock.advance(200);
  await room;
  let added = 256;
  while (queue.hasRoom()) queue.add(effect(`s${added}`, { trigger: "slow" }), ++added, false);
  assert.equal(added, 1_000);
});

test("a slow trigger that gets on is one that is waited for again", async () => {
  const ends: (() => void)[] = [];
  const { clock, queue, seen } = open({
    triggers: two,
    execute: () => new Promise((resolve) => ends.push(() => resolve({ message: "" }))),
  });
  for (let n = 0; n < 256; n++) queue.add(effect(`s${n}`, { trigger: "slow" }), n + 1, false);
  const room = queue.room(never);
  await clock.advance(200);
  await room;
  for (let n = 256; n < 300; n++) queue.add(effect(`s${n}`, { trigger: "slow" }), n + 1, false);
  for (let n = 0; n < 300; n++) {
    ends[n]?.();
    await clock.advance(0);
  }
  assert.equal(seen.records.length, 300);
  queue.add(effect("next", { trigger: "slow" }), 400, false);
  assert.equal(queue.oldestInline(), 400, "inline again");
});

test("a rate limit holds up its own trigger, attempts that are made again included", async () => {
  let turns = 0;
  let give: () => void = () => undefined;
  const limitOf: LimitOf = (lane) => {
    assert.equal(lane, "slow");
    const take = () =>
      new Promise<void>((resolve) => {
        turns += 1;
        give = resolve;
      });
    return { take };
  };
  const rateLimit = { unit: "Second", requestsPerUnit: 1 } as const;
  const retryStrategy = { steps: 2, duration: "1s", jitter: 0 };
  const triggers = [{ ...trigger("slow", "a", { log: {} }), rateLimit, retryStrategy }, two[1]!];
  let fails = true;
  const execute: Execute = async ({ trigger: name }) => {
    if (name === "slow" && fails) throw new Error("no");
    return { message: "" };
  };
  const { clock, queue, seen } = open({ triggers, limitOf, execute });
  queue.add(effect("s", { trigger: "slow" }), 1, false);
  queue.add(effect("f", { trigger: "fast" }), 2, false);
  await clock.advance(0);
  assert.deepEqual([seen.records.map(({ key }) => key), turns, queue.oldestInline()], [["f"], 1, undefined]);
  give();
  await clock.advance(0);
  assert.deepEqual(seen.records.at(-1), { key: "s", outcome: "failed", attempt: 1 });
  fails = false;
  await clock.advance(1_000);
  assert.deepEqual([turns, seen.records.length], [2, 2], "the second attempt waits for its turn");
  give();
  await clock.advance(0);
  assert.deepEqual(seen.records.at(-1), { key: "s", outcome: "succeeded", attempt: 2 });
});

test("a trigger whose retryStrategy cannot be read fails for good, each time, and nothing else does", async () => {
  const broken = { ...trigger("slow", "a", { log: {} }), retryStrategy: { duration: "soon" } };
  let attempts = 0;
  const execute: Execute = async () => {
    attempts += 1;
    return { message: "" };
  };
  const { clock, queue, seen } = open({ triggers: [broken, two[1]!], execute });
  queue.add(effect("s", { trigger: "slow" }), 1, false);
  queue.add(effect("f", { trigger: "fast" }), 2, false);
  await clock.advance(0);
  assert.deepEqual(seen.records.map(({ key, outcome }) => `${key} ${outcome}`).sort(), ["f succeeded", "s dead"]);
  assert.match(String((seen.dead[0] as { error: string }).error), /retryStrategy.duration: "soon"/);
  assert.equal(attempts, 1);
});

const withDlq = (steps = 1) => ({
  ...trigger("t", "a", { log: {} }),
  atLeastOnce: true,
  retryStrategy: { steps, duration: "1s", jitter: 0 },
  dlqTrigger: {
    ...trigger("rescue", undefined, { log: {} }),
    atLeastOnce: true,
    retryStrategy: { steps: 2, duration: "1s", jitter: 0 },
  },
});
const fails: Execute = () => Promise.reject(new Error("no"));
const rescued: Execute = async ({ dlqOf }) => {
  if (dlqOf === undefined) throw new Error("no");
  return { message: "rescued" };
};

test("a dlqTrigger acts when its trigger failed for good, under a key made of the other's, with the same events", async () => {
  const seenEffects: Effect[] = [];
  const execute: Execute = (one, signal) => {
    seenEffects.push(one);
    return rescued(one, signal);
  };
  const { clock, queue, seen } = open({ triggers: [withDlq(2)], execute });
  queue.add(effect("uid/t/e1"), 1, false);
  await clock.advance(999);
  assert.equal(queue.find("dlq/uid/t/e1"), undefined, "not before its last attempt");
  await clock.advance(1);
  const outbox = queue.collectOutbox();
  assert.deepEqual(keysOf(outbox.changes).sort(), ["dlq/uid/t/e1", "uid/t/e1"], "in one append");
  assert.deepEqual([outbox.waiting, seen.dead.length, seenEffects.length], [true, 0, 2], "and neither goes on before");
  outbox.committed();
  await clock.advance(0);
  assert.deepEqual(seen.records, [
    { key: "uid/t/e1", outcome: "failed", attempt: 1 },
    { key: "dlq/uid/t/e1", outcome: "succeeded", attempt: 1 },
    { key: "uid/t/e1", outcome: "dead", attempt: 2 },
  ]);
  const { trigger: name, dlqOf, events } = seenEffects[2]!;
  assert.deepEqual([name, dlqOf, events], ["rescue", "t", {}]);
  assert.deepEqual([...queue.collectOutbox().changes.values()], [null, null]);
});

test("a dlqTrigger has retries of its own; when it fails for good, both are on dead", async () => {
  const { clock, queue, seen } = open({ triggers: [withDlq()], execute: fails });
  queue.add(effect("uid/t/e1"), 1, false);
  await clock.advance(0);
  queue.collectOutbox().committed();
  await clock.advance(1_000);
  assert.deepEqual(
    seen.records.map(({ key, outcome, attempt }) => `${key} ${attempt} ${outcome}`),
    ["dlq/uid/t/e1 1 failed", "uid/t/e1 1 dead", "dlq/uid/t/e1 2 dead"],
  );
  assert.equal(seen.dead.length, 2);
});

const crashes: [name: string, finished: readonly string[], expected: readonly string[]][] = [
  ["right after the append", [], ["dlq/uid/t/e1 succeeded", "uid/t/e1 dead"]],
  ["after the dlqTrigger was done", ["dlq/uid/t/e1"], ["uid/t/e1 dead"]],
  ["after the failure was recorded", ["uid/t/e1"], ["dlq/uid/t/e1 succeeded"]],
  ["after both", ["uid/t/e1", "dlq/uid/t/e1"], []],
];
for (const [name, finished, expected] of crashes) {
  test(`a crash ${name}: the trigger is not tried again, and its dlqTrigger acts`, async () => {
    const first = open({ triggers: [withDlq()], execute: rescued });
    first.queue.add(effect("uid/t/e1"), 1, false);
    await first.clock.advance(0);
    const stored = [...first.queue.collectOutbox().changes.values()].filter((entry) => entry !== null);
    const copies = structuredClone(stored);
    const attempted: string[] = [];
    const execute: Execute = (one, signal) => {
      attempted.push(one.key);
      return rescued(one, signal);
    };
    const { clock, queue, seen } = open({ triggers: [withDlq()], execute });
    const unfinished = copies.filter(({ key }) => !finished.includes(key));
    queue.restore(unfinished, copies);
    await clock.advance(0);
    assert.deepEqual(seen.records.map(({ key, outcome }) => `${key} ${outcome}`).sort(), [...expected]);
    assert.ok(!attempted.includes("uid/t/e1"), "it had failed for good");
    assert.deepEqual([...queue.collectOutbox().changes.values()], [null, null]);
    const [letter] = seen.dead;
    if (expected.includes("uid/t/e1 dead")) assert.equal(letter?.kind === "effect" && letter.effect.failed, 1);
  });
}

test("what an edit left of a trigger, or of a dlqTrigger, is still carried through", async () => {
  const { clock, queue, seen } = open({ execute: fails });
  const left = [effect("gone", { trigger: "removed" }), effect("dlq/gone", { trigger: "rescue", dlqOf: "removed" })];
  queue.restore(left, left);
  await clock.advance(0);
  assert.deepEqual(
    seen.dead.map((dead) => dead.kind === "effect" && dead.effect.key),
    ["gone", "dlq/gone"],
  );
});

test("each attempt is reported, with its error if it failed", async () => {
  const told: string[] = [];
  const report = (name: string, _at: number, error?: string) => void told.push(`${name} ${error ?? "ok"}`);
  const { clock, queue } = open({ triggers: [withDlq(2)], execute: rescued, report });
  queue.add(effect("uid/t/e1"), 1, false);
  await clock.advance(1_000);
  queue.collectOutbox().committed();
  await clock.advance(0);
  assert.deepEqual(told, ["t no", "t no", "rescue ok"]);
});

test("what is stored for a redrive starts when it is told to, once it is stored", async () => {
  const { clock, queue, seen } = open();
  const redriven = effect("k", { redrive: "7" });
  let isStored = false;
  const storing = queue.store(redriven).then(() => {
    isStored = true;
  });
  await clock.advance(0);
  assert.equal(isStored, false);
  queue.collectOutbox().committed();
  await storing;
  await clock.advance(0);
  assert.equal(seen.records.length, 0);
  const found = queue.find("k");
  assert.ok(found && !isOpenError(found) && !isOpenRecord(found) && found.redrive === "7");
  queue.start(redriven);
  await clock.advance(0);
  assert.equal(seen.records[0]?.outcome, "succeeded");
});

test("a stop ends a limited trigger whose attempts hang, and what waits of it stays in the outbox", async () => {
  const rateLimit = { unit: "Second", requestsPerUnit: 1 } as const;
  const limitOf: LimitOf = () => ({ take: async () => undefined });
  const triggers = [{ ...trigger("slow", "a", { log: {} }), rateLimit }];
  const { clock, queue, seen } = open({ triggers, limitOf, execute: hangs });
  for (let n = 0; n < 300; n++) queue.add(effect(`s${n}`, { trigger: "slow" }), n + 1, false);
  await clock.advance(0);
  queue.stop();
  let hasEnded = false;
  const running = queue.ended(new Error("stopped")).then(() => {
    hasEnded = true;
  });
  for (let second = 0; second < 12; second++) await clock.advance(1_000);
  assert.ok(hasEnded);
  await running;
  assert.deepEqual([queue.collectOutbox().changes.size, seen.failures], [300, []]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Trigger } from "../../../src/api/resources.ts";
import { TerminalError } from "../../../src/base/errors.ts";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import type { OpenRecord } from "../../../src/events/sensor/effect.ts";
import type { LimitOf } from "../../../src/events/sensor/lane.ts";
import { received, trigger } from "./builders.ts";
import { effect, never, open } from "./queue-rig.ts";

const fails: Execute = () => Promise.reject(new Error("no"));
const hangs: Execute = () => new Promise(() => undefined);
/** Executes what it is asked for, one after the other as `ends` is called. */
function createSteps() {
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const execute: Execute = ({ key }) => {
    begun.push(key);
    return new Promise((resolve, reject) => {
      ends.set(key, (error) => (error ? reject(error) : resolve({ message: "" })));
    });
  };
  return { begun, ends, execute };
}

test("an event is open until each of its effects has its outcome", async () => {
  const { ends, execute } = createSteps();
  const { clock, queue } = open({ execute });
  for (const key of ["first", "second"]) queue.add(effect(key), 7, false);
  queue.add(effect("later"), 8, false);
  const places: unknown[] = [];
  for (const key of ["first", "second", "later"]) {
    ends.get(key)?.();
    await clock.advance(0);
    places.push(queue.oldestInline());
  }
  assert.deepEqual(places, [7, 8, undefined]);
});

test("what is to be tried again holds up no position: it is in the outbox", async () => {
  const { clock, queue } = open({ execute: fails, steps: 3 });
  queue.add(effect("k"), 7, false);
  assert.deepEqual([queue.oldestInline(), queue.find("k")?.key], [7, "k"]);
  await clock.advance(0);
  assert.deepEqual([queue.oldestInline(), [...queue.collectOutbox().changes.keys()]], [undefined, ["k"]]);
});

test("what trying again cannot mend is tried once", async () => {
  const execute: Execute = () => Promise.reject(new TerminalError("PARAMETER_ERROR", "no such key"));
  const { clock, queue, seen } = open({ execute, steps: 5 });
  queue.add(effect("k"), 1, false);
  await clock.advance(60_000);
  assert.deepEqual(seen.records, [{ key: "k", outcome: "dead", attempt: 1 }]);
});

test("outcomes behind an effect that waits for its turn are read from the ledger again", async () => {
  const execute: Execute = ({ key }) => (key === "x1" ? fails(effect(key), never) : Promise.resolve({ message: "" }));
  const { clock, queue, seen } = open({ execute, steps: 2 });
  queue.add(effect("x1", { lane: "x" }), 1, false);
  await clock.advance(0);
  seen.ledgerEnd = 5;
  queue.add(effect("x2", { lane: "x" }), 2, false); // waits for the other, which waits for its retry
  seen.ledgerEnd = 9;
  queue.add(effect("y"), 3, false);
  await clock.advance(0);
  assert.deepEqual([queue.oldestInline(), queue.has("y"), queue.ledgerPosition().after], [2, false, 5]);
});

const event = received("e1", "a");
const decision = { kind: "error", dependency: "a", message: "broken", event } as const;

test("an error counts as unfinished until it is recorded, and is put on dead once", async () => {
  const recorded = Promise.withResolvers<void>();
  const { clock, queue, seen } = open();
  for (let n = 0; n < 2; n++) queue.addError(decision, { id: "w-1.0", kept: recorded.promise });
  await clock.advance(0);
  assert.deepEqual([seen.dead.length, queue.oldestInline()], [1, event.head.sequence]);
  recorded.resolve();
  await clock.advance(0);
  assert.equal(queue.oldestInline(), undefined);
});

test("an error of an event that was redriven is stored: no position stands for it", async () => {
  const { clock, queue, seen } = open();
  const pending = new Promise<void>(() => undefined);
  queue.addError(decision, { id: "w-1.0", kept: pending }, "7");
  await clock.advance(0);
  assert.deepEqual([queue.oldestInline(), queue.collectOutbox().changes.size], [undefined, 1]);
  assert.deepEqual(
    seen.dead.map((dead) => dead.kind === "decision" && dead.redrive),
    ["7"],
  );
});

test("a record that was open at a crash is written once, though it is decided again", async () => {
  let written = 0;
  const { clock, queue } = open({ kept: async () => void written++ });
  const sensor = { namespace: "ns", name: "s", uid: "uid", revision: "" };
  const record = { kind: "decision", at: 0, causes: ["e"], sensor, verdict: "expired", events: {} } as const;
  const entry: OpenRecord = { key: "record/1", record };
  queue.restore([entry], [entry]);
  queue.addRecord(structuredClone(entry));
  await clock.advance(0);
  assert.equal(written, 1);
});

test("a redriven effect that fails again adds no second dlqTrigger while the first is at work", async () => {
  const rescue = trigger("rescue", undefined, { log: {} });
  const withDlq = { ...trigger("t", "a", { log: {} }), dlqTrigger: rescue };
  const tried: string[] = [];
  const execute: Execute = (one, signal) => {
    tried.push(one.key);
    return one.dlqOf === undefined ? fails(one, signal) : hangs(one, signal);
  };
  const { clock, queue } = open({ triggers: [withDlq], execute });
  const commit = async (): Promise<void> => {
    await clock.advance(0);
    queue.collectOutbox().committed();
    await clock.advance(0);
  };
  queue.add(effect("k"), 1, false);
  await commit();
  const redriven = effect("k", { redrive: "7" });
  const storing = queue.store(redriven);
  await commit();
  await storing;
  queue.start(redriven);
  await commit();
  assert.deepEqual(tried, ["k", "dlq/k", "k"]);
});

test("a dlqTrigger that is called as another trigger has retries and a limit of its own", async () => {
  const retryStrategy = { steps: 3, duration: "1s", jitter: 0 };
  const rateLimit = { unit: "Second", requestsPerUnit: 1 } as const;
  const rescue = { ...trigger("other", undefined, { log: {} }), retryStrategy, rateLimit };
  const lanes: string[] = [];
  const limitOf: LimitOf = (lane) => {
    lanes.push(lane);
    return { take: async () => undefined };
  };
  const triggers = [
    { ...trigger("t", "a", { log: {} }), rateLimit, dlqTrigger: rescue },
    trigger("other", "a", { log: {} }),
  ];
  const { clock, queue, seen } = open({ triggers, limitOf, execute: fails });
  queue.add(effect("k"), 1, false);
  await clock.advance(0);
  queue.collectOutbox().committed();
  await clock.advance(10_000);
  assert.deepEqual(seen.records.map(({ key, attempt, outcome }) => `${key} ${attempt} ${outcome}`).sort(), [
    "dlq/k 1 failed",
    "dlq/k 2 failed",
    "dlq/k 3 dead",
    "k 1 dead",
  ]);
  assert.deepEqual(lanes, ["t", "t/dlqTrigger"]);
});

const limited = [{ ...trigger("t", "a", { log: {} }), rateLimit: { unit: "Second", requestsPerUnit: 9 } as const }];

test("turns of a limit are asked for one after the other", async () => {
  let [asked, most] = [0, 0];
  const gives: (() => void)[] = [];
  const limitOf: LimitOf = () => ({
    take: async () => {
      asked += 1;
      most = Math.max(most, asked);
      await new Promise<void>((resolve) => gives.push(resolve));
      asked -= 1;
    },
  });
  const { clock, queue, seen } = open({ triggers: limited, limitOf });
  for (const key of ["a", "b", "c"]) queue.add(effect(key), 1, false);
  for (let n = 0; n < 3; n++) {
    await clock.advance(0);
    gives[n]?.();
    await clock.advance(0);
  }
  assert.deepEqual([seen.records.map(({ key }) => key), most], [["a", "b", "c"], 1]);
});

test("after a stop nothing begins: neither what has its turn then, nor what comes; all of it stays", async () => {
  let give: () => void = () => undefined;
  const limitOf: LimitOf = () => ({ take: () => new Promise<void>((resolve) => (give = resolve)) });
  const { begun, execute } = createSteps();
  const slow = open({ triggers: limited, limitOf, execute });
  slow.queue.add(effect("turn"), 1, false);
  await slow.clock.advance(0);
  slow.queue.stop();
  give();
  await slow.clock.advance(0);
  const fast = open({ execute });
  fast.queue.stop();
  fast.queue.add(effect("late"), 2, false);
  await fast.clock.advance(0);
  assert.deepEqual([begun, slow.queue.has("turn"), fast.queue.has("late")], [[], true, true]);
});

test("there is room while a limited trigger has all of its attempts under way: what comes is stored", async () => {
  const limitOf: LimitOf = () => ({ take: async () => undefined });
  const { clock, queue } = open({ triggers: limited, limitOf, execute: hangs });
  let added = 0;
  while (queue.hasRoom() && added < 5_000) {
    queue.add(effect(`k${added}`), ++added, false);
    if (added % 100 === 0) await clock.advance(0);
  }
  assert.equal(added, 1_000);
});

test("256 effects of joins that wait to be stored stop the reading, until they are", async () => {
  const { clock, queue, seen } = open();
  for (let n = 0; n < 256; n++) queue.add(effect(`k${n}`), n, true);
  assert.deepEqual([queue.hasRoom(), seen.marks.every((urgent) => urgent)], [false, true]);
  queue.collectOutbox().committed();
  await clock.advance(0);
  assert.deepEqual([queue.hasRoom(), seen.records.length], [true, 256]);
});

test("a thousand effects that wait for one of their key stop the reading", async () => {
  const { ends, execute } = createSteps();
  const { clock, queue } = open({ execute });
  for (let n = 0; n < 1_001; n++) queue.add(effect(`k${n}`, { lane: "x" }), n, false);
  assert.equal(queue.hasRoom(), false);
  ends.get("k0")?.();
  await clock.advance(0);
  assert.equal(queue.hasRoom(), true);
});

test("a thousand effects of a dlqTrigger, or of a trigger that is gone, stop the reading", () => {
  const withDlq = { ...trigger("t", "a", { log: {} }), dlqTrigger: trigger("rescue", undefined, { log: {} }) };
  for (const more of [{ trigger: "rescue", dlqOf: "t" }, { trigger: "gone" }]) {
    const { queue } = open({ triggers: [withDlq], execute: hangs });
    const left = Array.from({ length: 1_000 }, (_, n) => effect(`k${n}`, more));
    queue.restore(left.slice(1), left.slice(1));
    assert.equal(queue.hasRoom(), true, JSON.stringify(more));
    queue.restore(left.slice(0, 1), left.slice(0, 1));
    assert.equal(queue.hasRoom(), false, JSON.stringify(more));
  }
});

test("an effect that is stored again counts once", () => {
  const { queue } = open({ execute: hangs });
  for (let n = 0; n < 1_400; n++) void queue.store(effect(`k${n % 700}`, { failed: Math.floor(n / 700) }));
  queue.collectOutbox().committed();
  assert.equal(queue.hasRoom(), true);
});

test("what is stored for a redrive is asked to be stored at once", () => {
  const { queue, seen } = open();
  void queue.store(effect("k", { redrive: "7" }));
  assert.deepEqual(seen.marks, [true]);
});

const plans: [name: string, more: Partial<Trigger>, attempts: number][] = [
  ["nothing said: one, as the original", {}, 1],
  ["atLeastOnce", { atLeastOnce: true }, 5],
  ["a retryStrategy, though it is not atLeastOnce", { retryStrategy: { steps: 3 } }, 3],
  ["both", { atLeastOnce: true, retryStrategy: { steps: 2 } }, 2],
];
for (const [name, more, attempts] of plans) {
  test(`attempts: ${name}`, async () => {
    const { clock, queue, seen } = open({ triggers: [{ ...trigger("t", "a", { log: {} }), ...more }], execute: fails });
    queue.add(effect("k"), 1, false);
    await clock.advance(60_000);
    assert.deepEqual([seen.records.length, seen.records.at(-1)?.outcome], [attempts, "dead"]);
  });
}

test("of many attempts the last are kept, and all are counted", async () => {
  let attempt = 0;
  const execute: Execute = () => Promise.reject(new Error(`no ${++attempt}`));
  const { clock, queue, seen } = open({
    execute,
    triggers: [{ ...trigger("t", "a", { log: {} }), retryStrategy: { steps: 40 } }],
  });
  queue.add(effect("k"), 1, false);
  await clock.advance(200_000);
  const [dead] = seen.dead;
  assert.ok(dead?.kind === "effect");
  const { attempts, failed } = dead.effect;
  assert.deepEqual([attempts.length, attempts[0]?.error, attempts.at(-1)?.error, failed], [32, "no 9", "no 40", 40]);
});

test("an event may be an error of several triggers and dependencies: each is on dead", async () => {
  const { clock, queue, seen } = open();
  const kept = Promise.resolve();
  for (const more of [{}, { trigger: "t" }, { trigger: "u" }, { trigger: "t", dependency: "b" }]) {
    queue.addError({ ...decision, ...more }, { id: "w-1.0", kept });
  }
  await clock.advance(0);
  assert.equal(new Set(seen.dead.map((dead) => dead.kind === "decision" && dead.key)).size, 4);
});

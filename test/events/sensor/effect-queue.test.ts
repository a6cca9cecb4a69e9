import assert from "node:assert/strict";
import { test } from "node:test";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import type { Effect } from "../../../src/events/sensor/effect.ts";
import { mayNotAct } from "../../../src/events/sensor/effect-queue.ts";
import { busAway } from "../../harness/memory-bus.ts";
import { received } from "./builders.ts";
import { effect, type Given, never, open } from "./queue-rig.ts";

/** Stops a queue and says after how many virtual milliseconds it ended, up to `limitMs`. */
async function stopTime({ clock, queue }: ReturnType<typeof open>, limitMs: number): Promise<number | undefined> {
  let ended = false;
  queue.stop();
  const running = queue.ended(new Error("stopped")).then(() => (ended = true));
  for (let ms = 0; ms <= limitMs; ms += 500) {
    await clock.advance(ms === 0 ? 0 : 500);
    if (!ended) continue;
    await running;
    return ms;
  }
  return undefined;
}

test("an effect without a join runs at once, and its event is open until the outcome is stored", async () => {
  const stored = Promise.withResolvers<void>();
  const { clock, queue, seen } = open({ kept: () => stored.promise });
  queue.add(effect("k"), 7, false);
  await clock.advance(0);
  assert.deepEqual([seen.records.length, queue.oldestInline(), queue.has("k")], [1, 7, true]);
  stored.resolve();
  await clock.advance(0);
  assert.deepEqual([queue.oldestInline(), queue.has("k")], [undefined, false]);
});

test("outcomes of an event are looked for from its first effect on, whichever of its effects is over", async () => {
  const first = Promise.withResolvers<void>();
  const kept = [first.promise, new Promise<void>(() => undefined), new Promise<void>(() => undefined)];
  const { clock, queue, seen } = open({ kept: () => kept.shift() ?? Promise.resolve() });
  for (const [key, sequence, ledgerEnd] of [
    ["a", 7, 10],
    ["b", 7, 12],
    ["c", 8, 14],
  ] as const) {
    seen.ledgerEnd = ledgerEnd;
    queue.add(effect(key), sequence, false);
  }
  seen.ledgerEnd = 20;
  first.resolve();
  await clock.advance(0);
  assert.deepEqual([queue.has("a"), queue.oldestInline(), queue.ledgerPosition().after], [false, 7, 10]);
});

for (const [what, execute] of [
  ["at once", () => ({ message: "done" })],
  ["later", async () => ({ message: "done" })],
] as const satisfies readonly (readonly [string, Execute])[]) {
  test(`of effects whose outcomes are in one message, made ${what}, all end with it; those of the next do not`, async () => {
    const messages = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let written = 0;
    const { clock, queue } = open({
      execute,
      kept: () => messages[written++ < 3 ? 0 : 1]?.promise ?? Promise.resolve(),
    });
    for (let n = 1; n <= 5; n++) queue.add(effect(`k${n}`), n, false);
    await clock.advance(0);
    const open5 = [1, 2, 3, 4, 5].map((n) => queue.has(`k${n}`));
    messages[0]?.resolve();
    await clock.advance(0);
    const open2 = [1, 2, 3, 4, 5].map((n) => queue.has(`k${n}`));
    messages[1]?.resolve();
    await clock.advance(0);
    assert.deepEqual(
      [open5, open2, queue.oldestInline()],
      [[true, true, true, true, true], [false, false, false, true, true], undefined],
    );
  });

  test(`an outcome, made ${what}, that cannot be stored stops the Sensor, and the effect stays open`, async () => {
    const error = new Error("no ledger");
    const { clock, queue, seen } = open({ execute, kept: () => Promise.reject(error) });
    queue.add(effect("k"), 3, false);
    await clock.advance(0);
    assert.deepEqual([seen.failures, queue.oldestInline(), queue.has("k")], [[error], 3, true]);
  });
}

test("what throws instead of rejecting fails the attempt as well", async () => {
  const { clock, queue, seen } = open({
    steps: 2,
    execute: () => {
      throw new Error("no");
    },
  });
  queue.add(effect("k"), 1, false);
  await clock.advance(2_000);
  assert.deepEqual(
    seen.records.map(({ outcome }) => outcome),
    ["failed", "dead"],
  );
});

test("an effect of a join runs only after it was stored", async () => {
  const { clock, queue, seen } = open();
  queue.add(effect("k"), 7, true);
  await clock.advance(0);
  assert.deepEqual([seen.records, seen.marks], [[], [true]]);
  const outbox = queue.collectOutbox();
  assert.deepEqual([[...outbox.changes.keys()], outbox.waiting], [["k"], true]);
  outbox.committed();
  await clock.advance(0);
  assert.equal(seen.records[0]?.outcome, "succeeded");
  assert.deepEqual([...queue.collectOutbox().changes], [["k", null]]);
});

test("attempts that fail wait longer each time, then the effect is on dead, once", async () => {
  const { clock, queue, seen } = open({ steps: 3, execute: () => Promise.reject(new Error("no")) });
  queue.add(effect("k"), 1, false);
  const outcomes: string[] = [];
  for (const ms of [0, 999, 1, 1_999, 1]) {
    await clock.advance(ms);
    outcomes.push(seen.records.map(({ outcome, attempt }) => `${attempt} ${outcome}`).join(", "));
  }
  assert.deepEqual(outcomes, [
    "1 failed",
    "1 failed",
    "1 failed, 2 failed",
    "1 failed, 2 failed",
    "1 failed, 2 failed, 3 dead",
  ]);
  assert.equal(seen.dead.length, 1);
  assert.deepEqual([...queue.collectOutbox().changes], [["k", null]]);
});

test("a delay that grows without end stays one that can be stored", async () => {
  const { clock, queue } = open({ steps: 5_000, execute: () => Promise.reject(new Error("no")) });
  queue.restore([effect("k", { failed: 4_000 })], []);
  await clock.advance(0);
  const [stored] = [...queue.collectOutbox().changes.values()] as Effect[];
  assert.ok(stored && stored.dueAt <= clock.now() + 24 * 3_600_000, String(stored?.dueAt));
});

for (const [name, given] of Object.entries<Given>({
  "an effect that never settles": { execute: () => new Promise(() => undefined) },
  "an outcome that the ledger cannot store": { kept: () => new Promise(() => undefined) },
  "a dead letter that the bus does not take": {
    execute: () => Promise.reject(new Error("no")),
    putDead: () => Promise.reject(busAway()),
  },
})) {
  test(`a stop does not hang on ${name}; it stays unfinished`, async () => {
    const opened = open(given);
    opened.queue.add(effect("k"), 1, false);
    await opened.clock.advance(0);
    const ms = await stopTime(opened, 12_000);
    assert.ok(ms !== undefined && ms >= 10_000, `ended after ${ms} ms`);
    opened.queue.moveInlineToOutbox();
    assert.deepEqual([[...opened.queue.collectOutbox().changes.keys()], opened.seen.failures], [["k"], []]);
  });
}

test("an outcome that cannot be stored fails the Sensor: its position would stand still for ever", async () => {
  const { clock, queue, seen } = open({ kept: () => Promise.reject(new Error("the ledger is full")) });
  queue.add(effect("k"), 1, false);
  await clock.advance(0);
  assert.deepEqual(seen.failures, [new Error("the ledger is full")]);
});

test("at most 256 attempts run at once; then there is no room, and an abort ends the wait", async () => {
  const ends: (() => void)[] = [];
  const { clock, queue } = open({ execute: () => new Promise((resolve) => ends.push(() => resolve({ message: "" }))) });
  for (let n = 0; n < 300; n++) queue.add(effect(`k${n}`), n + 1, false);
  await clock.advance(0);
  assert.deepEqual([ends.length, queue.hasRoom()], [256, false]);
  const stop = new AbortController();
  const waiting = queue.room(stop.signal);
  stop.abort();
  await waiting;
  for (let n = 0; n < 300; n++) {
    ends[n]?.();
    await clock.advance(0);
  }
  assert.deepEqual([ends.length, queue.hasRoom(), queue.oldestInline()], [300, true, undefined]);
});

test("outcomes that are being stored do not hold up attempts, up to 2,048 of both", async () => {
  const { promise: kept, resolve } = Promise.withResolvers<void>();
  let attempts = 0;
  const execute = async () => {
    attempts += 1;
    return { message: "" };
  };
  const { clock, queue } = open({ execute, kept: () => kept });
  for (let n = 0; n < 3_000; n++) queue.add(effect(`k${n}`), n + 1, false);
  await clock.advance(0);
  assert.deepEqual([attempts, queue.hasRoom(), queue.oldestInline()], [2_048, false, 1]);
  resolve();
  await clock.advance(0);
  assert.deepEqual([attempts, queue.hasRoom(), queue.oldestInline()], [3_000, true, undefined]);
});

test("waiting for room leaves nothing behind on the signal", async () => {
  const ends: (() => void)[] = [];
  const { clock, queue } = open({ execute: () => new Promise((resolve) => ends.push(() => resolve({ message: "" }))) });
  let listeners = 0;
  const signal = new EventTarget() as AbortSignal;
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    aborted: false,
    addEventListener: (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(signal, args);
    },
    removeEventListener: (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    },
  });
  for (let n = 0; n < 256; n++) queue.add(effect(`k${n}`), n + 1, false);
  const waiting = queue.room(signal);
  await clock.advance(0);
  ends[0]?.();
  await waiting;
  assert.equal(listeners, 0);
});

test("1,000 retries of a trigger stop the reading; one done makes room again", async () => {
  const { clock, queue, seen } = open({ steps: 9 });
  const dueAt = clock.now() + 60_000;
  const stored = Array.from({ length: 1_000 }, (_, n) => effect(`k${n}`, { failed: 1, dueAt: n === 0 ? 0 : dueAt }));
  queue.restore(stored, stored);
  assert.equal(queue.hasRoom(), false);
  await queue.room(never);
  assert.equal(seen.records.length, 1);
  await clock.advance(60_000);
  assert.equal(seen.records.length, 1_000);
});

test("what was finished before the crash is removed, what is open goes on", async () => {
  const { clock, queue, seen } = open();
  queue.restore([effect("open")], [effect("open"), effect("done")]);
  await clock.advance(0);
  assert.deepEqual(
    seen.records.map(({ key }) => key),
    ["open"],
  );
  assert.deepEqual(
    [...queue.collectOutbox().changes],
    [
      ["open", null],
      ["done", null],
    ],
  );
});

test("the ledger is read from before the oldest outcome that may be missing, outbox included", async () => {
  const { clock, queue, seen } = open({ execute: () => new Promise(() => undefined) });
  seen.ledgerEnd = 5;
  queue.add(effect("k"), 1, false);
  await clock.advance(0);
  seen.ledgerEnd = 9;
  queue.moveInlineToOutbox();
  assert.equal(queue.ledgerPosition().after, 5);
});

test("an error decision can be stored with the state, and is put on dead after a crash", async () => {
  const away = open({ putDead: () => Promise.reject(busAway()) });
  const event = received("e1", "a");
  const decision = { kind: "error", dependency: "t", message: "broken", event } as const;
  away.queue.addError(decision, { id: "w-1.0", kept: Promise.resolve() });
  await away.clock.advance(0);
  assert.equal(away.queue.oldestInline(), event.head.sequence);
  away.queue.moveInlineToOutbox();
  assert.equal(away.queue.oldestInline(), undefined);
  const [stored] = [...away.queue.collectOutbox().changes.values()];
  const { clock, queue, seen } = open();
  queue.restore([structuredClone(stored!)], [stored!]);
  await clock.advance(0);
  assert.deepEqual(
    seen.dead.map((dead) => dead.kind),
    ["decision"],
  );
  assert.deepEqual([...queue.collectOutbox().changes.values()], [null]);
});

for (const [name, ms] of [
  ["when the lease is lost before the stop", 0],
  ["when it is lost while attempts under way may still end", 3_000],
] as const) {
  test(`attempts are cut off at once ${name}, and stay unfinished`, async () => {
    const signals: AbortSignal[] = [];
    const opened = open({
      execute: async (_, signal) => {
        signals.push(signal);
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
        return { message: "" };
      },
    });
    opened.queue.add(effect("k"), 1, false);
    await opened.clock.advance(0);
    const lose = (): void => opened.queue.cutOff(new Error("lost"));
    if (ms === 0) lose();
    const stopping = stopTime(opened, 12_000);
    if (ms > 0) void opened.clock.sleepMs?.(ms, never).then(lose);
    assert.equal(await stopping, ms === 0 ? 0 : ms);
    assert.equal(signals[0]?.aborted, true);
    assert.deepEqual([opened.queue.has("k"), opened.seen.records], [true, []]);
  });
}

test("an owner that was stopped for a while starts no effect once another may act", async () => {
  let mayAct = true;
  const { clock, queue, seen } = open({ mayAct: () => mayAct });
  queue.add(effect("before"), 1, false);
  await clock.advance(0);
  mayAct = false;
  queue.add(effect("after"), 2, false);
  await clock.advance(0);
  assert.deepEqual(
    seen.records.map(({ key }) => key),
    ["before"],
  );
  assert.match(String(seen.failures[0]), /another engine may act/);
  assert.ok(queue.has("after"), "whoever has the Sensor then finds it unfinished");
});

test("what is refused because another may act counts as no attempt", async () => {
  const { clock, queue, seen } = open({ execute: () => Promise.reject(mayNotAct()), steps: 1 });
  queue.add(effect("late"), 1, false);
  await clock.advance(0);
  assert.deepEqual([seen.records, seen.dead], [[], []]);
  assert.match(String(seen.failures[0]), /another engine may act/);
  assert.ok(queue.has("late"), "whoever has the Sensor then does it");
});

test("an effect that is tried again holds up those of its lane, and no others", async () => {
  const tried: string[] = [];
  const execute: Execute = async ({ key, failed }) => {
    tried.push(`${key}${failed}`);
    if (key === "x1" && failed < 2) throw new Error("no");
    return { message: "" };
  };
  const { clock, queue } = open({ steps: 3, execute });
  for (const [index, key] of ["x1", "x2", "y1", "x3"].entries()) {
    queue.add(effect(key, { lane: key.charAt(0) }), index, false);
  }
  await clock.advance(0);
  assert.deepEqual(tried, ["x10", "y10"]);
  await clock.advance(10_000);
  assert.deepEqual(tried, ["x10", "y10", "x11", "x12", "x20", "x30"]);
});

test("a lane goes on when one of its effects failed for good", async () => {
  const tried: string[] = [];
  const execute: Execute = async ({ key }) => {
    tried.push(key);
    throw new Error("no");
  };
  const { clock, queue, seen } = open({ execute });
  for (const key of ["x1", "x2"]) queue.add(effect(key, { lane: "x" }), 1, false);
  await clock.advance(10);
  assert.deepEqual([tried, seen.dead.length], [["x1", "x2"], 2]);
});

test("effects of a lane that were stored go on in the order of their decisions", async () => {
  const tried: string[] = [];
  const execute: Execute = async ({ key }) => {
    tried.push(key);
    return { message: "" };
  };
  const { clock, queue } = open({ execute });
  const stored = ["x3", "x1", "x2"].map((key) => effect(key, { lane: "x", order: Number(key.charAt(1)) }));
  queue.restore(stored, stored);
  queue.add(effect("x4", { lane: "x" }), 9, false);
  await clock.advance(10);
  assert.deepEqual(tried, ["x1", "x2", "x3", "x4"]);
});

test("a record is stored with the state until it is in the ledger", async () => {
  const kept = Promise.withResolvers<void>();
  const { clock, queue } = open({ kept: () => kept.promise });
  const sensor = { namespace: "ns", name: "s", uid: "uid", revision: "" };
  const record = { kind: "decision", at: 0, causes: ["e"], sensor, verdict: "expired", events: {} } as const;
  queue.addRecord({ key: "record/1", record });
  await clock.advance(0);
  assert.deepEqual([...queue.collectOutbox().changes.keys()], ["record/1"]);
  kept.resolve();
  await clock.advance(0);
  assert.deepEqual([...queue.collectOutbox().changes], [["record/1", null]]);
});

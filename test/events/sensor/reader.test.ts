import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { Waiters } from "../../../src/base/waiters.ts";
import type { Position } from "../../../src/events/bus/bus.ts";
import { parseSystemSubject } from "../../../src/events/sensor/arrival.ts";
import { createEventReader } from "../../../src/events/sensor/reader.ts";
import type { ReceivedEvent } from "../../../src/events/sensor/state.ts";
import type { EventBatch } from "../../../src/events/sensor/subscriber.ts";
import { encodeEvent } from "../../../src/record/cloud-event.ts";
import { eventSubject, rawSubject, type Subject } from "../../../src/record/subject.ts";
import { busAway, createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { cloudEvent } from "./builders.ts";

const subject = (event: string): Subject => eventSubject("shop", "source", event);

async function publish(bus: MemoryBus, event: string, count: number, prefix = event): Promise<void> {
  const some = Array.from({ length: count }, (_, n) => `${prefix}${n}`);
  const put = (id: string) =>
    bus.publish(subject(event), { id, data: encodeEvent(cloudEvent({ id, subject: event })) });
  await Promise.all(some.map(put));
}

/** Events of one content: making each would take longer than what is shown with them. */
async function fill(bus: MemoryBus, event: string, count: number): Promise<void> {
  const data = encodeEvent(cloudEvent({ id: event, subject: event }));
  await Promise.all(Array.from({ length: count }, (_, n) => bus.publish(subject(event), { id: `${event}${n}`, data })));
}

/** It has room until `fill`, and again from `empty` on. */
function roomyLedger() {
  const waiters = new Waiters();
  let isFull = false;
  return {
    waiting: 0,
    hasRoom: () => !isFull,
    async room(signal: AbortSignal) {
      this.waiting += 1;
      while (isFull) await waiters.wait(signal);
      this.waiting -= 1;
    },
    fill: () => {
      isFull = true;
    },
    empty: () => {
      isFull = false;
      waiters.wake();
    },
  };
}

function open(bus = createMemoryBus(), ledger = roomyLedger()) {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const invalid: number[] = [];
  const reader = createEventReader({
    name: "system",
    bus,
    stream: "events",
    subjects: [rawSubject("events.>")],
    parseSubject: parseSystemSubject,
    onInvalid: ({ sequence }) => void invalid.push(sequence),
    ledger,
    clock,
  });
  let running: Promise<void> | undefined;
  return {
    bus,
    clock,
    reader,
    invalid,
    signal: stop.signal,
    start: () => (running = reader.run(stop.signal)),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

/** A subscriber that takes each batch only when `gate` lets it. */
function follow({ reader, signal }: ReturnType<typeof open>, event: string, from: Position, gate = Promise.resolve()) {
  const subscription = reader.subscribe([subject(event)], from, signal);
  const batches: (Omit<EventBatch, "events"> & { readonly events: readonly ReceivedEvent[] })[] = [];
  const ids = () => batches.flatMap(({ events }) => events.map((one) => one.event.id));
  const ended = subscription.follow(async (batch) => {
    batches.push({ ...batch, events: [...batch.events] });
    await gate;
  });
  return { subscription, batches, ids, ended };
}

const ids = (event: string, count: number) => Array.from({ length: count }, (_, n) => `${event}${n}`);

test("each subscriber gets its own events in order, whether it was there before or after the start", async () => {
  await using opened = open();
  await publish(opened.bus, "a", 5);
  const early = follow(opened, "a", { epoch: "one", after: 2 });
  void opened.start();
  await publish(opened.bus, "b", 3);
  const late = follow(opened, "a", "first");
  await publish(opened.bus, "a", 2, "more");
  await waitFor("both", () => early.ids().length === 5 && late.ids().length === 7);
  assert.deepEqual(late.ids(), [...ids("a", 5), "more0", "more1"]);
  assert.deepEqual(early.ids(), late.ids().slice(2));
});

test("a subscriber at work on a batch is not idle: its position must not pass what it has not done", async () => {
  await using opened = open();
  const gate = Promise.withResolvers<void>();
  const slow = follow(opened, "a", { epoch: "one", after: 0 }, gate.promise);
  void opened.start();
  await publish(opened.bus, "a", 1);
  await waitFor("the batch", () => slow.batches.length === 1);
  assert.equal(slow.subscription.idleThrough(), undefined);
  gate.resolve();
  await waitFor("idle", () => slow.subscription.idleThrough()?.after === 1);
});

test("a slow subscriber delays others by 200 ms once, and misses nothing when it reads for itself", async () => {
  await using opened = open();
  const gate = Promise.withResolvers<void>();
  const slow = follow(opened, "a", { epoch: "one", after: 0 }, gate.promise);
  const fast = follow(opened, "a", { epoch: "one", after: 0 });
  void opened.start();
  await publish(opened.bus, "a", 1);
  await waitFor("the first", () => slow.batches.length === 1);
  await publish(opened.bus, "a", 20_000, "n");
  const isHeldUp = () => fast.subscription.idleThrough() !== undefined && opened.clock.sleeping > 0;
  await waitFor("all that waits for no clock", () => fast.ids().length > 5_000 && isHeldUp());
  await opened.clock.advance(200);
  await waitFor("the fast one", () => fast.ids().length === 20_001);
  assert.equal(slow.batches.length, 1);
  gate.resolve();
  await waitFor("the slow one", () => slow.ids().length >= 20_001);
  assert.deepEqual(slow.ids(), fast.ids());
});

test("who takes nothing is slow, but not while the ledger has no room", async (t) => {
  for (const [name, isFull] of [
    ["the ledger has room", false],
    ["the ledger has no room", true],
  ] as const) {
    await t.test(name, async () => {
      const ledger = roomyLedger();
      await using opened = open(createMemoryBus(), ledger);
      const gate = Promise.withResolvers<void>();
      const one = follow(opened, "a", { epoch: "one", after: 0 }, gate.promise);
      void opened.start();
      await fill(opened.bus, "a", 15_000);
      await waitFor("the first", () => one.batches.length === 1);
      if (isFull) ledger.fill();
      const lag = await opened.reader.lag();
      await opened.clock.advance(1_000);
      // Without the one that held it up, the shared loop goes on to the end.
      if (!isFull) await waitFor("the end", async () => (await opened.reader.lag()) === 0);
      else assert.equal(await opened.reader.lag(), lag);
      ledger.empty();
      gate.resolve();
      await waitFor("all", () => one.ids().length === 15_000);
    });
  }
});

test("while the ledger has no room nobody is given more, and one alone waits for it", async () => {
  const ledger = roomyLedger();
  await using opened = open(createMemoryBus(), ledger);
  const many = Array.from({ length: 50 }, (_, n) => follow(opened, `e${n}`, { epoch: "one", after: 0 }));
  void opened.start();
  const publishEach = async (id: string) => {
    for (let n = 0; n < 50; n++) await publish(opened.bus, `e${n}`, 1, `${id}-${n}-`);
  };
  const given = () => many.reduce((sum, one) => sum + one.ids().length, 0);
  await publishEach("first");
  await waitFor("the first of each", () => given() === 50);
  ledger.fill();
  await publishEach("second");
  await waitFor("one that waits", () => ledger.waiting > 0);
  assert.deepEqual([given(), ledger.waiting], [50, 1]);
  ledger.empty();
  await waitFor("the second of each", () => given() === 100);
  assert.equal(ledger.waiting, 0);
});

for (const [name, fail] of [
  ["at once", () => assert.fail("no")],
  ["later", () => Promise.reject(new Error("no"))],
] as const) {
  test(`one that fails ${name} ends with its error and is given nothing more; the others go on`, async () => {
    await using opened = open();
    let given = 0;
    const failing = opened.reader.subscribe([subject("a")], { epoch: "one", after: 0 }, opened.signal).follow(() => {
      given += 1;
      return fail();
    });
    const ended = assert.rejects(failing, { message: "no" });
    const other = follow(opened, "a", { epoch: "one", after: 0 });
    void opened.start();
    await publish(opened.bus, "a", 1);
    await ended;
    await publish(opened.bus, "a", 1, "more");
    await waitFor("both at the other", () => other.ids().length === 2);
    assert.equal(given, 1);
    assert.equal(getEventListeners(opened.signal, "abort").length, 2, "of the reader, and of the other");
  });
}

test("a subscriber that waits for the ledger ends when it is told to", async () => {
  const ledger = roomyLedger();
  await using opened = open(createMemoryBus(), ledger);
  const one = follow(opened, "a", { epoch: "one", after: 0 });
  void opened.start();
  await publish(opened.bus, "a", 1);
  await waitFor("the first", () => one.ids().length === 1);
  ledger.fill();
  await publish(opened.bus, "a", 1, "more");
  await waitFor("one that waits", () => ledger.waiting > 0);
  await opened[Symbol.asyncDispose]();
  await one.ended;
  assert.equal(one.ids().length, 1);
});

test("a subscriber that takes 200 events each 100 ms is waited for", async () => {
  await using opened = open();
  await publish(opened.bus, "a", 20_000);
  let taken = 0;
  let gate = Promise.withResolvers<void>();
  const subscription = opened.reader.subscribe([subject("a")], { epoch: "one", after: 0 }, opened.signal);
  void subscription.follow(async ({ events }) => {
    taken += [...events].length;
    await gate.promise;
  });
  void opened.start();
  await waitFor("the first", () => taken === 200);
  await waitFor("the shared loop to wait", async () => (await opened.reader.lag()) === 10_000);
  for (let turn = 1; turn < 16; turn++) {
    const last = gate;
    gate = Promise.withResolvers();
    last.resolve();
    await waitFor("the next", () => taken === (turn + 1) * 200);
    await opened.clock.advance(100);
  }
  assert.equal(taken, 3_200);
  assert.equal(await opened.reader.lag(), 10_000, "it still holds up the shared loop, so it is attached");
});

test("a large batch is given in parts, each with its own end", async () => {
  await using opened = open();
  await publish(opened.bus, "a", 450);
  await publish(opened.bus, "b", 10);
  const one = follow(opened, "a", { epoch: "one", after: 0 });
  void opened.start();
  await waitFor("all", () => one.ids().length === 450);
  assert.deepEqual(
    one.batches.map(({ events, through }) => [events.length, through]),
    [
      [200, 200],
      [200, 400],
      [50, 460],
    ],
  );
});

test("small batches that wait are given as one, up to what was lost", async () => {
  await using opened = open();
  const gate = Promise.withResolvers<void>();
  const one = follow(opened, "a", { epoch: "one", after: 0 }, gate.promise);
  void opened.start();
  await publish(opened.bus, "a", 1);
  await waitFor("the first", () => one.batches.length === 1);
  for (const name of ["b", "c", "d"]) {
    await publish(opened.bus, "a", 2, name);
    await waitFor("the reader", async () => (await opened.reader.lag()) === 0);
  }
  gate.resolve();
  await waitFor("all", () => one.ids().length === 7);
  assert.deepEqual(
    one.batches.map(({ events, through }) => [events.length, through]),
    [
      [1, 1],
      [6, 7],
    ],
  );
});

test("many that are far behind share one pass over the stream, up to eight read for themselves", async () => {
  const bus = createMemoryBus();
  let reads = 0;
  const read: MemoryBus["read"] = (query, signal) => {
    reads += 1;
    return bus.read(query, signal);
  };
  await using opened = open({ ...bus, read });
  await fill(bus, "other", 100_000);
  const from = { epoch: "one", after: 0 };
  const few = Array.from({ length: 8 }, () => follow(opened, "few", from));
  const many = Array.from({ length: 20 }, () => follow(opened, "many", { ...from, after: 3 }));
  await publish(bus, "few", 1);
  await publish(bus, "many", 1);
  void opened.start();
  await waitFor("all", () => [...few, ...many].every((one) => one.ids().length === 1));
  assert.equal(reads, 9);
});

test("while subscribers are busy the reader waits: what they hold is bounded, however many they are", async () => {
  await using opened = open();
  const gate = Promise.withResolvers<void>();
  const names = Array.from({ length: 10 }, (_, n) => `s${n}`);
  const busy = names.map((name) => follow(opened, name, { epoch: "one", after: 0 }, gate.promise));
  void opened.start();
  for (const name of names) await publish(opened.bus, name, 4_000);
  await waitFor("the first batches", () => busy[0]?.batches.length === 1);
  await opened.clock.advance(99);
  assert.ok((await opened.reader.lag()) >= 20_000);
  gate.resolve();
  await waitFor("all", () => busy.every((one) => one.ids().length === 4_000));
  assert.equal(await opened.reader.lag(), 0);
});

test("a subscriber that was quiet for long has lost nothing when it falls behind", async () => {
  await using opened = open();
  const gate = Promise.withResolvers<void>();
  const slow = follow(opened, "a", { epoch: "one", after: 0 }, gate.promise);
  void opened.start();
  await publish(opened.bus, "a", 1);
  await waitFor("the first", () => slow.batches.length === 1);
  await publish(opened.bus, "a", 2_000, "queued");
  await publish(opened.bus, "b", 5_000);
  await waitFor("the head", async () => (await opened.reader.lag()) === 0);
  opened.bus.drop("events", 6_500);
  await publish(opened.bus, "a", 1_000, "n");
  await waitFor("the head", async () => {
    await opened.clock.advance(100);
    return (await opened.reader.lag()) === 0;
  });
  gate.resolve();
  await waitFor("all", () => slow.ids().length >= 3_001);
  assert.deepEqual(
    slow.batches.flatMap(({ lost }) => lost ?? []),
    [],
  );
});

test("what the bus dropped before it was read is told, with both ends", async () => {
  await using opened = open();
  await publish(opened.bus, "a", 10);
  opened.bus.drop("events", 6);
  const late = follow(opened, "a", { epoch: "one", after: 2 });
  void opened.start();
  await waitFor("the rest", () => late.ids().length === 5);
  assert.deepEqual(
    late.batches.flatMap(({ lost }) => lost ?? []),
    [{ from: 3, to: 5 }],
  );
});

test("a stream made anew is read from its first message, by those who follow", async () => {
  await using opened = open();
  const one = follow(opened, "a", { epoch: "one", after: 0 });
  void opened.start();
  await publish(opened.bus, "a", 3);
  await waitFor("the old", () => one.ids().length === 3);
  opened.bus.recreate("events");
  await publish(opened.bus, "a", 2, "new");
  await waitFor("the new", () => one.ids().length === 5);
  assert.deepEqual(one.batches.at(-1)?.epoch, "one+");
});

for (const [name, after] of [
  ["further on than the new one is", 9],
  ["within what the new one has", 3],
] as const) {
  test(`who comes with a place in the stream of before, ${name}, gets the new one from its first message`, async () => {
    await using opened = open();
    const other = follow(opened, "a", { epoch: "one", after: 0 });
    void opened.start();
    await publish(opened.bus, "a", 5, "old");
    await waitFor("the old ones", () => other.ids().length === 5);
    opened.bus.recreate("events");
    await publish(opened.bus, "a", 5, "new");
    await waitFor("the new ones", () => other.ids().length === 10);
    const late = follow(opened, "a", { epoch: "one", after });
    const fresh = follow(opened, "a", { epoch: "one+", after: 0 });
    const quiet = follow(opened, "b", { epoch: "one", after });
    await waitFor("those there are", () => late.ids().length >= 5 && fresh.ids().length >= 5);
    await publish(opened.bus, "a", 1, "more");
    await publish(opened.bus, "b", 3);
    await waitFor("what comes", () => late.ids().length >= 6 && fresh.ids().length >= 6);
    await waitFor("what is the first for who was quiet", () => quiet.ids().length >= 3);
    assert.deepEqual(late.ids(), [...ids("new", 5), "more0"]);
    assert.deepEqual(fresh.ids(), late.ids());
    assert.deepEqual(quiet.ids(), ids("b", 3));
  });
}

test("a bus that is away when the reader starts, or later, is waited for", async () => {
  await using opened = open();
  const one = follow(opened, "a", { epoch: "one", after: 0 });
  const fail = () => {
    throw busAway();
  };
  opened.bus.fault = fail;
  void opened.start();
  await opened.clock.advance(60_000);
  opened.bus.fault = undefined;
  await opened.clock.advance(40_000);
  await publish(opened.bus, "a", 2);
  await waitFor("the first two", () => one.ids().length === 2);
  opened.bus.fault = fail;
  await publish(opened.bus, "a", 1, "lost").catch(() => undefined);
  await opened.clock.advance(5_000);
  opened.bus.fault = undefined;
  await publish(opened.bus, "a", 2, "more");
  await opened.clock.advance(40_000);
  await waitFor("the rest", () => one.ids().length === 4);
});

test("a message that is no event is told once and does not stop the others", async () => {
  await using opened = open();
  await opened.bus.publish(subject("a"), { id: "x", data: Buffer.from("no event") });
  await publish(opened.bus, "a", 1);
  const [one, two] = [follow(opened, "a", "first"), follow(opened, "a", "first")];
  void opened.start();
  await waitFor("both", () => one.ids().length === 1 && two.ids().length === 1);
  assert.deepEqual(opened.invalid, [1]);
});

test("a message that is no event is told, also when nobody waits for it", async () => {
  await using opened = open();
  const one = follow(opened, "a", "first");
  void opened.start();
  await opened.bus.publish(subject("b"), { id: "x", data: Buffer.from("no event") });
  await publish(opened.bus, "a", 1);
  await waitFor("the event", () => one.ids().length === 1);
  assert.deepEqual(opened.invalid, [1]);
});

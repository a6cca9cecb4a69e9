import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { instant } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { applicationPartition } from "../../../src/controllers/applications/application-partition.ts";
import { askedEvent } from "../../../src/controllers/applications/application-requests.ts";
import { createReconcileStream } from "../../../src/controllers/applications/reconcile-stream.ts";
import { rawSubject } from "../../../src/record/subject.ts";
import { busAway, createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const application = "argocd/web";
const position = `position/${applicationPartition(application)}`;
const asked = (id: string) =>
  askedEvent({ application, id, operation: "refresh", by: "Sensor default/deploy" }, instant(0));

/** A stream that runs; `taken` are ids with the way to say that they were acted on. */
function open(bus: MemoryBus) {
  const clock = createVirtualClock();
  const taken: { readonly id: string; readonly done: () => void }[] = [];
  const stream = createReconcileStream({
    bus,
    clock,
    log: silentLogger,
    onRequest: (_key, { event }, done) => void taken.push({ id: event.id, done }),
  });
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  return {
    stream,
    clock,
    listeners: () => getEventListeners(stop.signal, "abort").length,
    ids: () => taken.map(({ id }) => id),
    done: (id: string) => taken.findLast((one) => one.id === id)?.done(),
    run: () => {
      running = stream.run(stop.signal);
      return running;
    },
    /** A crash keeps what is stored; this is an orderly end. */
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

test("a restart takes again what was not acted on, and nothing before it", async () => {
  const bus = createMemoryBus();
  await using first = open(bus);
  void first.run();
  for (const id of ["a", "b", "c", "d"]) await first.stream.store(application, asked(id));
  await first.clock.advance(100);
  assert.deepEqual(first.ids(), ["a", "b", "c", "d"]);
  for (const id of ["a", "b", "d"]) first.done(id);
  await first.clock.advance(5_000);
  await using second = open(bus.clone());
  void second.run();
  await second.clock.advance(100);
  assert.deepEqual(second.ids(), ["c", "d"]);
});

test("a crash at any moment loses nothing", async () => {
  const ids = Array.from({ length: 12 }, (_, index) => `r${index}`);
  const bus = createMemoryBus();
  await using first = open(bus);
  void first.run();
  for (const id of ids) await first.stream.store(application, asked(id));
  await first.clock.advance(100);
  const order = [3, 0, 1, 7, 2, 11, 4, 5, 10, 6, 8, 9];
  const acted = new Set<string>();
  for (const index of order) {
    first.done(`r${index}`);
    acted.add(`r${index}`);
    await first.clock.advance(index % 2 === 0 ? 300 : 1_300);
    await using restarted = open(bus.clone());
    void restarted.run();
    await restarted.clock.advance(100);
    const again = new Set(restarted.ids());
    assert.deepEqual(
      ids.filter((id) => !acted.has(id) && !again.has(id)),
      [],
      `after ${[...acted].join()}`,
    );
  }
});

test("a stream made anew is read from its first message, and its positions count from there", async () => {
  const bus = createMemoryBus();
  await using first = open(bus);
  void first.run();
  for (const id of ["a", "b", "c"]) await first.stream.store(application, asked(id));
  await first.clock.advance(100);
  first.done("a");
  first.done("b");
  await first.clock.advance(2_000);
  bus.recreate("reconcile");
  await first.stream.store(application, asked("x"));
  await first.stream.store(application, asked("y"));
  await first.clock.advance(100);
  assert.deepEqual(first.ids(), ["a", "b", "c", "x", "y"]);
  first.done("c"); // of the former stream: says nothing about this one
  first.done("x");
  await first.clock.advance(2_000);
  await using second = open(bus.clone());
  void second.run();
  await second.clock.advance(100);
  assert.deepEqual(second.ids(), ["y"]);
});

for (const operation of ["read", "entries"] as const) {
  test(`waits for a bus that is away (${operation}), and goes on where it was`, async () => {
    const bus = createMemoryBus();
    await using rig = open(bus);
    await rig.stream.store(application, asked("a"));
    bus.fault = (what) => {
      if (what === operation) throw busAway();
    };
    void rig.run();
    await rig.clock.advance(10_000);
    assert.deepEqual(rig.ids(), []);
    bus.fault = undefined;
    await rig.clock.advance(60_000);
    await rig.stream.store(application, asked("b"));
    await rig.clock.advance(100);
    assert.deepEqual(rig.ids(), ["a", "b"]);
  });
}

test("a position whose answer was lost is stored again", async () => {
  const bus = createMemoryBus();
  await using rig = open(bus);
  void rig.run();
  await rig.stream.store(application, asked("a"));
  await rig.clock.advance(100);
  rig.done("a");
  // Stored by the bus, but the answer never came: the next write expects a revision that is no more.
  const state = bus.state("reconcile");
  const value = new TextEncoder().encode(JSON.stringify({ epoch: "one", after: 1 }));
  bus.fault = async (what) => {
    if (what !== "put") return;
    bus.fault = undefined;
    await state.put(position, value, 0);
    throw busAway();
  };
  await rig.clock.advance(3_000);
  await rig.stream.store(application, asked("b"));
  await rig.clock.advance(100);
  rig.done("b");
  await rig.clock.advance(3_000);
  const entry = await state.get(position);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(entry?.value)), { epoch: "one", after: 2 });
});

test("a position that cannot be read begins at the first message", async () => {
  const bus = createMemoryBus();
  await bus.state("reconcile").put("position", new TextEncoder().encode("no JSON"));
  await using rig = open(bus);
  await rig.stream.store(application, asked("a"));
  void rig.run();
  await rig.clock.advance(100);
  assert.deepEqual(rig.ids(), ["a"]);
});

test("what is no request, or of a newer version, is skipped and holds nothing up", async () => {
  const bus = createMemoryBus();
  await using rig = open(bus);
  const subject = rawSubject("reconcile.argocd.web");
  for (const [id, text] of [
    ["1", "no JSON"],
    ["2", "[]"],
    ["3", '{"v":2,"application":"a/b","received":{}}'],
  ] as const) {
    await bus.publish(subject, { id, data: new TextEncoder().encode(text) });
  }
  await rig.stream.store(application, asked("a"));
  void rig.run();
  await rig.clock.advance(100);
  assert.deepEqual(rig.ids(), ["a"]);
  rig.done("a");
  await rig.clock.advance(2_000);
  const entry = await bus.state("reconcile").get(position);
  assert.equal(JSON.parse(new TextDecoder().decode(entry?.value)).after, 4);
});

test("the same event for the same Application is kept once", async () => {
  const bus = createMemoryBus();
  await using rig = open(bus);
  await rig.stream.store(application, asked("a"));
  await rig.stream.store(application, asked("a"));
  await rig.stream.store("argocd/api", asked("a"));
  assert.equal(bus.stored("reconcile").length, 2);
});

test("reading waits while ten thousand requests wait, without a listener for each", async () => {
  const bus = createMemoryBus();
  await using rig = open(bus);
  for (let index = 0; index < 12_500; index++) void rig.stream.store(application, asked(`r${index}`));
  await turn();
  await turn();
  void rig.run();
  for (let round = 0; round < 30; round++) await rig.clock.advance(1);
  const before = rig.ids().length;
  assert.ok(before > 10_000 && before < 12_000, `${before} were taken`);
  for (let index = 0; index < 3_000; index++) {
    rig.done(`r${index}`);
    if (index % 50 === 0) await turn();
  }
  for (let round = 0; round < 30; round++) await rig.clock.advance(1);
  assert.equal(rig.ids().length, 12_500);
  assert.ok(rig.listeners() < 10, `${rig.listeners()} listeners`);
});

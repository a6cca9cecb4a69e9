import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { systemClock } from "../../../src/base/clock.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import { createPartitions, partitionOf } from "../../../src/events/sensor/partition.ts";
import { createSensorRunner } from "../../../src/events/sensor/runner.ts";
import { openLedger } from "../../../src/ledger/ledger.ts";
import { encodeEvent } from "../../../src/record/cloud-event.ts";
import type { Ledger } from "../../../src/record/records.ts";
import { eventSubject } from "../../../src/record/subject.ts";
import { busAway, createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { waitFor } from "../../harness/wait.ts";
import { both, clock, dependencies, each, letters, live, log, publish, recordsOf, sensor } from "./life.ts";

/** Does what it is asked for, but what `hangs` says, and remembers it. */
function createHands(hangs: (id: string) => boolean = () => false) {
  const done: string[] = [];
  const execute: Execute = (effect) => {
    const id = effect.key.split("/").at(-1) ?? "";
    if (hangs(id)) return new Promise(() => undefined);
    done.push(id);
    return Promise.resolve({ message: "" });
  };
  return { done, execute };
}

const stateOf = (bus: MemoryBus) => bus.stored("state").map(({ data }) => String(data));

test("a position on another bus says nothing: the Sensor starts as a new one would", async () => {
  const bus = createMemoryBus();
  const { done, execute } = createHands();
  const before = await live(sensor([each]), bus, "before", execute);
  await publish(bus, "a", "a1");
  await waitFor("the first", () => done.length === 1);
  before.stop();
  await before.running;
  await publish(bus, "a", "a2");
  const after = await live(sensor([each]), bus, "after", execute, { bus: "shop/other" });
  await publish(bus, "a", "a3");
  await waitFor("the next", () => done.length > 1);
  after.stop();
  await after.running;
  assert.deepEqual(done, ["a1", "a3"]);
});

test("an edit forgets no effect whose attempts have failed so far", async () => {
  const bus = createMemoryBus();
  const retrying = { ...each, retryStrategy: { steps: 2, duration: "1s", jitter: 0 } };
  // The outcome of the first is missing, so that the ledger is read from there on, the failure of the second included.
  const fails: Execute = async ({ key }) => {
    if (key.endsWith("a0")) return new Promise(() => undefined);
    throw new Error("no");
  };
  const before = await live(sensor([retrying]), bus, "w", fails);
  for (const id of ["a0", "a1"]) await publish(bus, "a", id);
  await waitFor("the retry to be stored", () => stateOf(bus).some((text) => text.includes("uid-1%2Feach%2Fa1")));
  before.stop();
  await before.running;
  const partitions = createPartitions({ bus, clock, log: silentLogger });
  const { done, execute } = createHands();
  const partition = await partitions.of("shop", "crashing");
  const runner = createSensorRunner(sensor([retrying]), { ...(await before.deps()), partition, execute });
  const stop = new AbortController();
  const ran = Promise.all([runner.run(stop.signal), partitions.run(stop.signal)]);
  await waitFor("both", () => done.length === 2);
  stop.abort();
  await ran;
});

/** The Sensor itself hears of the new stream by an event of its own, or by none, when others have some there. */
for (const [name, events] of [
  ["with an event for it", ["a", "c", "c"]],
  ["with events of others", ["c", "c", "c"]],
] as const) {
  test(`a stream made anew ${name}: nothing that was open is lost, and nothing of the new one is skipped`, async () => {
    let bus = createMemoryBus();
    const first = createHands((id) => id === "old3");
    const before = await live(sensor([each]), bus, "before", first.execute);
    for (let n = 0; n < 6; n++) await publish(bus, "a", `old${n}`);
    await waitFor("the old ones", () => first.done.length === 5);
    bus.recreate("events");
    for (const [n, event] of events.entries()) await publish(bus, event, `new${n}`);
    await waitFor("the new place", () => stateOf(bus).some((text) => /"epoch":"one\+","after":3/.test(text)));
    bus = bus.clone();
    before.stop();
    await publish(bus, "b", "new4");
    const second = createHands();
    const after = await live(sensor([each]), bus, "after", second.execute);
    await waitFor("what was open and what is new", () => second.done.length >= 2);
    after.stop();
    await after.running;
    assert.deepEqual(second.done.sort(), ["new4", "old3"]);
  });
}

test("a Sensor that is quiet for long is told of no loss when the bus drops what others got", async () => {
  const bus = createMemoryBus();
  const { done, execute } = createHands();
  const before = await live(sensor([each]), bus, "before", execute);
  for (let n = 0; n < 5; n++) await publish(bus, "c", `c${n}`);
  await waitFor("its lag to be none", async () => (await before.runner.lag?.())?.events === 0);
  before.stop();
  await before.running;
  bus.drop("events", 6);
  const after = await live(sensor([each]), bus, "after", execute);
  await publish(bus, "a", "a1");
  await waitFor("its event", () => done.length === 1);
  after.stop();
  await after.running;
  assert.deepEqual(recordsOf(bus, "lost"), []);
});

test("what the bus dropped before a Sensor read it is in the ledger with both ends, and counted", async () => {
  const bus = createMemoryBus();
  const { done, execute } = createHands();
  for (let n = 1; n <= 5; n++) await publish(bus, "a", `a${n}`);
  bus.drop("events", 4);
  const start = () => Promise.resolve({ epoch: "one", after: 1 });
  const { stop, running, metrics } = await live(sensor([each]), bus, "w", execute, { start });
  await waitFor("what is left", () => done.length === 2);
  stop();
  await running;
  const [lost, ...more] = recordsOf(bus, "lost");
  assert.partialDeepStrictEqual(lost, {
    bus: "system",
    from: 2,
    to: 3,
    sensors: [{ namespace: "shop", name: "crashing" }],
  });
  assert.equal(more.length, 0);
  assert.match(await metrics.text(), /^tiphys_events_lost_total\{namespace="shop",bus="system"\} 2$/m);
});

test("a bus that goes away while a Sensor catches up is read on from where it stood", async () => {
  const bus = createMemoryBus();
  for (let n = 0; n < 300; n++) await publish(bus, "a", `a${n}`);
  const { done, execute } = createHands();
  let reads = 0;
  bus.fault = (operation, subject) => {
    if (operation === "read" && subject === eventSubject("shop", "source", "a") && ++reads === 2) throw busAway();
  };
  const start = () => bus.positionAt("events", 0);
  const { stop, running } = await live(sensor([each]), bus, "w", execute, { start });
  await waitFor("all", () => new Set(done).size === 300);
  stop();
  await running;
  assert.ok(reads > 2, `${reads} reads`);
  assert.equal(done.length, 300, "each once");
});

test("an event that comes again while its effect is under way is no new firing", async () => {
  const bus = createMemoryBus();
  const { done, execute } = createHands();
  const open = Promise.withResolvers<void>();
  const slow: Execute = async (effect, signal) => {
    const outcome = await execute(effect, signal);
    if (effect.key.endsWith("a1")) await open.promise;
    return outcome;
  };
  const { stop, running } = await live(sensor([each]), bus, "w", slow);
  const event = { source: "source", type: "webhook", subject: "a", time: "2026-01-01T00:00:00Z" };
  const data = encodeEvent({ id: "a1", ...event, datacontenttype: "application/json", data: {} });
  // Twice on the bus, as after its window for duplicates.
  for (const id of ["one", "two"]) await bus.publish(eventSubject("shop", "source", "a"), { id, data });
  await publish(bus, "a", "a2");
  await waitFor("the next event", () => done.includes("a2"));
  open.resolve();
  stop();
  await running;
  assert.deepEqual(done, ["a1", "a2"]);
});

test("a state that is stored in the middle of what was read goes with the event that it has come to", async () => {
  let bus = createMemoryBus("one", new Map(), new Map(), () => clock.now());
  const all = { template: { name: "all", conditions: "a || b", log, batch: { size: 100, wait: "1h" } } };
  const compiled = sensor([both, all]);
  for (let n = 0; n < 100; n++) await publish(bus, n % 2 === 0 ? "a" : "b", `e${n}`);
  const start = () => bus.positionAt("events", 0);
  const inner = await openLedger({ bus, writer: "held-up", clock, log: silentLogger });
  let asked = 0;
  const isStored = () => stateOf(bus).some((text) => text.includes("uid-1/held/"));
  const ledger: Ledger = {
    write: (draft) => inner.write(draft),
    readEffects: (since, signal) => inner.readEffects(since, signal),
    mark: () => inner.mark(),
    hasRoom: () => ++asked !== 50,
    room: () => waitFor("the state to be stored", isStored).then(() => new Promise(() => undefined)),
  };
  const before = await live(compiled, bus, "before", createHands().execute, { start, ledger });
  await waitFor("a part of the batch to be stored", isStored);
  bus = bus.clone();
  before.stop();
  const keys = new Set<string>();
  const execute: Execute = async ({ key, batch }) => {
    keys.add(key);
    if (batch) assert.equal(new Set(batch.map(({ event }) => event.id)).size, 100, "each event once");
    return { message: "" };
  };
  const after = await live(compiled, bus, "after", execute, { start });
  await waitFor("the batch", () => [...keys].some((key) => key.includes("/all/")));
  await waitFor("the last join", () => keys.has("uid-1/both/e98,e99"));
  after.stop();
  await after.running;
  for (const key of keys) if (!key.includes("/all/")) assert.match(key, /^uid-1\/both\/e\d*[02468],e\d*[13579]$/);
});

for (const code of ["BUS_STALE", "LEASE_LOST"] as const) {
  test(`who loses its Sensors (${code}) cuts off what is under way, so that another does not act beside it`, async () => {
    const bus = createMemoryBus();
    const partitions = createPartitions({ bus, clock: systemClock, log: silentLogger });
    const stop = new AbortController();
    void partitions.run(stop.signal);
    const partition = await partitions.of("shop", "crashing");
    const cut = Promise.withResolvers<unknown>();
    let isBegun = false;
    const execute: Execute = (_, signal) => {
      isBegun = true;
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          cut.resolve(signal.reason);
          reject(signal.reason);
        });
      });
    };
    const { running } = await live(sensor([each, both]), bus, "w", execute, { partition, clock: systemClock }, stop);
    await publish(bus, "a", "a1");
    await waitFor("the attempt", () => isBegun);
    const lostAt = performance.now();
    if (code === "LEASE_LOST") {
      await partitions.close(partitionOf("shop", "crashing"), new EngineError(code, "another engine has it"));
    } else {
      const ownership = { owns: () => true, holds: () => true };
      const others = createPartitions({ bus, ownership, clock: systemClock, log: silentLogger });
      void others.run(stop.signal);
      await others.of("shop", "crashing");
      await publish(bus, "a", "a2"); // something to store: then it learns
    }
    assert.equal(((await cut.promise) as EngineError).code, code);
    assert.ok(performance.now() - lostAt < 5_000, "not after the ten seconds that a stop leaves it");
    await assert.rejects(running, { code });
    stop.abort();
  });
}

test("a stop lets an effect under way end, and its outcome is stored", async () => {
  const bus = createMemoryBus();
  const { promise, resolve } = Promise.withResolvers<void>();
  const { done, execute } = createHands();
  let isBegun = false;
  const slow: Execute = async (effect, signal) => {
    isBegun = true;
    await promise;
    return execute(effect, signal);
  };
  const { stop, running } = await live(sensor([each]), bus, "w", slow);
  await publish(bus, "a", "a1");
  await waitFor("the attempt", () => isBegun);
  stop();
  setImmediate(resolve);
  await running;
  assert.deepEqual(done, ["a1"]);
  assert.equal(recordsOf(bus, "effect").length, 1);
});

const failing = { data: [{ path: "body.missing", type: "string", value: ["x"] }] };
for (const [name, given] of [
  ["a firing", dependencies],
  ["an error", dependencies.map((one) => ({ ...one, filters: failing }))],
] as const) {
  test(`a Sensor whose record of ${name} cannot be kept stops, and begins again from what is stored`, async () => {
    const bus = createMemoryBus();
    const full = new EngineError("STORE_FAILED", "the ledger takes no more");
    const ledger: Ledger = {
      write: ({ kind }) => ({ id: "w-1.0", kept: kind === "decision" ? Promise.reject(full) : Promise.resolve() }),
      readEffects: () => assert.fail("nothing has been here before"),
      mark: () => ({ epoch: "l", after: 0 }),
      hasRoom: () => true,
      room: async () => undefined,
    };
    const { running } = await live(sensor([each], given), bus, "w", createHands().execute, { ledger });
    const ended = assert.rejects(running, full);
    await publish(bus, "a", "a1");
    await ended;
  });
}

test("an event that is redriven and now fires is done, though a crash follows and the bus has dropped it", async () => {
  let bus = createMemoryBus();
  const broken = [{ ...dependencies[0], filters: failing }, ...dependencies.slice(1)];
  const before = await live(sensor([each], broken), bus, "before", createHands().execute);
  await publish(bus, "a", "a1");
  await waitFor("the letter", () => letters(bus).length === 1);
  before.stop();
  await before.running;
  bus.drop("events", 2);
  const second = await live(sensor([each]), bus, "second", createHands(() => true).execute);
  const [letter] = (await second.dead.list({})).letters;
  assert.ok(letter);
  const crashed = Promise.withResolvers<MemoryBus>();
  const { clone } = bus;
  bus.fault = async (operation, subject) => {
    if (operation !== "append" || !subject.startsWith("state")) return;
    for (let n = 0; n < 20; n++) await turn(); // storing what it fires takes longer than its mark
  };
  bus.done = (operation, subject) => {
    if (operation === "publish" && subject.startsWith("dead")) crashed.resolve(clone()); // its mark
  };
  await second.redrives.request(letter);
  bus = await crashed.promise;
  second.stop();
  const { done, execute } = createHands();
  const third = await live(sensor([each]), bus, "third", execute);
  await waitFor("its effect", () => done.length === 1);
  third.stop();
  await third.running;
  assert.deepEqual(done, ["a1"]);
});

test("an event that is redriven and now rejected is dead no more", async () => {
  const bus = createMemoryBus();
  const filtered = (path: string) => [
    { ...dependencies[0], filters: { data: [{ path, type: "string", value: ["x"] }] } },
    ...dependencies.slice(1),
  ];
  const before = await live(sensor([each], filtered("missing")), bus, "before", createHands().execute);
  await publish(bus, "a", "a1", { here: "y" });
  await waitFor("the letter", () => letters(bus).length === 1);
  before.stop();
  await before.running;
  const { done, execute } = createHands();
  const after = await live(sensor([each], filtered("here")), bus, "after", execute);
  const [letter] = (await after.dead.list({})).letters;
  assert.ok(letter);
  await after.redrives.request(letter);
  await waitFor("the letter to be dead no more", async () => (await after.dead.list({})).letters.length === 0);
  await waitFor("the request to be gone", async () => (await bus.state("redrives").entries("")).length === 0);
  after.stop();
  await after.running;
  assert.deepEqual(done, []);
});

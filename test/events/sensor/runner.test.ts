import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { silentLogger } from "../../../src/base/log.ts";
import { parseSystemSubject } from "../../../src/events/sensor/arrival.ts";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import { createPartitions } from "../../../src/events/sensor/partition.ts";
import { createEventReader } from "../../../src/events/sensor/reader.ts";
import { createSensorRunner } from "../../../src/events/sensor/runner.ts";
import { openLedger } from "../../../src/ledger/ledger.ts";
import { encodeEvent } from "../../../src/record/cloud-event.ts";
import type { Ledger } from "../../../src/record/records.ts";
import { eventSubject, rawSubject } from "../../../src/record/subject.ts";
import { busAway, createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { seeded } from "../../harness/seeded.ts";
import { waitFor } from "../../harness/wait.ts";
import { both, clock, dependencies, each, letters, live, log, publish, sensor } from "./life.ts";

/** What the world outside saw: each effect's key, as often as it was made to happen. */
interface World {
  readonly effects: { readonly key: string; readonly events: readonly string[] }[];
}

async function crashRepeatedly(triggers: readonly object[], seed: number): Promise<{ world: World; ids: string[] }> {
  const random = seeded(seed);
  const compiled = sensor(triggers);
  const world: World = { effects: [] };
  let bus = createMemoryBus();
  const ids: string[] = [];
  const publishSome = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const event = random() < 0.5 ? "a" : "b";
      const id = `${event}${ids.length}`;
      ids.push(id);
      const data = encodeEvent({
        id,
        source: "source",
        type: "webhook",
        subject: event,
        time: "2026-01-01T00:00:00Z",
        datacontenttype: "application/json",
        data: { n: ids.length },
      });
      await bus.publish(eventSubject("shop", "source", event), { id, data });
      if (random() < 0.3) await turn();
    }
  };
  for (let life = 0; life < 5; life++) {
    let alive = true;
    const { stop } = await live(compiled, bus, `w${seed}-${life}`, async (effect, signal) => {
      for (let wait = Math.floor(random() * 4); wait > 0; wait--) await turn();
      if (!alive) return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      world.effects.push({ key: effect.key, events: Object.values(effect.events).map(({ event }) => event.id) });
      return { message: "done" };
    });
    await publishSome(20);
    if (random() < 0.5) await sleep(random() * 10);
    for (let wait = Math.floor(random() * 60); wait > 0; wait--) await turn();
    // The crash: from here on, nothing that this life does is seen by the world or by the next life.
    alive = false;
    bus = bus.clone();
    stop();
  }
  const { stop, running } = await live(compiled, bus, `w${seed}-last`, async (effect) => {
    world.effects.push({ key: effect.key, events: Object.values(effect.events).map(({ event }) => event.id) });
    return { message: "done" };
  });
  const done = () => expectedKeys(compiled, ids).every((key) => world.effects.some((effect) => effect.key === key));
  await waitFor(`all effects (seed ${seed})`, done, 5_000);
  stop();
  await running;
  return { world, ids };
}

/** What one life without a crash does: the reducer's own rule, written down once more in a few lines. */
function expectedKeys(compiled: ReturnType<typeof sensor>, ids: readonly string[]): string[] {
  const keys: string[] = [];
  for (const trigger of compiled.triggers) {
    const waiting = new Map<string, string>();
    for (const id of ids) {
      const dependency = id[0] ?? "";
      if (!trigger.joins) {
        if (trigger.dependencies.has(dependency)) keys.push(`uid-1/${trigger.name}/${id}`);
        continue;
      }
      waiting.set(dependency, id);
      if (waiting.size < 2) continue;
      keys.push(`uid-1/${trigger.name}/${[...waiting.values()].sort().join(",")}`);
      waiting.clear();
    }
  }
  return keys;
}

const shapes: Readonly<Record<string, readonly object[]>> = {
  "one event each": [{ template: { name: "each", conditions: "a || b", log } }],
  "joins of two": [{ template: { name: "both", conditions: "a && b", log } }],
  "joins beside single events": [
    { template: { name: "both", conditions: "a && b", log } },
    { template: { name: "each", conditions: "a || b", log } },
  ],
};

for (const [name, triggers] of Object.entries(shapes)) {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    test(`crashes lose no effect and repeat none under another key: ${name}, seed ${seed}`, async () => {
      const { world, ids } = await crashRepeatedly(triggers, seed);
      const expected = expectedKeys(sensor(triggers), ids);
      const seen = new Set(world.effects.map((effect) => effect.key));
      assert.deepEqual([...seen].sort(), [...expected].sort());
    });
  }
}

test("attempts are counted across crashes; what fails for good is on dead, once", async () => {
  const compiled = sensor([{ ...each, retryStrategy: { steps: 4, duration: "500ms", factor: 1, jitter: 0 } }]);
  let bus = createMemoryBus();
  let attempts = 0;
  const execute: Execute = () => {
    attempts += 1;
    return Promise.reject(new Error("no"));
  };
  const openIn = (one: MemoryBus) => one.stored("state").some(({ data }) => String(data).includes("uid-1%2Feach%2Fa1"));
  await live(compiled, bus, "first", execute).then(async ({ stop }) => {
    await publish(bus, "a", "a1");
    await waitFor("a stored failure", () => openIn(bus));
    bus = bus.clone();
    stop();
  });
  const { stop, running } = await live(compiled, bus, "second", execute);
  await waitFor("the letter", () => letters(bus).length > 0);
  stop();
  await running;
  const again = await live(compiled, bus, "third", execute);
  await sleep(30);
  again.stop();
  await again.running;
  const [letter] = letters(bus);
  assert.deepEqual([letters(bus).length, letter.key, letter.attempts.length], [1, "uid-1/each/a1", 4]);
  assert.ok(attempts <= 5, `${attempts} attempts`);
});

test("filters that fail go to dead; they hold up neither the joins of others nor what is stored", async () => {
  const filters = { data: [{ path: "body.missing", type: "string", value: ["x"] }] };
  const given = [...dependencies, { name: "c", eventSourceName: "source", eventName: "c", filters }];
  const bus = createMemoryBus();
  const keys: string[] = [];
  let away = true;
  const { stop, running } = await live(
    sensor([both, { template: { name: "third", conditions: "c", log } }], given),
    bus,
    "w",
    async ({ key }) => {
      keys.push(key);
      return { message: "" };
    },
  );
  bus.fault = (operation, subject) => {
    if (away && operation === "publish" && subject.startsWith("dead")) throw busAway();
  };
  for (const id of ["c1", "a1", "b1"]) await publish(bus, id[0] ?? "", id);
  await waitFor("the join, though the letter is not kept yet", () => keys.length === 1);
  assert.deepEqual([keys, letters(bus).length], [["uid-1/both/a1,b1"], 0]);
  away = false;
  await waitFor("the letter", () => letters(bus).length === 1);
  assert.equal(letters(bus)[0].dependency, "c");
  stop();
  await running;
});

test("a Sensor whose effects do not end reads no further than it can hold", async () => {
  const bus = createMemoryBus();
  const ends: (() => void)[] = [];
  const { stop, running } = await live(sensor([each]), bus, "w", () => {
    return new Promise((resolve) => ends.push(() => resolve({ message: "" })));
  });
  for (let n = 0; n < 600; n++) await publish(bus, "a", `a${n}`);
  await waitFor("a full queue", () => ends.length === 256);
  await sleep(20);
  assert.equal(ends.length, 256);
  await waitFor("all of them", () => {
    for (const end of ends) end();
    return ends.length === 600;
  });
  stop();
  await running;
});

test("a Sensor that could not read where to start stores nothing", async () => {
  const bus = createMemoryBus();
  await publish(bus, "a", "a1");
  const start = () => Promise.reject(busAway());
  await assert.rejects(
    live(sensor([each]), bus, "w", async () => ({ message: "" }), { start }),
    { code: "BUS_UNAVAILABLE" },
  );
  assert.equal(bus.stored("state").length, 0);
});

test("an edit repeats nothing that is done, though an older effect never ended", async () => {
  const bus = createMemoryBus();
  const done: string[] = [];
  const hang: Execute = async ({ key }) => {
    if (key.endsWith("a0")) return new Promise(() => undefined);
    done.push(key);
    return { message: "" };
  };
  const { stop, running, deps } = await live(sensor([each]), bus, "w", hang);
  for (let n = 0; n < 5; n++) await publish(bus, "a", `a${n}`);
  await waitFor("all but the first", () => done.length === 4);
  stop();
  await running;
  const partitions = createPartitions({ bus, clock, log: silentLogger });
  const again: string[] = [];
  const execute: Execute = async ({ key }) => {
    again.push(key);
    return { message: "" };
  };
  const partition = await partitions.of("shop", "crashing");
  const runner = createSensorRunner(sensor([each]), { ...(await deps()), partition, execute });
  const stopAgain = new AbortController();
  const ran = Promise.all([runner.run(stopAgain.signal), partitions.run(stopAgain.signal)]);
  await waitFor("the first", () => again.length > 0);
  await sleep(20);
  assert.deepEqual(again, ["uid-1/each/a0"]);
  stopAgain.abort();
  await ran;
});

test("a Sensor decides nothing while the ledger has no room", async () => {
  const bus = createMemoryBus();
  const done: string[] = [];
  const execute: Execute = async ({ key }) => {
    done.push(key);
    return { message: "" };
  };
  let hasRoom = false;
  const { promise: room, resolve } = Promise.withResolvers<void>();
  const inner = await openLedger({ bus, writer: "full", clock, log: silentLogger });
  const ledger: Ledger = {
    write: (draft) => inner.write(draft),
    readEffects: (since, signal) => inner.readEffects(since, signal),
    mark: () => inner.mark(),
    hasRoom: () => hasRoom,
    room: () => room,
  };
  const { stop, running } = await live(sensor([each]), bus, "w", execute, { ledger });
  await publish(bus, "a", "a0");
  await sleep(20);
  assert.deepEqual(done, []);
  hasRoom = true;
  resolve();
  await waitFor("the effect", () => done.length === 1);
  stop();
  await running;
});

test("effects of a stream that was made anew are kept, and no event of the new one is skipped", async () => {
  let bus = createMemoryBus();
  const first = await live(sensor([each]), bus, "first", async () => new Promise(() => undefined));
  for (let n = 0; n < 5; n++) await publish(bus, "a", `old${n}`);
  await waitFor("the old ones", () => bus.stored("ledger").length > 0);
  await sleep(20);
  bus.recreate("events");
  await publish(bus, "a", "new0");
  await waitFor("the new place", () => bus.stored("state").some(({ data }) => String(data).includes('"epoch":"one+"')));
  bus = bus.clone();
  first.stop();
  const keys = new Set<string>();
  const { stop, running } = await live(sensor([each]), bus, "second", async ({ key }) => {
    keys.add(key);
    return { message: "" };
  });
  await waitFor("all", () => keys.size === 6, 3_000);
  stop();
  await running;
});

test("who takes over does not repeat what the engine before did, though it stored no position for it", async () => {
  const bus = createMemoryBus();
  const unused: Execute = () => assert.fail("nothing happened yet");
  const waiting = await live(sensor([each]), bus, "waiting", unused);
  waiting.stop();
  await waiting.running;
  await live(sensor([each]), bus, "killed", async () => ({ message: "" }));
  bus.fault = (operation) => (operation === "append" ? new Promise<void>(() => undefined) : undefined);
  await publish(bus, "a", "a0");
  await waitFor("its outcome", async () => {
    const since = { ...waiting.ledger.mark(), after: 0 };
    for await (const records of waiting.ledger.readEffects(since, new AbortController().signal)) {
      if (records.length > 0) return true;
    }
    return false;
  });
  bus.fault = undefined;
  const ownership = { owns: () => true, holds: () => true };
  const partitions = createPartitions({ bus, ownership, clock, log: silentLogger });
  const done: string[] = [];
  const execute: Execute = async ({ key }) => {
    done.push(key);
    return { message: "" };
  };
  const partition = await partitions.of("shop", "crashing");
  const stop = new AbortController();
  const deps = await waiting.deps();
  const reader = createEventReader({
    name: "system",
    bus,
    stream: "events",
    subjects: [rawSubject("events.>")],
    parseSubject: parseSystemSubject,
    onInvalid: () => assert.fail("every event is valid"),
  });
  const runner = createSensorRunner(sensor([each]), { ...deps, reader, partition, execute });
  const ran = Promise.all([runner.run(stop.signal), partitions.run(stop.signal), reader.run(stop.signal)]);
  await publish(bus, "a", "a1");
  await waitFor("the next event", () => done.length > 0);
  await sleep(20);
  assert.deepEqual(done, ["uid-1/each/a1"]);
  stop.abort();
  await ran;
});

test("an edit loses no event, and what waits in a join that it left alone goes on waiting", async () => {
  const bus = createMemoryBus();
  const done: string[] = [];
  const execute: Execute = async ({ key }) => {
    done.push(key);
    return { message: "" };
  };
  const before = await live(sensor([both]), bus, "before", execute);
  await publish(bus, "a", "a1");
  await waitFor("the event to be waiting", () => bus.stored("state").some(({ data }) => String(data).includes("a1")));
  before.stop();
  await before.running;
  await publish(bus, "c", "c1");
  await publish(bus, "b", "b1");
  const third = { name: "c", eventSourceName: "source", eventName: "c" };
  const edited = sensor([both, { template: { name: "new", conditions: "c", log } }], [...dependencies, third]);
  const after = await live(edited, bus, "after", execute);
  await waitFor("both", () => done.length === 2);
  after.stop();
  await after.running;
  assert.deepEqual(done.sort(), ["uid-1/both/a1,b1", "uid-1/new/c1"], "also what came while nobody was there");
});

const poisons: [name: string, execute: Execute][] = [
  ["that its trigger throws about at once", () => assert.fail("broken")],
  ["that its trigger rejects with nothing", () => Promise.reject(undefined)],
  ["that its trigger rejects with something that cannot be told", () => Promise.reject(Object.create(null))],
  ["that its trigger fails about without end", () => Promise.reject(new Error("x".repeat(3_000_000)))],
];
for (const [name, fail] of poisons) {
  test(`an event ${name} ends on dead, and the next ones are acted on`, async () => {
    const bus = createMemoryBus();
    const done: string[] = [];
    const execute: Execute = async (effect, signal) => {
      if (effect.key.endsWith("poison")) return fail(effect, signal);
      done.push(effect.key);
      return { message: "" };
    };
    const { stop, running } = await live(sensor([each]), bus, "w", execute);
    for (const id of ["a1", "poison", "a2"]) await publish(bus, "a", id, { body: null });
    await waitFor("the others", () => done.length === 2);
    await waitFor("the letter", () => letters(bus).length === 1);
    assert.equal(letters(bus)[0].key, "uid-1/each/poison");
    stop();
    await running;
  });
}

test("a trigger that hangs holds up no other trigger of its Sensor", async () => {
  const bus = createMemoryBus();
  const done: string[] = [];
  const execute: Execute = async ({ key, trigger }) => {
    if (trigger === "hangs") return new Promise(() => undefined);
    done.push(key);
    return { message: "" };
  };
  const hangs = { template: { name: "hangs", conditions: "a || b", log } };
  const { stop, running } = await live(sensor([hangs, each]), bus, "w", execute);
  for (let n = 0; n < 600; n++) await publish(bus, "a", `a${n}`);
  await waitFor("all of the other's", () => done.length === 600);
  stop();
  await running;
});

test("a Sensor that is held up says how far it is behind, and since when", async () => {
  const bus = createMemoryBus();
  const ends: (() => void)[] = [];
  const execute: Execute = () => new Promise((resolve) => ends.push(() => resolve({ message: "" })));
  const { stop, running, runner } = await live(sensor([each]), bus, "w", execute);
  for (let n = 0; n < 300; n++) await publish(bus, "a", `a${n}`);
  await waitFor("a full queue", () => ends.length === 256);
  const lag = await runner.lag?.();
  assert.deepEqual([lag?.sensor, lag?.events], ["crashing", 44]);
  assert.ok((lag?.ms ?? 0) > 0);
  await waitFor("the end", async () => {
    for (const end of ends) end();
    return (await runner.lag?.())?.events === 0;
  });
  assert.equal((await runner.lag?.())?.ms, 0);
  stop();
  await running;
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { instant } from "../../../src/base/clock.ts";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import type { CompiledSensor } from "../../../src/events/sensor/compile.ts";
import { reduce, tick } from "../../../src/events/sensor/reducer.ts";
import { type Decision, emptyState } from "../../../src/events/sensor/state.ts";
import { decodeRecords } from "../../../src/ledger/stored-form.ts";
import { decodeEvent } from "../../../src/record/cloud-event.ts";
import type { DecisionRecord, LedgerRecord } from "../../../src/record/records.ts";
import { createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { seeded } from "../../harness/seeded.ts";
import { createVirtualClock, type VirtualClock } from "../../harness/virtual-clock.ts";
import { live, publish, sensor } from "./life.ts";

const log = {};
const plain = ["a", "b"].map((name) => ({ name, eventSourceName: "source", eventName: name }));
const windowed = plain.map((one) => ({ ...one, correlate: "k", within: "60s" }));

interface Effect {
  readonly key: string;
  readonly events: readonly string[];
  /** Seconds of the virtual clock since the start. */
  readonly at: number;
}

/** A world in virtual time: its clock, its bus, what was done in it, and engines that live and crash. */
function createWorld(compiled: CompiledSensor) {
  const clock = createVirtualClock();
  const start = clock.now();
  const effects: Effect[] = [];
  let bus = createMemoryBus("one", new Map(), new Map(), () => clock.now());
  let life = 0;
  let current: { readonly alive: { is: boolean }; readonly stop: () => void; readonly metrics: () => Promise<string> };
  async function begin(): Promise<void> {
    const alive = { is: true };
    const execute: Execute = async (effect, signal) => {
      await turn();
      if (!alive.is) return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      const events = (effect.batch ?? Object.values(effect.events)).map(({ event }) => event.id);
      effects.push({ key: effect.key, events, at: (clock.now() - start) / 1_000 });
      return { message: "done" };
    };
    life += 1;
    const { stop, metrics } = await passing(clock, live(compiled, bus, `w${life}`, execute, { clock }));
    current = { alive, stop, metrics: () => metrics.text() };
  }
  return {
    clock,
    effects,
    begin,
    get bus() {
      return bus;
    },
    metrics: () => current.metrics(),
    fired: () => effects.map(({ events }) => events.join(",")),
    publish: (id: string, k = "k") => passing(clock, publish(bus, id.charAt(0), id, { k })),
    /** Nothing of what the engine does from here on is seen. */
    crash(): void {
      current.alive.is = false;
      bus = bus.clone();
      current.stop();
    },
    end: () => current.stop(),
  };
}

/** What takes a few turns of virtual time. */
async function passing<Result>(clock: VirtualClock, work: Promise<Result>): Promise<Result> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => undefined);
  for (let n = 0; n < 1_000 && !isDone; n++) await clock.advance(1);
  return done;
}

function decisions(bus: MemoryBus): DecisionRecord[] {
  const records = bus.stored("ledger").flatMap(({ data }) => [...decodeRecords(data)] as unknown as LedgerRecord[]);
  return records.filter((record) => record.kind === "decision");
}

function expiries(bus: MemoryBus): string[] {
  const found = decisions(bus).filter(({ verdict }) => verdict === "expired");
  return found.map(({ reason, events }) => `${Object.values(events).map(({ id }) => id)}: ${reason}`);
}

test("conditionsReset: at the tick what waits is let go, with a record and a count", async () => {
  const rule = { conditionsReset: [{ byTime: { cron: "* * * * *" } }] };
  const world = createWorld(sensor([{ template: { name: "both", ...rule, log } }], plain));
  await world.begin();
  await world.publish("a1");
  await world.clock.advance(61_000);
  assert.deepEqual(expiries(world.bus), ['a1: conditionsReset "* * * * *"']);
  const counted = /tiphys_events_expired_total\{[^}]*trigger_name="both",reason="reset"\} 1/;
  assert.match(await world.metrics(), counted);
  await world.publish("b1");
  await world.clock.advance(5_000);
  await world.publish("a2");
  await world.clock.advance(5_000);
  assert.deepEqual(world.fired(), ["a2,b1"]);
  world.end();
});

test("conditionsReset: a tick that fell into a time when nothing ran comes between the events before and after it", async () => {
  const rule = { conditionsReset: [{ byTime: { cron: "* * * * *" } }] };
  const world = createWorld(sensor([{ template: { name: "both", ...rule, log } }], plain));
  await world.begin();
  await world.publish("a1");
  await world.clock.advance(1_000);
  world.crash();
  await world.publish("b1"); // before the tick
  await world.clock.advance(90_000);
  await world.publish("a2"); // after one, before another
  await world.clock.advance(1_000);
  await world.publish("b2");
  await world.publish("a3");
  await world.clock.advance(90_000);
  await world.begin();
  await world.clock.advance(3_000);
  assert.deepEqual([world.fired(), expiries(world.bus)], [["a1,b1", "a2,b2"], ['a3: conditionsReset "* * * * *"']]);
  world.end();
});

test("batch: events fire together when there are enough, or when the first has waited long enough", async () => {
  const batch = { size: 3, wait: "20s" };
  const world = createWorld(sensor([{ template: { name: "all", conditions: "a || b", batch, log } }], plain));
  await world.begin();
  for (const id of ["a1", "b1", "a2", "a3"]) await world.publish(id);
  await world.clock.advance(1_000);
  assert.deepEqual(world.fired(), ["a1,b1,a2"]);
  await world.clock.advance(18_500);
  assert.equal(world.effects.length, 1);
  await world.clock.advance(2_000);
  assert.deepEqual(world.fired(), ["a1,b1,a2", "a3"]);
  const fired = decisions(world.bus).map(({ verdict, reason, causes }) => `${verdict} ${reason} ${causes}`);
  assert.deepEqual(fired, ["fired a batch of 3 a1,b1,a2", "fired a batch of 1 a3"]);
  world.end();
});

test("debounce: of events in quick succession the last fires, and all are causes", async () => {
  const debounce = { key: "k", quiet: "10s" };
  const world = createWorld(sensor([{ template: { name: "last", conditions: "a", debounce, log } }], plain));
  await world.begin();
  for (const id of ["a1", "a2", "a3"]) {
    await world.publish(id);
    await world.clock.advance(6_000);
  }
  assert.deepEqual(world.fired(), []);
  await world.clock.advance(6_000);
  assert.deepEqual(world.fired(), ["a3"]);
  const [only] = decisions(world.bus);
  assert.deepEqual([only?.causes, only?.reason], [["a3", "a1", "a2"], "the last of 3"]);
  world.end();
});

test("a window that is open at a crash goes on: its end and its order with events are those of the events", async () => {
  const world = createWorld(sensor([{ template: { name: "both", log } }], windowed));
  await world.begin();
  for (const key of ["x", "y", "z"]) await world.publish(`a${key}`, key);
  await world.clock.advance(1_000);
  world.crash();
  await world.clock.advance(30_000);
  await world.publish("bx", "x"); // in time, though nobody was there
  await world.clock.advance(60_000);
  await world.publish("by", "y"); // too late
  await world.begin();
  await world.clock.advance(3_000);
  const gone = (id: string) => `${id}: within: nothing that it is joined with came in 60 s`;
  assert.deepEqual(world.fired(), ["ax,bx"]);
  assert.deepEqual(expiries(world.bus).sort(), [gone("ay"), gone("az")]);
  await world.clock.advance(60_000);
  assert.deepEqual(expiries(world.bus).sort(), [gone("ay"), gone("az"), gone("by")]);
  world.end();
});

test("an expiry is in the ledger, though the engine crashed before it was kept there", async () => {
  const world = createWorld(sensor([{ template: { name: "both", log } }], windowed));
  await world.begin();
  await world.publish("a1");
  await world.clock.advance(1_000);
  world.bus.fault = (_, subject) => (subject.startsWith("ledger") ? new Promise<void>(() => undefined) : undefined);
  await world.clock.advance(61_000);
  assert.deepEqual(expiries(world.bus), []);
  world.crash();
  await world.begin();
  await world.clock.advance(1_000);
  assert.deepEqual(expiries(world.bus), ["a1: within: nothing that it is joined with came in 60 s"]);
  world.end();
});

test("a Sensor that still reads what was stored before a tick does not tick yet", async () => {
  const debounce = { quiet: "10s" };
  const world = createWorld(sensor([{ template: { name: "last", conditions: "a", debounce, log } }], plain));
  await world.begin();
  await world.publish("a1");
  await world.clock.advance(1_000);
  let release: () => void = () => undefined;
  world.bus.fault = (operation, subject) =>
    operation === "read" && subject.startsWith("events")
      ? new Promise<void>((resolve) => (release = resolve))
      : undefined;
  world.crash();
  await world.publish("a2");
  await world.begin();
  await world.clock.advance(9_500);
  release();
  await world.clock.advance(30_000);
  assert.deepEqual(world.fired(), ["a2"]);
  world.end();
});

const shapes: Readonly<Record<string, CompiledSensor>> = {
  "joins within a time": sensor(
    [{ template: { name: "t", log } }],
    plain.map((one) => ({ ...one, correlate: "k", within: "3s" })),
  ),
  "joins with resets": sensor(
    [{ template: { name: "t", log, conditionsReset: [{ byTime: { cron: "* * * * *" } }] } }],
    plain,
  ),
  debounce: sensor(
    [{ template: { name: "t", conditions: "a || b", log, debounce: { key: "k", quiet: "2s" } } }],
    plain,
  ),
  batch: sensor(
    [{ template: { name: "t", conditions: "a || b", log, batch: { key: "k", size: 3, wait: "4s" } } }],
    plain,
  ),
  "all beside single events": sensor(
    [
      { template: { name: "t", log, debounce: { quiet: "1s" }, ordering: {} } },
      { template: { name: "u", conditions: "a", log, batch: { size: 4, wait: "5s" }, ordering: {} } },
      { template: { name: "v", conditions: "a || b", log } },
    ],
    plain.map((one) => ({ ...one, correlate: "k", within: "9s" })),
  ),
};

/** What the pure core makes of what is stored, told by nothing but the events. */
function expected(compiled: CompiledSensor, bus: MemoryBus): { readonly keys: string[]; readonly expired: string[] } {
  let state = emptyState;
  const all: Decision[] = [];
  for (const { data, sequence, storedAt } of bus.stored("events")) {
    const event = decodeEvent(data);
    const { id, source, subject, type, time } = event;
    const head = {
      id,
      namespace: "shop",
      eventSource: source,
      event: subject,
      type,
      time,
      bus: "system",
      sequence,
      storedAt,
    };
    const next = reduce(compiled, state, { event, head }, instant(storedAt));
    state = next.state;
    all.push(...next.decisions);
  }
  all.push(...tick(compiled, state, instant(9e12)).decisions);
  return {
    keys: all.flatMap((one) => (one.kind === "fire" ? [one.key] : [])).sort(),
    expired: all
      .flatMap((one) =>
        one.kind === "expired" ? [`${Object.values(one.events).map(({ event }) => event.id)}: ${one.message}`] : [],
      )
      .sort(),
  };
}

for (const [name, compiled] of Object.entries(shapes)) {
  for (const seed of [1, 2, 3, 4]) {
    test(`crashes lose nothing that waits, and let nothing fire under two keys: ${name}, seed ${seed}`, async () => {
      const random = seeded(seed);
      const world = createWorld(compiled);
      let count = 0;
      for (let life = 0; life < 5; life++) {
        await world.begin();
        for (let n = 0; n < 8; n++) {
          count += 1;
          await world.publish(`${random() < 0.5 ? "a" : "b"}${count}`, random() < 0.5 ? "x" : "y");
          await world.clock.advance(Math.floor(random() * 1_500));
        }
        world.crash();
        if (random() < 0.5) await world.publish(`a${++count}`, "x");
        await world.clock.advance(Math.floor(random() * 4_000));
      }
      await world.begin();
      await world.clock.advance(120_000);
      world.end();
      const pure = expected(compiled, world.bus);
      assert.deepEqual([...new Set(world.effects.map(({ key }) => key))].sort(), pure.keys);
      assert.deepEqual([...new Set(expiries(world.bus))].sort(), pure.expired);
    });
  }
}

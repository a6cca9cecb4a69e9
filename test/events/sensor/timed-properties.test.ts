import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { adopt } from "../../../src/events/sensor/adopt.ts";
import type { CompiledSensor } from "../../../src/events/sensor/compile.ts";
import { nextTickAt, reduce, tick } from "../../../src/events/sensor/reducer.ts";
import { createSensorCells, type StoredPosition } from "../../../src/events/sensor/sensor-cells.ts";
import { type Decision, emptyState, type ReceivedEvent, type SensorState } from "../../../src/events/sensor/state.ts";
import { compiled, dependency, received, trigger } from "./builders.ts";

const keyed = ["a", "b", "c"].map((name) => dependency(name, undefined, { correlate: "k", within: "9s" }));
const hourly = { conditionsReset: [{ byTime: { cron: "* * * * *" } }] };

const sensors: Readonly<Record<string, CompiledSensor>> = {
  "joins with windows": compiled(keyed, [trigger("t", "a && b && c")]),
  "joins with resets": compiled(keyed, [trigger("t", "(a && b) || c", hourly)]),
  debounce: compiled(keyed, [trigger("t", "a || b", { debounce: { key: "k", quiet: "4s" } })]),
  batch: compiled(keyed, [trigger("t", "a || b", { batch: { key: "k", size: 3, wait: "6s" } })]),
  "debounced joins": compiled(keyed, [trigger("t", "a && b", { debounce: { quiet: "4s" }, ordering: {} })]),
  "batches of joins": compiled(keyed, [trigger("t", "a && b", { batch: { size: 2, wait: "20s" }, ...hourly })]),
  ordering: compiled(keyed, [trigger("t", "a || b", { ordering: { key: "k" } })]),
  "several triggers": compiled(keyed, [
    trigger("t", "a && b", hourly),
    trigger("u", "c || a", { batch: { key: "k", size: 2, wait: "5s" } }),
    trigger("v", "b && c", { debounce: { quiet: "3s" } }),
  ]),
};

interface Happening {
  readonly name: string;
  readonly key: string;
  readonly id: number;
  /** Milliseconds since the event before. */
  readonly after: number;
}

const keys = ["x", "y", "z"];
const happening = fc.record<Happening>({
  name: fc.constantFrom("a", "b", "c"),
  key: fc.constantFrom(...keys),
  // Few ids, so that some come twice.
  id: fc.nat(12),
  after: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.constantFrom(0, 4_000, 5_000, 6_000, 9_000, 20_000, 60_000)),
});

function stream(list: readonly Happening[]): ReceivedEvent[] {
  let at = 1_000_000;
  return list.map(({ name, key, id, after }) => {
    at += after;
    return received(`${name}${key}${id}`, name, { k: key }, at);
  });
}

/** Runs events, with ticks between them where `ticks` says so, and lets all that is left come due. */
function run(sensor: CompiledSensor, events: readonly ReceivedEvent[], ticks: readonly boolean[] = []) {
  let state = emptyState;
  const decisions: Decision[] = [];
  const take = (next: { readonly state: SensorState; readonly decisions: readonly Decision[] }): void => {
    state = next.state;
    decisions.push(...next.decisions);
  };
  for (const [index, event] of events.entries()) {
    if (ticks[index]) take(tick(sensor, state, instant(event.head.storedAt)));
    take(reduce(sensor, state, event, instant(event.head.storedAt)));
  }
  take(tick(sensor, state, instant(9e12)));
  return { state, decisions };
}

function keyOf(decision: Decision): JsonValue | undefined {
  const event =
    "event" in decision ? decision.event : "events" in decision ? Object.values(decision.events)[0] : undefined;
  return (event?.event.data as JsonObject | undefined)?.k;
}

for (const [name, sensor] of Object.entries(sensors)) {
  test(`${name}: what other keys do, in any interleaving and with any event twice, changes no decision of a key`, () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (list) => {
        const events = stream(list);
        const together = run(sensor, events).decisions;
        for (const key of keys) {
          const own = events.filter(({ event }) => (event.data as JsonObject).k === key);
          assert.deepEqual(
            together.filter((decision) => keyOf(decision) === key),
            run(sensor, own).decisions,
          );
        }
      }),
    );
  });

  test(`${name}: ticks at any time give what no ticks give, since each event brings what was due before it`, () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), fc.array(fc.boolean(), { maxLength: 40 }), (list, ticks) => {
        const events = stream(list);
        assert.deepEqual(run(sensor, events, ticks), run(sensor, events));
      }),
    );
  });

  test(`${name}: a late tick decides what ticks at each instant decide`, () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 30 }), fc.nat(100_000), (list, late) => {
        let state = emptyState;
        const events = stream(list);
        for (const event of events) state = reduce(sensor, state, event, instant(0)).state;
        const end = instant((events.at(-1)?.head.storedAt ?? 0) + late);
        const once = tick(sensor, state, end);
        const step: Decision[] = [];
        for (let due = nextTickAt(sensor, state); due !== undefined && due <= end; due = nextTickAt(sensor, state)) {
          const next = tick(sensor, state, due);
          assert.notEqual(next.state, state, "a tick that is due changes something");
          state = next.state;
          step.push(...next.decisions);
        }
        assert.deepEqual({ state, decisions: step }, { state: once.state, decisions: once.decisions });
      }),
    );
  });

  test(`${name}: no event is both let go and part of an effect of the same trigger, and none is lost`, () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(happening, { maxLength: 40, selector: ({ name: of, key, id }) => `${of}${key}${id}` }),
        (list) => {
          const events = stream(list);
          const { state, decisions } = run(sensor, events);
          const seen = new Map<string, number>();
          for (const decision of decisions) for (const id of idsIn(decision)) seen.set(id, (seen.get(id) ?? 0) + 1);
          for (const [id, times] of seen) assert.equal(times, 1, id);
          assert.deepEqual(state.timed ?? {}, {}, "all had a time");
          const effects = decisions.flatMap((decision) => (decision.kind === "fire" ? [decision.key] : []));
          assert.equal(new Set(effects).size, effects.length);
        },
      ),
    );
  });

  test(`${name}: a state that is stored in cells and read again is the same, also through any changes before`, () => {
    fc.assert(
      fc.property(
        fc.array(happening, { maxLength: 40 }),
        fc.array(fc.boolean(), { maxLength: 40 }),
        (list, flushes) => {
          const cells = new Map<string, unknown>();
          const store = createSensorCells(sensor, cells);
          let state = adopt(sensor, store.restore().events).state;
          const flush = (after: number): void => {
            const position: StoredPosition = { bus: "system", epoch: "e", after, ledger: { epoch: "e", after: 0 } };
            const { changes, committed } = store.changes({ position, state, outbox: new Map() });
            for (const [key, value] of changes) {
              if (value === null) cells.delete(key);
              else cells.set(key, JSON.parse(JSON.stringify(value)));
            }
            committed();
          };
          for (const [index, event] of stream(list).entries()) {
            state = reduce(sensor, state, event, instant(0)).state;
            if (flushes[index]) flush(index);
          }
          flush(list.length);
          const restored = adopt(sensor, createSensorCells(sensor, cells).restore().events);
          assert.deepEqual(restored.decisions, []);
          assert.deepEqual(sorted(restored.state), sorted(state));
        },
      ),
    );
  });
}

function idsIn(decision: Decision): string[] {
  if (decision.kind !== "fire" && decision.kind !== "expired") return [];
  const events = (decision.kind === "fire" && decision.batch) || Object.values(decision.events);
  return events.map(({ event }) => `${decision.trigger}/${event.id}`);
}

/** Entries of one bucket stand in the order of their insertion, which is not part of the state. */
function sorted(state: SensorState): unknown {
  return JSON.parse(JSON.stringify(state), (name, value: unknown) =>
    name === "entries" && Array.isArray(value)
      ? (value as { key: string }[]).sort((a, b) => (a.key < b.key ? -1 : 1))
      : value,
  );
}

for (const name of ["joins with windows", "joins with resets", "debounce", "batch"]) {
  test(`${name}: an event that comes again while it waits changes nothing`, () => {
    const sensor = sensors[name] as CompiledSensor;
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (list) => {
        let state = emptyState;
        for (const event of stream(list)) {
          const once = reduce(sensor, state, event, instant(0));
          state = once.state;
          if (once.decisions.some(({ kind }) => kind === "fire")) continue;
          const again = reduce(sensor, state, event, instant(0));
          assert.deepEqual(again, { state, decisions: [] });
        }
      }),
    );
  });
}

test("reduce and tick never throw, whatever the data, the keys and the times are", () => {
  const wild = fc.record({
    name: fc.constantFrom("a", "b", "c", "d"),
    id: fc.string(),
    data: fc.oneof(fc.jsonValue(), fc.record({ k: fc.jsonValue() })),
    at: fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300)),
  });
  const list = Object.values(sensors);
  fc.assert(
    fc.property(fc.array(wild, { maxLength: 15 }), fc.nat(), fc.double(), (events, pick, now) => {
      const sensor = list[pick % list.length] as CompiledSensor;
      let state = emptyState;
      for (const { name, id, data, at } of events) {
        const before = JSON.stringify(state);
        const next = reduce(sensor, state, received(id, name, data as JsonValue, at), instant(0));
        tick(sensor, next.state, instant(now));
        nextTickAt(sensor, next.state);
        assert.equal(JSON.stringify(state), before);
        state = next.state;
      }
      adopt(sensor, { joins: state.joins, waiting: [], held: [] });
    }),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { adopt } from "../../../src/events/sensor/adopt.ts";
import type { CompiledSensor } from "../../../src/events/sensor/compile.ts";
import { nextTickAt, reduce, tick } from "../../../src/events/sensor/reducer.ts";
import { createSensorCells } from "../../../src/events/sensor/sensor-cells.ts";
import { type Decision, emptyState, type SensorState } from "../../../src/events/sensor/state.ts";
import { compiled, dependency, received, trigger } from "./builders.ts";

const plain = ["a", "b", "c"].map((name) => dependency(name));
const keyed = plain.map((one) => ({ ...one, correlate: "k" }));
const windowed = keyed.map((one) => ({ ...one, within: "10s" }));

function sensorWith(dependencies: typeof plain, conditions: string, template: JsonObject = {}): CompiledSensor {
  return compiled(dependencies, [trigger("t", conditions, template)]);
}

/** After each of the events `a1/x`, one a second. */
function afterEach(sensor: CompiledSensor, events: readonly string[]): SensorState[] {
  let state: SensorState = emptyState;
  return events.map((text, index) => {
    const [id = "", k = "k"] = text.split("/");
    state = reduce(sensor, state, received(id, id.charAt(0), { k }, (index + 1) * 1_000), instant(0)).state;
    return state;
  });
}

/** Stored by one revision and read by another: its decisions, and those of the next events and of all time. */
function edited(before: CompiledSensor, events: readonly string[], now: CompiledSensor, next: readonly string[]) {
  const written = new Map<string, unknown>();
  const old = createSensorCells(before, written);
  old.restore();
  for (const state of afterEach(before, events)) store(old, written, state);
  const cells = new Map([...written].reverse()); // no order of cells is promised
  const store2 = createSensorCells(now, cells);
  const adopted = adopt(now, store2.restore().events);
  store(store2, cells, adopted.state);
  const decisions = [...adopted.decisions];
  let { state } = adopted;
  for (const [index, text] of next.entries()) {
    const [id = "", k = "k"] = text.split("/");
    const at = (events.length + index + 1) * 1_000;
    const reduction = reduce(now, state, received(id, id.charAt(0), { k }, at), instant(0));
    state = reduction.state;
    decisions.push(...reduction.decisions);
  }
  decisions.push(...tick(now, state, instant(9e12)).decisions);
  // What is read once more is what was stored: nothing is missing, and no cell of before is left.
  const again = adopt(now, createSensorCells(now, cells).restore().events);
  assert.deepEqual(again.decisions, []);
  assert.deepEqual(heldIn(again.state), heldIn(adopted.state));
  return decisions.map(shown);
}

function store(cells: ReturnType<typeof createSensorCells>, stored: Map<string, unknown>, state: SensorState): void {
  const position = { bus: "system", epoch: "e", after: 1, ledger: { epoch: "e", after: 0 } };
  const { changes, committed } = cells.changes({ position, state, outbox: new Map() });
  for (const [key, value] of changes) {
    if (value === null) stored.delete(key);
    else stored.set(key, JSON.parse(JSON.stringify(value)));
  }
  committed();
}

/** All that waits, in a form that can be compared. */
function heldIn(state: SensorState): string[] {
  const cells = new Map<string, unknown>();
  store(createSensorCells(sensorWith(plain, "a"), cells), cells, state);
  return [...cells].map(([key, value]) => `${key} ${JSON.stringify(value)}`).sort();
}

function shown(decision: Decision): string {
  if (decision.kind !== "fire" && decision.kind !== "expired") return decision.kind;
  const events = (decision.kind === "fire" && decision.batch) || Object.values(decision.events);
  const ids = events.map(({ event }) => event.id).join(",");
  return decision.kind === "fire" ? `fire ${ids}` : `${decision.reason} ${ids}: ${decision.message}`;
}

const within = "within: nothing that it is joined with came in 10 s";

for (const [name, before, events, now, next, expected] of [
  [
    "a join gets keys: what waits gets them, too",
    sensorWith(plain, "a && b"),
    ["a1/x"],
    sensorWith(keyed, "a && b"),
    ["b1/y", "b2/x"],
    ["fire a1,b2"],
  ],
  [
    "a join loses its keys: the newest of each dependency waits",
    sensorWith(keyed, "a && b"),
    ["a1/x", "a2/y"],
    sensorWith(plain, "a && b"),
    ["b1/z"],
    ["fire a2,b1"],
  ],
  [
    "keys go, and what waits meets the conditions: it fires",
    sensorWith(windowed, "a && b"),
    ["a1/x", "b1/y"],
    sensorWith(
      plain.map((one) => ({ ...one, within: "10s" })),
      "a && b",
    ),
    [],
    ["fire a1,b1"],
  ],
  [
    "a window comes: it counts for what waits",
    sensorWith(keyed, "a && b"),
    ["a1/x"],
    sensorWith(windowed, "a && b"),
    [],
    [`window a1: ${within}`],
  ],
  ["a window goes", sensorWith(windowed, "a && b"), ["a1/x"], sensorWith(keyed, "a && b"), ["b1/x"], ["fire a1,b1"]],
  [
    "a key that is not in the event",
    sensorWith(plain, "a && b"),
    ["a1/x"],
    sensorWith(
      plain.map((one) => ({ ...one, correlate: "no" })),
      "a && b",
    ),
    [],
    [`edit a1: the Sensor was edited: correlate: path "no" does not exist in the event's data: the data has k`],
  ],
  [
    "a dependency leaves the join",
    sensorWith(keyed, "a && b && c"),
    ["c1/x", "a1/x"],
    sensorWith(keyed, "a && b"),
    ["b1/x"],
    ["edit c1: the Sensor was edited: nothing waits for dependency c any more", "fire a1,b1"],
  ],
  [
    "debounce goes: what it held fires",
    sensorWith(plain, "a", { debounce: { quiet: "5s" } }),
    ["a1", "a2"],
    sensorWith(plain, "a"),
    [],
    ["fire a2"],
  ],
  [
    "debounce becomes a batch",
    sensorWith(plain, "a", { debounce: { key: "k", quiet: "5s" } }),
    ["a1/x", "a2/y"],
    sensorWith(plain, "a", { batch: { wait: "5s" } }),
    [],
    ["fire a1,a2"],
  ],
  [
    "a batch gets keys",
    sensorWith(plain, "a", { batch: { wait: "5s" } }),
    ["a1/x", "a2/y", "a3/x"],
    sensorWith(plain, "a", { batch: { wait: "5s", key: "k" } }),
    [],
    ["fire a1,a3", "fire a2"],
  ],
  [
    "a batch becomes smaller",
    sensorWith(plain, "a", { batch: { wait: "5s" } }),
    ["a1", "a2", "a3"],
    sensorWith(plain, "a", { batch: { wait: "5s", size: 2 } }),
    [],
    ["fire a1,a2", "fire a3"],
  ],
  [
    "the trigger goes",
    sensorWith(plain, "a", { batch: { wait: "5s" } }),
    ["a1"],
    compiled(plain, [trigger("u", "a || b")]),
    [],
    ["edit a1: the Sensor was edited: the trigger is gone"],
  ],
  [
    "conditions are broken: what waited is let go, and the others go on",
    sensorWith(plain, "a && b"),
    ["a1"],
    compiled(plain, [trigger("t", "a && x"), trigger("u", "a || b")]),
    ["b1"],
    ["edit a1: the Sensor was edited: nothing waits for dependency a any more", "fire b1"],
  ],
  [
    "conditions are broken while a batch waits: its events had met them",
    sensorWith(plain, "a", { batch: { wait: "5s" } }),
    ["a1"],
    compiled(plain, [trigger("t", "a &&", { batch: { wait: "5s" } }), trigger("u", "b")]),
    ["b1"],
    ["fire a1", "fire b1"],
  ],
  [
    "conditions are mended: the trigger joins what comes from then on",
    compiled(plain, [trigger("t", "a && x"), trigger("u", "c")]),
    ["a1"],
    sensorWith(plain, "a && b"),
    ["b1", "a2"],
    ["fire a2,b1"],
  ],
  [
    "the trigger of a plain join goes: nothing of it comes back with a trigger of its name",
    sensorWith(plain, "a && b"),
    ["a1"],
    compiled(plain, [trigger("u", "a && b")]),
    ["b1", "a2"],
    ["edit a1: the Sensor was edited: nothing waits for dependency a any more", "fire a2,b1"],
  ],
  [
    "a dependency leaves a plain join",
    sensorWith(plain, "a && b && c"),
    ["c1", "a1"],
    sensorWith(plain, "a && b"),
    ["b1"],
    ["edit c1: the Sensor was edited: nothing waits for dependency c any more", "fire a1,b1"],
  ],
  [
    "a plain join ends: each event fires by itself",
    sensorWith(plain, "a && b"),
    ["a1"],
    sensorWith(plain, "a || b"),
    ["b1"],
    ["edit a1: the Sensor was edited: nothing waits for dependency a any more", "fire b1"],
  ],
  [
    "a dependency listens to another event: what waited was of the one before",
    sensorWith(plain, "a && b"),
    ["a1", "b1", "b2"],
    sensorWith([dependency("a"), dependency("b", undefined, { eventName: "c" })], "a && b"),
    ["a2", "c1"],
    ["edit b2: the Sensor was edited: dependency b listens to another event now", "fire a2,c1"],
  ],
  [
    "the same with a key",
    sensorWith(keyed, "a && b"),
    ["b2/x"],
    sensorWith([keyed[0]!, { ...keyed[1]!, eventSourceName: "other" }], "a && b"),
    ["a2/x"],
    ["edit b2: the Sensor was edited: dependency b listens to another event now"],
  ],
  [
    "a filter of a dependency changes: what waits has passed the one before",
    sensorWith(plain, "a && b"),
    ["a1"],
    sensorWith([dependency("a", { data: [{ path: "no", type: "string", value: ["x"] }] }), dependency("b")], "a && b"),
    ["b1"],
    ["fire a1,b1"],
  ],
  [
    "nothing changes",
    sensorWith(windowed, "a && b", { batch: { wait: "50s", size: 2 } }),
    ["a1/x", "b1/x", "a2/y", "b2/z"],
    sensorWith(windowed, "a && b", { batch: { wait: "50s", size: 2 } }),
    ["b3/y"],
    [`window b2: ${within}`, "fire a1,b1", "fire a2,b3"],
  ],
] as const) {
  test(`an edit: ${name}`, () => assert.deepEqual(edited(before, events, now, next), expected));
}

test("the state of a program without keys and times is read", () => {
  const a1 = received("a1", "a", { k: "x" }, 1_000);
  const cells = new Map<string, unknown>([["uid/join/t/a", a1]]);
  const same = sensorWith(plain, "a && b");
  assert.deepEqual(adopt(same, createSensorCells(same, cells).restore().events).state, { joins: { t: { a: a1 } } });
  const reset = sensorWith(plain, "a && b", { conditionsReset: [{ byTime: { cron: "0 * * * *" } }] });
  const adopted = adopt(reset, createSensorCells(reset, cells).restore().events).state;
  assert.deepEqual([adopted.joins, nextTickAt(reset, adopted)], [{}, 3_600_000]);
});

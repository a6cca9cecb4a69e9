import assert from "node:assert/strict";
import { test } from "node:test";
import { createSensorCells, type StoredPosition } from "../../../src/events/sensor/sensor-cells.ts";
import { emptyState } from "../../../src/events/sensor/state.ts";
import { compiled, dependency, received, trigger } from "./builders.ts";
import { effect } from "./queue-rig.ts";

const sensor = compiled([dependency("a")], [trigger("t", "a")]);
const before: StoredPosition = { bus: "system", epoch: "e", after: 7, ledger: { epoch: "l", after: 100 } };

const rows: [name: string, now: Partial<StoredPosition>, isStored: boolean][] = [
  ["nothing", {}, false],
  ["further on", { after: 8 }, true],
  ["on another bus", { bus: "shop/default" }, true],
  ["in a stream made anew, at the same number", { epoch: "e+" }, true],
  ["the ledger made anew", { ledger: { epoch: "l+", after: 100 } }, true],
  [
    "the ledger a little further on: that would be a write for each effect of others",
    { ledger: { epoch: "l", after: 1_100 } },
    false,
  ],
  ["the ledger so far on that a restart would read much", { ledger: { epoch: "l", after: 1_101 } }, true],
];
for (const [name, now, isStored] of rows) {
  test(`a position is stored when it moved: ${name}`, () => {
    const cells = createSensorCells(sensor, new Map());
    const none = { state: emptyState, outbox: new Map() };
    cells.changes({ position: before, ...none }).committed();
    const { changes } = cells.changes({ position: { ...before, ...now }, ...none });
    assert.deepEqual(changes, isStored ? [["uid/position", { ...before, ...now }]] : []);
  });
}

test("a position that does not move is stored when the ledger has grown by much, a little each time", () => {
  const cells = createSensorCells(sensor, new Map());
  const stored = [0, 600, 1_200, 1_800].map((after) => {
    const position = { ...before, ledger: { epoch: "l", after } };
    const { changes, committed } = cells.changes({ position, state: emptyState, outbox: new Map() });
    committed();
    return changes.length;
  });
  assert.deepEqual(stored, [1, 0, 1, 0]);
});

test("a position goes with every change, and what was not committed is stored with the next", () => {
  const cells = createSensorCells(sensor, new Map());
  cells.changes({ position: before, state: emptyState, outbox: new Map() }).committed();
  const state = { joins: { t: { a: received("e1", "a") } } };
  const outbox = new Map([["k/1", effect("k/1")]]);
  const keys = (given: typeof outbox) =>
    cells.changes({ position: before, state, outbox: given }).changes.map(([key]) => key);
  assert.deepEqual(keys(outbox), ["uid/join/t/a", "uid/outbox/k%2F1", "uid/position"]);
  assert.deepEqual(keys(new Map()), ["uid/join/t/a", "uid/position"]);
});

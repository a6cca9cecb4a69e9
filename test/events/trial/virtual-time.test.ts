import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { emptyState } from "../../../src/events/sensor/state.ts";
import { createVirtualSensor, type Timers } from "../../../src/events/trial/virtual-time.ts";
import { compiled, dependency, received, trigger } from "../sensor/builders.ts";

const sensor = compiled([dependency("push")], [trigger("say")]);

/** Due at these moments, each once. */
function timersAt(...moments: readonly number[]): Timers {
  const due = [...moments];
  return {
    nextTickAt: () => (due[0] === undefined ? undefined : instant(due[0])),
    tick(_, state) {
      due.shift();
      return { state, decisions: [] };
    },
  };
}

const times = (steps: readonly { readonly at: number; readonly decisions: readonly unknown[] }[]) =>
  steps.map(({ at, decisions }) => `${at}${decisions.length > 0 ? " fired" : ""}`);

for (const [name, moments, wanted] of [
  ["nothing is due", [], ["10 fired"]],
  ["before the event", [3, 7], ["3", "7", "10 fired"]],
  ["at the same instant, which comes first", [10], ["10", "10 fired"]],
  ["after it", [11, 20], ["10 fired", "11", "20"]],
  ["beyond the end", [21], ["10 fired"]],
] as const) {
  test(`time passes in order: ${name}`, () => {
    const virtual = createVirtualSensor(sensor, emptyState, timersAt(...moments));
    const steps = [...virtual.take(received("e", "push"), instant(10)), ...virtual.passTime(instant(20))];
    assert.deepEqual(times(steps), wanted);
  });
}

test("a timer that never comes to rest is left", () => {
  const restless: Timers = { nextTickAt: () => instant(0), tick: (_, state) => ({ state, decisions: [] }) };
  assert.ok(createVirtualSensor(sensor, emptyState, restless).passTime(instant(1)).length < 1_000_000);
});

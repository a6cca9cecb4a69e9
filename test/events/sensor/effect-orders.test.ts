import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Effect } from "../../../src/events/sensor/effect.ts";
import { EffectOrders } from "../../../src/events/sensor/effect-orders.ts";

function effect(key: string, lane?: string, order?: number): Effect {
  const base = { key, trigger: "t", events: {}, decision: "w-1.0", failed: 0, attempts: [], dueAt: 0 };
  return { ...base, ...(lane === undefined ? {} : { lane }), ...(order === undefined ? {} : { order }) };
}

test("of a lane the first may begin, the next when that left; an effect without a lane always may", () => {
  const lanes = new EffectOrders();
  const [a, b, c] = [effect("a", "x"), effect("b", "x"), effect("c", "y")].map((one) => lanes.enter(one)) as [
    Effect,
    Effect,
    Effect,
  ];
  assert.deepEqual([a.order, b.order, c.order], [1, 2, 3]);
  assert.deepEqual(
    [b, a, c, effect("d")].map((one) => lanes.mayBegin(one)),
    [false, true, true, true],
  );
  assert.equal(lanes.leave(a), b);
  assert.equal(lanes.mayBegin(b), true);
  assert.equal(lanes.leave(b), undefined);
});

test("who is first but not ready yet holds up its lane, and is not begun for it", () => {
  const lanes = new EffectOrders();
  const [a, b, c] = ["a", "b", "c"].map((key) => lanes.enter(effect(key, "x"))) as [Effect, Effect, Effect];
  assert.deepEqual([lanes.mayBegin(c), lanes.mayBegin(a)], [false, true]);
  assert.equal(lanes.leave(a), undefined);
  assert.deepEqual([lanes.mayBegin(b), lanes.leave(b)?.key], [true, "c"]);
});

test("what was stored keeps its order, and what comes later is behind it", () => {
  const lanes = new EffectOrders();
  assert.equal(lanes.enter(effect("a", "x", 41)).order, 41);
  assert.equal(lanes.enter(effect("b", "x")).order, 42);
});

test("there is no room while a thousand wait for others", () => {
  const lanes = new EffectOrders();
  const all = Array.from({ length: 1_001 }, (_, n) => lanes.enter(effect(`${n}`, "x")));
  for (const one of all) lanes.mayBegin(one);
  assert.equal(lanes.hasRoom, false);
  lanes.leave(all[0] as Effect);
  assert.equal(lanes.hasRoom, true);
});

test("one that asks again and again while it waits counts once", () => {
  const lanes = new EffectOrders();
  const [first, second] = ["a", "b"].map((key) => lanes.enter(effect(key, "x"))) as [Effect, Effect];
  for (let n = 0; n < 1_000; n++) assert.equal(lanes.mayBegin(second), false);
  assert.equal(lanes.hasRoom, true);
  assert.equal(lanes.leave(first), second);
  assert.equal(lanes.leave(first), undefined, "it has left already");
  assert.equal(lanes.mayBegin(second), true);
});

/** Effects become ready and done in an order that `picks` says, until all are done. @returns as they began */
function playThrough(lanes: EffectOrders, all: readonly Effect[], picks: readonly number[]): Effect[] {
  const waiting = [...all];
  const running: Effect[] = [];
  const begun: Effect[] = [];
  const begin = (one: Effect | undefined): void => {
    if (!one) return;
    running.push(one);
    begun.push(one);
  };
  for (let n = 0; waiting.length + running.length > 0; n++) {
    const pick = picks[n % picks.length] ?? 0;
    if (waiting.length > 0 && (pick % 2 === 0 || running.length === 0)) {
      const [ready] = waiting.splice(pick % waiting.length, 1) as [Effect];
      begin(lanes.mayBegin(ready) ? ready : undefined);
    } else {
      const [done] = running.splice(pick % running.length, 1) as [Effect];
      begin(lanes.leave(done));
    }
  }
  return begun;
}

test("each lane is begun in its order and to its end, whenever which of them is ready or done", () => {
  const choice = fc.array(fc.tuple(fc.constantFrom("x", "y", "z"), fc.nat()), { minLength: 1, maxLength: 40 });
  const of = (lane: string, effects: readonly Effect[]) => effects.filter((one) => one.lane === lane);
  fc.assert(
    fc.property(choice, (list) => {
      const lanes = new EffectOrders();
      const all = list.map(([lane], n) => lanes.enter(effect(`${n}`, lane)));
      const picks = list.map(([, pick]) => pick);
      const begun = playThrough(lanes, all, picks);
      for (const lane of ["x", "y", "z"]) assert.deepEqual(of(lane, begun), of(lane, all));
    }),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ComparedFiring,
  createFiringComparer,
  type FiringComparer,
} from "../../../src/events/trial/compare-firings.ts";

/** `c:deploy a,b`: the candidate fires deploy for events a and b. `r1:`: engine 1 recorded it. */
function play(comparer: FiringComparer, steps: readonly string[]): FiringComparer {
  for (const step of steps) {
    const [, side = "", trigger = "", ids = ""] = /^(c|r\d):(\w+) (.*)$/.exec(step) ?? [];
    const events = Object.fromEntries(ids.split(",").map((id, index) => [`d${index}`, id]));
    const firing = { trigger, events, storedAt: 0 };
    if (side === "c") comparer.candidate(firing);
    else comparer.recorded({ ...firing, writer: side });
  }
  return comparer;
}

const idsOf = (firings: readonly ComparedFiring[]) =>
  firings.map(({ trigger, events }) => `${trigger} ${Object.values(events)}`);

for (const [name, steps, same, added, removed] of [
  ["nothing on both sides", [], 0, [], []],
  ["the same, the ledger later", ["c:t a", "r1:t a"], 1, [], []],
  ["the same, the ledger sooner", ["r1:t a", "c:t a"], 1, [], []],
  ["another trigger", ["c:t a", "r1:u a"], 0, ["t a"], ["u a"]],
  ["a join, whatever its dependencies are called", ["c:t a,b", "r1:t b,a"], 1, [], []],
  ["one event twice on both sides", ["c:t a", "c:t a", "r1:t a", "r1:t a"], 2, [], []],
  ["one event twice, recorded once", ["c:t a", "c:t a", "r1:t a"], 1, ["t a"], []],
  ["written again by the next engine after a crash", ["c:t a", "r1:t a", "r2:t a"], 1, [], []],
  ["written again before the candidate came to it", ["r1:t a", "r2:t a", "c:t a"], 1, [], []],
] as const) {
  test(`firings are compared: ${name}`, () => {
    const result = play(createFiringComparer(), steps).finish();
    assert.deepEqual([result.same, idsOf(result.added.first), idsOf(result.removed.first)], [same, added, removed]);
    assert.ok(result.isExact);
  });
}

test("more differences than are kept are counted, and said not to be exact", () => {
  const comparer = createFiringComparer({ maxWaiting: 10 });
  play(
    comparer,
    Array.from({ length: 5_000 }, (_, n) => `c:t e${n}`),
  );
  const { added, isExact } = comparer.finish();
  assert.deepEqual([added.count, added.first.length, isExact], [5_000, 1_000, false]);
});

test("in any order, what is on one side only is what differs", () => {
  const ids = fc.uniqueArray(fc.nat(50), { maxLength: 30 });
  fc.assert(
    fc.property(ids, ids, fc.infiniteStream(fc.boolean()), (ours, theirs, coins) => {
      const [left, right] = [ours.map((id) => `c:t ${id}`), theirs.map((id) => `r1:t ${id}`)];
      const steps: string[] = [];
      for (const coin of coins) {
        if (left.length + right.length === 0) break;
        const next = (coin ? left : right).shift() ?? (coin ? right : left).shift();
        if (next !== undefined) steps.push(next);
      }
      const { same, added, removed } = play(createFiringComparer(), steps).finish();
      const both = ours.filter((id) => theirs.includes(id)).length;
      assert.deepEqual([same, added.count, removed.count], [both, ours.length - both, theirs.length - both]);
    }),
  );
});

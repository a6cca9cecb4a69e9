import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countOrPercent,
  planRollout,
  type RolloutRules,
  type RolloutSet,
} from "../../../src/local/simulation/rollout.ts";

const rules = (replicas: number, maxSurge: number, maxUnavailable: number): RolloutRules => ({
  replicas,
  strategy: "RollingUpdate",
  maxSurge,
  maxUnavailable,
});
const set = (name: string, wanted: number, available = wanted, replicas = wanted): RolloutSet => ({
  name,
  wanted,
  replicas,
  available,
});

interface Case {
  readonly name: string;
  readonly rules: RolloutRules;
  readonly current: RolloutSet;
  readonly old: readonly RolloutSet[];
  readonly steps: Readonly<Record<string, number>>;
}

const cases: readonly Case[] = [
  { name: "a first set gets all", rules: rules(3, 1, 0), current: set("new", 0), old: [], steps: { new: 3 } },
  { name: "nothing to do", rules: rules(3, 1, 0), current: set("new", 3), old: [set("old", 0)], steps: {} },
  { name: "scales up alone", rules: rules(5, 1, 1), current: set("new", 3), old: [], steps: { new: 5 } },
  { name: "scales down alone", rules: rules(1, 1, 1), current: set("new", 3), old: [], steps: { new: 1 } },
  {
    name: "a surge first when none may be missing",
    rules: rules(3, 1, 0),
    current: set("new", 0),
    old: [set("old", 3)],
    steps: { new: 1 },
  },
  {
    name: "waits until the surge is available",
    rules: rules(3, 1, 0),
    current: set("new", 1, 0),
    old: [set("old", 3)],
    steps: {},
  },
  {
    name: "then an old one goes",
    rules: rules(3, 1, 0),
    current: set("new", 1),
    old: [set("old", 3)],
    steps: { old: 2 },
  },
  {
    name: "as many old ones as may be missing go at once",
    rules: rules(4, 1, 2),
    current: set("new", 0),
    old: [set("old", 4)],
    steps: { new: 1, old: 2 },
  },
  {
    name: "old ones that are not available go first",
    rules: rules(3, 1, 1),
    current: set("new", 1, 0),
    old: [set("bad", 1, 0), set("old", 2)],
    steps: { bad: 0 },
  },
  {
    name: "recreating ends the old ones",
    rules: { ...rules(2, 0, 0), strategy: "Recreate" },
    current: set("new", 0),
    old: [set("old", 2)],
    steps: { old: 0 },
  },
  {
    name: "and waits until they are gone",
    rules: { ...rules(2, 0, 0), strategy: "Recreate" },
    current: set("new", 0),
    old: [set("old", 0, 0, 1)],
    steps: {},
  },
  {
    name: "before the new ones start",
    rules: { ...rules(2, 0, 0), strategy: "Recreate" },
    current: set("new", 0),
    old: [set("old", 0)],
    steps: { new: 2 },
  },
];

for (const { name, rules: given, current, old, steps } of cases) {
  test(`rollout: ${name}`, () => {
    assert.deepEqual(Object.fromEntries(planRollout(given, current, old)), steps);
  });
}

test("every rollout ends, and never has too few or too many", () => {
  for (const given of [rules(1, 1, 0), rules(3, 1, 0), rules(10, 3, 2), rules(7, 0, 1), rules(4, 4, 4)]) {
    let counts = { new: 0, old: given.replicas };
    let steps = 0;
    for (;;) {
      const plan = planRollout(given, set("new", counts.new), [set("old", counts.old)]);
      if (plan.size === 0) break;
      counts = { ...counts, ...Object.fromEntries(plan) };
      assert.ok(counts.new + counts.old <= given.replicas + given.maxSurge);
      assert.ok(Math.min(counts.new, given.replicas) + counts.old >= given.replicas - given.maxUnavailable);
      assert.ok(++steps < 50);
    }
    assert.deepEqual(counts, { new: given.replicas, old: 0 });
  }
});

for (const [value, replicas, up, down] of [
  ["25%", 3, 1, 0],
  ["25%", 10, 3, 2],
  ["100%", 4, 4, 4],
  [2, 10, 2, 2],
  [undefined, 3, 0, 0],
] as const) {
  test(`${value} of ${replicas} is ${up} more and ${down} missing`, () => {
    assert.equal(countOrPercent(value, replicas, "up"), up);
    assert.equal(countOrPercent(value, replicas, "down"), down);
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../../../src/events/sensor/effect.ts";
import { isOf, pendingOf } from "../../../src/events/sensor/pending-effects.ts";
import { trigger } from "./builders.ts";
import { effect, open } from "./queue-rig.ts";

const [a, b] = [effect("a"), effect("b", { failed: 2, dueAt: 5_000, attempts: [{ at: 0, error: "no" }] })];

const cases: readonly [string, Effect, Parameters<typeof pendingOf>[1], unknown][] = [
  ["under way", a, place({}), { kind: "attempt" }],
  ["behind one of its key", a, place({ isBlocked: true }), { kind: "order" }],
  ["to be tried again", b, place({}), { kind: "retry", at: 5_000, error: "no" }],
  ["to be tried again, and due", b, place({ now: 5_000 }), { kind: "attempt" }],
  ["no room", b, place({ now: 5_000, waiting: [a, b] }), { kind: "slot", ahead: 1 }],
  [
    "limited",
    b,
    place({ now: 5_000, waiting: [a, b], intervalMs: 60 }),
    { kind: "rateLimit", ahead: 1, intervalMs: 60 },
  ],
];

function place(given: { isBlocked?: boolean; now?: number; waiting?: Effect[]; intervalMs?: number }) {
  const { isBlocked = false, now = 0, waiting = [], intervalMs } = given;
  return { lane: { waiting, intervalMs }, isBlocked, now };
}

for (const [name, of, where, waitsFor] of cases) {
  test(`what an effect waits for: ${name}`, () => {
    assert.deepEqual(pendingOf(of, where), { trigger: "t", attempt: of.failed + 1, waitsFor });
  });
}

test("an effect is of each of its events, also of those that a batch holds", () => {
  const event = (id: string) => ({ event: {}, head: { id } }) as never as Effect["events"][string];
  const batched = effect("k", { events: { d: event("3") }, batch: [{ dependency: "d", ...event("1") }] });
  assert.deepEqual(
    ["1", "2", "3"].map((id) => isOf(batched, id)),
    [true, false, true],
  );
});

test("who waits for a rate limit is told with how many come before, and its record says how long it waited", async () => {
  const turns: (() => void)[] = [];
  const limited = { ...trigger("t", "a", { log: {} }), rateLimit: { unit: "Minute", requestsPerUnit: 1 } } as const;
  const { clock, queue, seen } = open({
    triggers: [limited],
    limitOf: () => ({ take: () => new Promise((resolve) => turns.push(resolve)) }),
  });
  const of = (id: string) => ({ a: { event: {}, head: { id } } }) as never as Effect["events"];
  queue.add(effect("k1", { events: of("1") }), 1, false);
  queue.add(effect("k2", { events: of("2") }), 2, false);
  const waits = (ahead: number) => [
    { trigger: "t", attempt: 1, waitsFor: { kind: "rateLimit", ahead, intervalMs: 60_000 } },
  ];
  assert.deepEqual([queue.pending("1"), queue.pending("2"), queue.pending("3")], [waits(0), waits(1), []]);
  await clock.advance(4_000);
  turns.shift()?.();
  await clock.advance(60_000);
  turns.shift()?.();
  await clock.advance(0);
  assert.deepEqual(seen.limitedMs, [4_000, 64_000]);
  assert.deepEqual(queue.pending("2"), [], "it has its outcome");
});

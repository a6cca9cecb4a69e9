import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { createDeadLetters } from "../../../src/events/sensor/dead-letters.ts";
import type { DeadEffect } from "../../../src/events/sensor/effect.ts";
import { type Effect, openErrorOf, withFailure } from "../../../src/events/sensor/effect.ts";
import { createMemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { received } from "./builders.ts";

const sensor = { namespace: "ns", name: "s", uid: "uid", revision: "r" };
const event = received("e1", "a");

function deadEffect(trigger = "t", events: Effect["events"] = { a: event }): DeadEffect {
  const effect = { key: `uid/${trigger}/e1`, trigger, events, decision: "w-1.0", failed: 0, attempts: [], dueAt: 0 };
  return { kind: "effect", effect: withFailure(effect, { at: 1, error: "no" }, 0), error: "no" };
}

function deadDecision(dependency: string): DeadEffect {
  const decision = { kind: "error", dependency, message: "broken", event } as const;
  return { kind: "decision", key: openErrorOf("uid", decision).key, decision };
}

function open() {
  const bus = createMemoryBus();
  const putDead = createDeadLetters(bus, sensor, createVirtualClock());
  const letters = () => bus.stored("dead").map(({ subject, data }) => ({ subject, letter: JSON.parse(String(data)) }));
  return { bus, putDead, letters };
}

test("a letter holds the event, the attempts and the error, under Sensor and trigger", async () => {
  const { putDead, letters } = open();
  await putDead(deadEffect());
  const { subject, letter } = letters()[0]!;
  assert.equal(subject, "dead.ns.s.t");
  assert.deepEqual(
    { ...letter, at: 0 },
    {
      v: 1,
      at: 0,
      sensor,
      trigger: "t",
      key: "uid/t/e1",
      decision: "w-1.0",
      error: "no",
      attempts: [{ at: 1, error: "no" }],
      failed: 1,
      events: { a: event },
    },
  );
});

test("the same effect is stored once; a dependency's error beside a trigger of its name is another", async () => {
  const { putDead, letters } = open();
  for (const dead of [deadEffect("a"), deadEffect("a"), deadDecision("a"), deadDecision("a")]) await putDead(dead);
  assert.deepEqual(
    letters().map(({ subject }) => subject),
    ["dead.ns.s.a", "dead.ns.s.dependency=20a"],
  );
});

test("what fails again after a redrive is another letter, though its key is the same", async () => {
  const { putDead, letters } = open();
  const first = deadEffect() as Extract<DeadEffect, { kind: "effect" }>;
  const again: DeadEffect = { ...first, effect: { ...first.effect, redrive: "1" } };
  for (const dead of [first, again, again]) await putDead(dead);
  assert.deepEqual(
    letters().map(({ letter }) => [letter.key, letter.redrive]),
    [
      ["uid/t/e1", undefined],
      ["uid/t/e1", "1"],
    ],
  );
});

test("what is too large for the bus is stored without its events, but with where they are", async () => {
  const { bus, putDead, letters } = open();
  bus.failure = new EngineError("BUS_MESSAGE_TOO_LARGE", "too large");
  const publish = putDead(deadEffect());
  await new Promise((resolve) => setImmediate(resolve));
  bus.failure = undefined;
  await publish;
  assert.deepEqual(letters()[0]?.letter.events, { a: { head: event.head } });
});

test("errors that quote whole answers are cut", async () => {
  const { putDead, letters } = open();
  await putDead({ ...deadEffect(), error: "x".repeat(5_000_000) } as DeadEffect);
  assert.equal(letters()[0]?.letter.error.length, 2_001);
});

test("a letter of a batch holds all of its events; when they are too large, where they are", async () => {
  const { bus, putDead, letters } = open();
  const batch = [event, received("e0", "a")].map((one) => ({ dependency: "a", ...one }));
  const dead = deadEffect();
  assert.equal(dead.kind, "effect");
  if (dead.kind !== "effect") return;
  await putDead({ ...dead, effect: { ...dead.effect, batch } });
  assert.deepEqual(letters()[0]?.letter.batch, batch);
  bus.failure = new EngineError("BUS_MESSAGE_TOO_LARGE", "too large");
  const publish = putDead({ ...dead, effect: { ...dead.effect, key: "other", batch } });
  await new Promise((resolve) => setImmediate(resolve));
  bus.failure = undefined;
  await publish;
  assert.deepEqual(
    letters()[1]?.letter.batch,
    batch.map(({ dependency, head }) => ({ dependency, head })),
  );
});

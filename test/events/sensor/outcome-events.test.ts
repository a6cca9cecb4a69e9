import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import type { Effect } from "../../../src/events/sensor/effect.ts";
import { announcing, type OutcomeName } from "../../../src/events/sensor/outcome-events.ts";
import type { EmittedEvent } from "../../../src/events/triggers/trigger.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const sensor = { namespace: "team", name: "deploy", uid: "u", revision: "r" };
const head = {
  id: "e1",
  namespace: "team",
  eventSource: "webhook",
  event: "push",
  type: "webhook",
  time: "2026-01-01T00:00:00Z",
  bus: "system",
  sequence: 1,
  storedAt: 0,
};

function effect(extensions: Record<string, number | string> = {}): Effect {
  const event = {
    id: "e1",
    source: "webhook",
    type: "webhook",
    subject: "push",
    time: head.time,
    datacontenttype: "application/json",
    data: {},
    extensions,
  };
  const events = { push: { event, head } };
  return { key: "u/go/e1", trigger: "go", events, decision: "d-1.0", failed: 1, attempts: [], dueAt: 0 };
}

function rig(heard: readonly OutcomeName[], failures = 0) {
  const told: EmittedEvent[] = [];
  const done: string[] = [];
  let left = failures;
  const acting = announcing(
    sensor,
    {
      execute: async () => {
        done.push("executed");
        return { message: "did it", objects: [{ apiVersion: "v1", kind: "Pod", namespace: "team", name: "p" }] };
      },
      putDead: async () => void done.push("dead"),
    },
    {
      isHeard: (event) => heard.includes(event),
      async announce(event) {
        left -= 1;
        if (left >= 0) throw new Error("the bus is away");
        told.push(event);
        done.push("told");
      },
    },
    { clock: createVirtualClock(), log: silentLogger },
  );
  return { told, done, acting };
}

const signal = new AbortController().signal;
const names = { sensor: { namespace: "team", name: "deploy" }, trigger: "go" };
const events = { push: { id: "e1", eventSource: "webhook", event: "push", type: "webhook", time: head.time } };

test("an outcome goes on in the trace that its events came with", async () => {
  const { acting, told } = rig(["trigger-succeeded"]);
  await acting.execute(effect({ traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" }), signal);
  assert.match(told[0]?.trace?.traceparent ?? "", /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)/);
});

test("success is told after the effect, with what was done, its cause, and an id that follows from the key", async () => {
  const { acting, told, done } = rig(["trigger-succeeded"]);
  await acting.execute(effect({ hop: 2 }), signal);
  await acting.execute(effect({ hop: 2 }), signal);
  assert.deepEqual(done, ["executed", "told", "executed", "told"]);
  assert.equal(told[0]?.id, told[1]?.id);
  assert.deepEqual(
    { ...told[0], id: "" },
    {
      id: "",
      eventSource: "tiphys",
      event: "trigger-succeeded",
      type: "tiphys.trigger-succeeded",
      data: { ...names, key: "u/go/e1", attempt: 2, events, message: "did it", objects: ["v1/Pod/team/p"] },
      causes: ["d-1.0", "e1"],
      hop: 3,
    },
  );
});

test("failure for good is told before it is put on dead", async () => {
  const { acting, told, done } = rig(["trigger-failed"]);
  await acting.putDead({ kind: "effect", effect: effect(), error: "no answer" });
  assert.deepEqual(done, ["told", "dead"]);
  assert.deepEqual(told[0]?.data, { ...names, key: "u/go/e1", attempt: 1, events, message: "no answer" });
});

test("an expiry is told with the events that were let go", async () => {
  const { acting, told } = rig(["sensor-expired"]);
  const record = { kind: "decision", at: 5, causes: ["e1"], sensor, trigger: "go", verdict: "expired" } as const;
  const entry = { key: "record/1", record: { ...record, reason: "waited for b", events: { push: head } } };
  await acting.expired(entry, signal);
  await acting.expired({ ...entry, hops: 16 }, signal);
  assert.equal(told.length, 1);
  assert.deepEqual(told[0]?.data, { ...names, reason: "waited for b", events });
  assert.deepEqual(told[0]?.causes, ["e1"]);
});

test("nothing is told that nobody hears", async () => {
  const { acting, told, done } = rig([]);
  await acting.execute(effect(), signal);
  await acting.putDead({ kind: "effect", effect: effect(), error: "x" });
  assert.deepEqual([told, done], [[], ["executed", "dead"]]);
});

test("a chain is cut at 16 events of ours", async () => {
  const { acting, told, done } = rig(["trigger-succeeded", "trigger-failed"]);
  await acting.execute(effect({ hop: 16 }), signal);
  await acting.putDead({ kind: "effect", effect: effect({ hop: 16 }), error: "x" });
  assert.deepEqual([told, done], [[], ["executed", "dead"]]);
});

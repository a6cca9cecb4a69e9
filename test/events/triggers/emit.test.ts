import assert from "node:assert/strict";
import { test } from "node:test";
import { emitTrigger } from "../../../src/events/triggers/emit.ts";
import type { EmittedEvent, Firing } from "../../../src/events/triggers/trigger.ts";
import { event, firing, never, triggerContext } from "./trigger-context.ts";

async function plan(spec: object, parts: Partial<Firing> = {}): Promise<EmittedEvent> {
  const parsed = emitTrigger.schema.parse({ eventSourceName: "orders", eventName: "paid", ...spec }, "emit");
  return emitTrigger.plan(parsed, firing(parts), triggerContext(), never);
}

test("an event's id follows from the firing; it names its cause and counts the way", async () => {
  const payload = [{ src: { dependencyName: "dep", value: "7" }, dest: "order.id" }];
  const planned = await plan({ payload });
  assert.match(planned.id, /^[0-9a-f]{32}$/);
  assert.deepEqual(
    { ...planned, id: "" },
    { id: "", eventSource: "orders", event: "paid", type: "emit", data: { order: { id: "7" } }, causes: ["1"], hop: 1 },
  );
  assert.equal((await plan({})).id, planned.id);
  assert.notEqual((await plan({}, { key: "other" })).id, planned.id);
});

test("a chain of events of ours is cut at 16", async () => {
  const after = (hop: number) => plan({}, { events: { dep: { ...event, extensions: { hop } } } });
  assert.equal((await after(15)).hop, 16);
  await assert.rejects(after(16), { code: "LOOP_CUT" });
  await assert.rejects(plan({}, { events: { a: event, b: { ...event, extensions: { hop: 99 } } } }), {
    code: "LOOP_CUT",
  });
});

test("nobody else speaks for the engine, not even by a parameter", async () => {
  const parameters = [{ src: { dependencyName: "dep", value: "tiphys" }, dest: "eventSourceName" }];
  await assert.rejects(plan({ parameters }), { code: "MANIFEST_INVALID" });
  const problems = emitTrigger.schema.check({ eventSourceName: "tiphys", eventName: "x" }, "emit");
  assert.equal(problems[0]?.severity, "error");
});

test("the bus keeps it before the trigger succeeds; without one it fails", async () => {
  const kept: EmittedEvent[] = [];
  const planned = await plan({});
  const emit = async (one: EmittedEvent) => void kept.push(one);
  const outcome = await emitTrigger.apply(planned, firing(), triggerContext({ emit }), never);
  assert.deepEqual(kept, [planned]);
  assert.equal(outcome.message, `emitted orders/paid ${planned.id}`);
  await assert.rejects(async () => emitTrigger.apply(planned, firing(), triggerContext(), never), {
    code: "TRIGGER_UNSUPPORTED",
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { logTrigger } from "../../../src/events/triggers/log.ts";
import type { CloudEvent } from "../../../src/record/cloud-event.ts";
import { event, firing, never, triggerContext } from "./trigger-context.ts";

const texts: readonly [string, Partial<CloudEvent>, string][] = [
  ["JSON as its text", {}, '{"body":{"a":1}}'],
  ["plain text as it stands", { data: "hi", datacontenttype: "text/plain" }, "hi"],
  ["a JSON string with its quotes", { data: "hi" }, '"hi"'],
  ["anything else as base64", { data: "hi", datacontenttype: "application/xml" }, "ImhpIg=="],
];

for (const [what, parts, message] of texts) {
  test(`log writes ${what}`, async () => {
    const plan = await logTrigger.plan({}, firing({ events: { d: { ...event, ...parts } } }), triggerContext(), never);
    assert.equal(plan.lines[0]?.message, message);
  });
}

test("log writes one line for each dependency, with the event's context", async () => {
  const context = triggerContext();
  const fired = firing({ events: { b: event, a: { ...event, id: "2" } } });
  const plan = await logTrigger.plan({}, fired, context, never);
  assert.deepEqual(context.lines, []);
  assert.deepEqual(await logTrigger.apply(plan, fired, context, never), { message: "logged 2 events" });
  const eventContext = {
    id: "2",
    source: "es",
    specversion: "1.0",
    type: "webhook",
    datacontenttype: "application/json",
    subject: "push",
    time: "2026-01-01T00:00:00.000Z",
  };
  assert.deepEqual(context.lines, [
    ['{"body":{"a":1}}', { dependencyName: "a", eventContext }],
    ['{"body":{"a":1}}', { dependencyName: "b", eventContext: { ...eventContext, id: "1" } }],
  ]);
});

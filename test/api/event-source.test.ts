import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEventSource } from "../../src/api/event-source.ts";
import { faultOf, logSchema, manifest, urlSchema } from "./builders.ts";

const kinds = { webhook: urlSchema, calendar: logSchema };
const read = (spec: unknown) => parseEventSource(manifest("EventSource", spec), kinds);

test("an EventSource lists its events with their kind's defaults", () => {
  const { resource, warnings } = read({ template: { serviceAccountName: "sa" }, calendar: { a: {}, b: null } });
  assert.deepEqual(resource.events, [
    { kind: "calendar", name: "a", spec: { intervalSeconds: 7 } },
    { kind: "calendar", name: "b", spec: { intervalSeconds: 7 } },
  ]);
  assert.equal(resource.eventBusName, "default");
  assert.deepEqual(resource.template, { serviceAccountName: "sa" });
  assert.deepEqual(warnings, []);
});

test("an EventSource without events is accepted, as the original does", () => {
  assert.deepEqual(read({}).resource.events, []);
  assert.deepEqual(read({ eventBusName: "" }).resource.eventBusName, "default");
});

test("events of a kind without an adapter are kept, with a warning", () => {
  const { resource, warnings } = read({ kafka: { k: { url: "u", odd: 1 } } });
  assert.deepEqual(resource.events, [{ kind: "kafka", name: "k", spec: { url: "u", odd: 1 } }]);
  assert.deepEqual(warnings, [{ severity: "warning", path: "spec.kafka", message: "is not supported yet" }]);
});

for (const [name, spec, message] of [
  ["an event's own schema", { webhook: { w: {} } }, "spec.webhook.w.url: is required"],
  ["an event that is no object", { webhook: { w: 5 } }, "spec.webhook.w: 5 must be an object"],
  ["kinds that are no maps", { webhook: [] }, "spec.webhook: [] must be an object"],
  ["one name in two kinds", { webhook: { a: { url: "u" } }, github: { a: {} } }, 'more than one "a" found in the spec'],
  ["kinds of different ways to run", { webhook: { a: { url: "u" } }, calendar: { b: {} } }, "can not be put together"],
] as const) {
  test(`an EventSource is refused for ${name}`, () => {
    const fault = faultOf(() => read(spec));
    assert.ok(fault?.includes(message), `${message} in ${fault}`);
  });
}

test("unknown fields are warned about, at the top and in an event", () => {
  const { warnings } = read({ type: "webhook", webhook: { w: { url: "u", Payload: 1 } } });
  assert.deepEqual(warnings, [
    { severity: "warning", path: "spec.type", message: "unknown field, it has no effect" },
    {
      severity: "warning",
      path: "spec.webhook.w.Payload",
      message: "unknown field, it has no effect",
      suggestion: "did you mean `payload`?",
    },
  ]);
});

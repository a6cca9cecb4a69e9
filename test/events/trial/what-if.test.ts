import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { emptyState, type ReceivedEvent } from "../../../src/events/sensor/state.ts";
import { createStandingClock, planningContext } from "../../../src/events/trial/context.ts";
import { whatIf } from "../../../src/events/trial/what-if.ts";
import { triggerKinds } from "../../../src/events/triggers/registry.ts";
import { dependency, sensorOf, trigger } from "./builders.ts";

const now = instant(0);
const never = new AbortController().signal;

function received(id: string): ReceivedEvent {
  const time = "1970-01-01T00:00:00.000Z";
  const about = { source: "source", type: "webhook", time };
  const event = { id, subject: "push", datacontenttype: "application/json", data: {}, ...about };
  const head = { id, namespace: "ns", eventSource: "source", event: "push", type: "webhook", time };
  return { event, head: { ...head, bus: "what-if", sequence: Number(id), storedAt: now } };
}

const events = (count: number) => Array.from({ length: count }, (_, index) => received(String(index + 1)));
const deps = { kinds: triggerKinds, context: planningContext(createStandingClock()) };

test("what-if says when it does not show all firings", async () => {
  const compiled = sensorOf([dependency("push")], [trigger("one"), trigger("two")]);
  const state = emptyState;
  const whole = await whatIf(compiled, { events: events(50), state, now }, deps, never);
  assert.deepEqual([whole.firings.length, whole.note], [100, undefined]);
  const cut = await whatIf(compiled, { events: events(51), state, now }, deps, never);
  assert.deepEqual([cut.firings.length, cut.note], [100, "of 102 firings the first 100 are shown"]);
});

test("an error of a plan quotes no Secret that was read for it", async () => {
  const http = {
    url: "http://x",
    secureHeaders: [{ name: "X-Key", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }],
  };
  const compiled = sensorOf([dependency("push")], [trigger("send", { http })]);
  const read = async () => "t0p-secret";
  const kind = triggerKinds.http;
  assert.ok(kind);
  const parse: typeof kind.parse = (spec, path) => {
    const parsed = kind.parse(spec, path);
    return {
      async plan(...given) {
        const planned = await parsed.plan(...given);
        return { ...planned, preview: () => Promise.reject(new Error("denied: t0p-secret")) };
      },
    };
  };
  const context = { ...deps.context, secret: { ...deps.context.secret, read } };
  const kinds = { ...triggerKinds, http: { ...kind, parse } };
  const { firings } = await whatIf(compiled, { events: events(1), state: emptyState, now }, { kinds, context }, never);
  assert.match(firings[0]?.error ?? "", /^denied: sha256:[0-9a-f]{16}$/);
});

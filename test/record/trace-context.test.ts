import assert from "node:assert/strict";
import { test } from "node:test";
import type { CloudEvent } from "../../src/record/cloud-event.ts";
import { traceContextOf, traceUnder } from "../../src/record/trace-context.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";
const good = `00-${trace}-${span}-01`;

for (const [name, traceparent, tracestate, expected] of [
  ["as the standard has it", good, undefined, { traceparent: good }],
  ["with a state", good, "a=1,b=2", { traceparent: good, tracestate: "a=1,b=2" }],
  ["with a state of control characters", good, "a=1\r\nx: y", { traceparent: good }],
  ["with a state that is too long", good, "a".repeat(513), { traceparent: good }],
  [
    "of a later version, with more",
    `01-${trace}-${span}-01-more`,
    undefined,
    { traceparent: `01-${trace}-${span}-01-more` },
  ],
  ["of this version, with more", `${good}-more`, undefined, undefined],
  ["of the version that is none", `ff-${trace}-${span}-01`, undefined, undefined],
  ["in capitals", good.toUpperCase(), undefined, undefined],
  ["without a trace id", `00-${"0".repeat(32)}-${span}-01`, undefined, undefined],
  ["without a span id", `00-${trace}-${"0".repeat(16)}-01`, undefined, undefined],
  ["too short", `00-${trace}-${span}`, undefined, undefined],
  ["no text", 5, undefined, undefined],
] as const) {
  test(`a trace context ${name}`, () => assert.deepEqual(traceContextOf(traceparent, tracestate), expected));
}

const event = (time: string, extensions?: Record<string, string>): CloudEvent => {
  const head = {
    id: time,
    source: "s",
    type: "t",
    subject: "e",
    time,
    datacontenttype: "application/json",
    data: null,
  };
  return extensions === undefined ? head : { ...head, extensions };
};

test("what is done goes on in the trace of the newest event that has one, as a span that a repeat has, too", () => {
  const other = `00-${"a".repeat(32)}-${span}-00`;
  const events = [
    event("2026-01-01T00:00:02Z", { traceparent: good, tracestate: "a=1" }),
    event("2026-01-01T00:00:01Z", { traceparent: other }),
    event("2026-01-01T00:00:03Z"),
  ];
  const under = traceUnder("key", events);
  assert.match(under?.traceparent ?? "", new RegExp(`^00-${trace}-(?!${span})[0-9a-f]{16}-01$`));
  assert.equal(under?.tracestate, "a=1");
  assert.deepEqual(traceUnder("key", events.toReversed()), under);
  assert.notEqual(traceUnder("another", events)?.traceparent, under?.traceparent);
  assert.equal(traceUnder("key", [event("2026-01-01T00:00:03Z", { traceparent: "x" })]), undefined);
});

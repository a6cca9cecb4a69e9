import assert from "node:assert/strict";
import { test } from "node:test";
import { type JsonValue, maxJsonDepth } from "../../src/base/json.ts";
import { type CloudEvent, decodeEvent, encodeEvent } from "../../src/record/cloud-event.ts";

function eventOf(data: JsonValue): CloudEvent {
  const time = "2026-01-01T00:00:00.000Z";
  return { id: "1", source: "es", type: "webhook", subject: "e", time, datacontenttype: "application/json", data };
}

const nested = (depth: number): JsonValue => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);

test("an event's data is written as deep as sources take it, and refused where it is deeper", () => {
  const event = eventOf({ header: {}, body: nested(maxJsonDepth) });
  assert.deepEqual(JSON.stringify(decodeEvent(encodeEvent(event))), JSON.stringify(event));
  for (const depth of [2 * maxJsonDepth, 200_000]) {
    const message = `the event's data is nested deeper than ${maxJsonDepth}`;
    assert.throws(() => encodeEvent(eventOf(nested(depth))), { code: "EVENT_INVALID", message });
  }
});

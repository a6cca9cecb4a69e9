import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonValue } from "../../../src/base/json.ts";
import { bodyValue, eventId } from "../../../src/events/sources/draft.ts";

const bodies: readonly (readonly [what: string, bytes: Buffer, json: JsonValue | undefined])[] = [
  ["of no bytes", Buffer.from(""), undefined],
  ["of bytes that are no UTF-8", Buffer.from('{"a":"\xff"}', "latin1"), { a: "\ufffd" }],
  ["with a byte order mark, as Go has it", Buffer.from("\ufeff{}"), undefined],
  ["with a zero byte in a text", Buffer.from('"\\u0000"'), "\0"],
  ["with half a character, escaped", Buffer.from('"\\ud800"'), "\ud800"],
  ["with the name of a prototype", Buffer.from('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
  ["of a number that no float holds", Buffer.from("9007199254740993"), 9007199254740993n],
];
for (const [what, bytes, json] of bodies) {
  test(`a body ${what} is ${json === undefined ? "no JSON" : "read"}, and as base64 what it is`, () => {
    if (json === undefined) assert.throws(() => bodyValue(bytes, { jsonBody: true }), SyntaxError);
    else assert.deepEqual(bodyValue(bytes, { jsonBody: true }), json);
    assert.equal(bodyValue(bytes, {}), bytes.toString("base64"));
  });
}

test("an id of the upstream is part of the event's, or its digest is where it is long or odd", () => {
  const of = { namespace: "n", eventSource: "es", event: "e" };
  assert.equal(eventId(of, "m-1/2"), "n/es/e@m-1/2");
  const odd = ["", "a b", "ä", "a\n", "x".repeat(201), "\ud800"].map((id) => eventId(of, id));
  for (const id of odd) assert.match(id, /^n\/es\/e@[0-9a-f]{64}$/);
  assert.equal(new Set(odd).size, odd.length);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { timestampOf } from "../../../src/events/sources/amqp.ts";

// Every row was compared with Go's time.Unix(int64(seconds), 0).UTC().String(); seconds are 64 bits without a sign.
const rows: readonly (readonly [what: string, seconds: number | undefined, expected: string])[] = [
  ["none", undefined, "0001-01-01 00:00:00 +0000 UTC"],
  ["1970", 0, "1970-01-01 00:00:00 +0000 UTC"],
  ["seconds", 1_767_225_600, "2026-01-01 00:00:00 +0000 UTC"],
  ["milliseconds by mistake", 1_767_225_600_123, "57971-02-25 00:02:03 +0000 UTC"],
  ["microseconds", 1_767_225_600_123_456, "56003119-12-05 10:17:36 +0000 UTC"],
  ["a second before 1970", 2 ** 64 - 2 ** 12, "1969-12-31 22:51:44 +0000 UTC"],
];

for (const [what, seconds, expected] of rows) {
  test(`the timestamp of a message is written as Go writes it: ${what}`, () => {
    assert.equal(timestampOf(seconds), expected);
  });
}

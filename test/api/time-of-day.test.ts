import assert from "node:assert/strict";
import { test } from "node:test";
import { secondOfDay } from "../../src/api/time-of-day.ts";

// As Go's time.Parse reads the layout 15:04:05.
for (const [text, seconds] of [
  ["00:00:00", 0],
  ["9:05:03", 32_703],
  ["23:59:59", 86_399],
  ["09:00:00.5", 32_400.5],
  ["09:00:00,25", 32_400.25],
  ["24:00:00", undefined],
  ["9:5:3", undefined],
  ["09:00", undefined],
  ["09:00:60", undefined],
  [" 09:00:00", undefined],
  ["09:00:00.", undefined],
  ["", undefined],
] as const) {
  test(`the time ${JSON.stringify(text)} is ${seconds}`, () => assert.equal(secondOfDay(text), seconds));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { kitchenTime, readTime, timeText } from "../../../src/gitops/reconcile/timestamps.ts";

for (const [hour, minute, text] of [
  [0, 5, "12:05AM"],
  [9, 30, "9:30AM"],
  [12, 0, "12:00PM"],
  [23, 59, "11:59PM"],
] as const) {
  test(`a clock shows ${text}`, () => assert.equal(kitchenTime(instant(Date.UTC(2026, 0, 1, hour, minute, 59))), text));
}

for (const [name, text, expected] of [
  ["whole seconds", "2026-11-29T12:00:00Z", Date.UTC(2026, 10, 29, 12)],
  ["parts of seconds in another zone", "2026-11-29T13:00:00.5+01:00", Date.UTC(2026, 10, 29, 12, 0, 0, 500)],
  ["no time", "soon", undefined],
  ["nothing", undefined, undefined],
  ["another type", 5, undefined],
] as const) {
  test(`a time is read from ${name}`, () => assert.equal(readTime(text), expected));
}

test("a time is written with whole seconds", () => {
  assert.equal(timeText(instant(Date.UTC(2026, 10, 29, 12, 0, 0, 999))), "2026-11-29T12:00:00Z");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatGoTime } from "../../../src/base/go/time-format.ts";

const time = {
  seconds: Date.UTC(2023, 7, 4, 13, 5, 9) / 1_000,
  nanoseconds: 120_000_000,
  zone: { name: "CEST", offsetSeconds: 7_200 },
};

for (const [layout, text] of [
  ["2006-01-02T15:04:05Z07:00", "2023-08-04T15:05:09+02:00"],
  ["Monday, January 2 06, 3:4:5 PM", "Friday, August 4 23, 3:5:9 PM"],
  ["Mon Jan _2 03:04:05pm MST", "Fri Aug  4 03:05:09pm CEST"],
  ["05.000 05.999 05,0", "09.120 09.12 09.1"],
  ["002 __2", "216 216"],
  ["-07 -0700 -07:00:00 Z070000", "+02 +0200 +02:00:00 +020000"],
  ["Janet Money _2006 x", "Janet Money _2023 x"],
] as const) {
  test(`Go writes a time as ${layout}`, () => assert.equal(formatGoTime(layout, time), text));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { goTimeString } from "../../../src/base/go/time.ts";
import { findTimeZone } from "../../../src/base/time-zone.ts";

// Every row was compared with Go's time.Time.String().
const times: readonly [string, string, string][] = [
  ["UTC", "2026-01-01T00:00:00.000Z", "2026-01-01 00:00:00 +0000 UTC"],
  ["UTC", "2026-01-01T00:00:00.120Z", "2026-01-01 00:00:00.12 +0000 UTC"],
  ["UTC", "2026-01-01T00:00:00.005Z", "2026-01-01 00:00:00.005 +0000 UTC"],
  ["America/New_York", "2026-01-01T12:00:00.000Z", "2026-01-01 07:00:00 -0500 EST"],
  ["America/New_York", "2026-07-01T12:00:00.000Z", "2026-07-01 08:00:00 -0400 EDT"],
  ["Europe/Berlin", "2026-07-01T12:00:00.000Z", "2026-07-01 14:00:00 +0200 CEST"],
  ["Asia/Kolkata", "2026-07-01T12:00:00.000Z", "2026-07-01 17:30:00 +0530 IST"],
  ["Asia/Tokyo", "2026-07-01T12:00:00.000Z", "2026-07-01 21:00:00 +0900 JST"],
  ["America/Sao_Paulo", "2026-07-01T12:00:00.000Z", "2026-07-01 09:00:00 -0300 -03"],
  ["Asia/Kathmandu", "2026-07-01T12:00:00.000Z", "2026-07-01 17:45:00 +0545 +0545"],
];

for (const [zone, at, expected] of times) {
  test(`a time in ${zone} reads ${expected}`, () => {
    assert.equal(goTimeString(instant(Date.parse(at)), findTimeZone(zone, "p")), expected);
  });
}

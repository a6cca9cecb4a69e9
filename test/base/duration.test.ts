import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, parseDuration } from "../../src/base/duration.ts";
import { TerminalError } from "../../src/base/errors.ts";

for (const [text, ms] of [
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["10ms", 10],
  ["250us", 0.25],
  ["1µs", 0.001],
  ["0", 0],
  ["-2s", -2_000],
  ["+2s", 2_000],
  [".5s", 500],
  ["1.s", 1_000],
  ["168h", 604_800_000],
] as const) {
  test(`duration ${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms));
}

for (const text of ["", "10", "s", "1d", "1 s", "1h-2m", "1,5s"]) {
  test(`duration ${JSON.stringify(text)} is refused with its text`, () => {
    assert.throws(
      () => parseDuration(text),
      (error) => error instanceof TerminalError && error.message.includes(JSON.stringify(text)),
    );
  });
}

for (const [ms, text] of [
  [0, "0s"],
  [1, "1ms"],
  [0.25, "250µs"],
  [0.000_001, "1ns"],
  [1_500, "1.5s"],
  [90_000, "1m30s"],
  [3_600_000, "1h0m0s"],
  [-5_400_000, "-1h30m0s"],
] as const) {
  test(`duration of ${ms} ms prints as ${text}`, () => {
    assert.equal(formatDuration(ms), text);
    assert.equal(parseDuration(text), ms);
  });
}

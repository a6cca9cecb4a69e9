import assert from "node:assert/strict";
import { test } from "node:test";
import { checkStartAt, startAtOf } from "../../src/api/start-at.ts";

for (const [text, expected] of [
  ["earliest", "earliest"],
  ["latest", "latest"],
  ["2026-11-25T18:33:07Z", Date.UTC(2026, 10, 25, 18, 33, 7)],
  ["2026-11-25T18:33:07.5+02:00", Date.UTC(2026, 10, 25, 16, 33, 7, 500)],
  ["2026-13-25T18:33:07Z", undefined],
  ["2026-11-25", undefined],
  ["yesterday", undefined],
  ["", undefined],
] as const) {
  test(`startAt ${JSON.stringify(text)} is ${expected}`, () => {
    assert.equal(startAtOf(text), expected);
    const problems = checkStartAt(text).map(({ severity, message }) => `${severity}: ${message}`);
    const refusal = `error: ${JSON.stringify(text)} must be earliest, latest or a time such as 2026-11-25T18:33:07Z`;
    assert.deepEqual(problems, expected === undefined ? [refusal] : []);
  });
}

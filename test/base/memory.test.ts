import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { getHeapSpaceStatistics } from "node:v8";
import { boundHeap } from "../../src/base/memory.ts";

const mebibyte = 1024 * 1024;

test("keeps the young generation at two halves of 16 MiB, however much survives", async () => {
  using _bound = boundHeap();
  let largest = 0;
  let kept: unknown[] = [];
  for (let round = 0; round < 400; round++) {
    for (let n = 0; n < 10_000; n++) kept.push({ round, n });
    if (round % 20 === 19) kept = [];
    await nextTurn(); // the observer of collections is called between turns
    largest = Math.max(largest, youngGeneration());
  }
  assert.ok(largest > 8 * mebibyte, `it never grew: ${largest}`);
  assert.ok(largest <= 32 * mebibyte, `${largest / mebibyte} MiB`);
});

function youngGeneration(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.physical_space_size ?? 0;
}

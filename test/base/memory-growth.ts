import { setImmediate as nextTurn } from "node:timers/promises";
import { getHeapSpaceStatistics } from "node:v8";
import { boundHeap } from "../../src/base/memory.ts";

// Prints how large its young generation became, in bytes: with the argument `bound` the heap is bounded.

using _bound = process.argv[2] === "bound" ? boundHeap() : undefined;
let largest = 0;
let kept: unknown[] = [];
for (let round = 0; round < 400; round++) {
  for (let n = 0; n < 10_000; n++) kept.push({ round, n });
  if (round % 20 === 19) kept = [];
  await nextTurn(); // the observer of collections is called between turns
  largest = Math.max(largest, youngGeneration());
}
process.stdout.write(String(largest));

function youngGeneration(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.physical_space_size ?? 0;
}

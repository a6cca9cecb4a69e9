import { setImmediate as nextTurn } from "node:timers/promises";
import { runInThisContext } from "node:vm";
import { deferOptimizing } from "../../src/base/memory.ts";

// With --allow-natives-syntax: prints whether V8 optimizes what runs much, while that is deferred, and after it.

const statusOf = runInThisContext("(run) => %GetOptimizationStatus(run)") as (run: () => number) => number;
/** Of V8's OptimizationStatus: the code of either optimizing compiler. */
const optimized = (1 << 4) | (1 << 5) | (1 << 6);

function sum(): number {
  let total = 0;
  for (let n = 0; n < 2_000; n++) total = (total + n * 3) % 1_000_003;
  return total;
}

async function isOptimized(): Promise<boolean> {
  for (let round = 0; round < 400; round++) {
    for (let n = 0; n < 10; n++) sum();
    await nextTurn(); // what another thread made is taken up between turns
    if ((statusOf(sum) & optimized) !== 0) return true;
  }
  return false;
}

const starts = [deferOptimizing(), deferOptimizing()];
const found: boolean[] = [];
for (const start of starts) {
  found.push(await isOptimized());
  start[Symbol.dispose]();
}
found.push(await isOptimized());
process.stdout.write(JSON.stringify(found));

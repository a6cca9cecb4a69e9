import { getHeapStatistics } from "node:v8";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { releaseWorkerGarbage } from "../../src/base/memory.ts";

// Prints of each of several threads that collect at the same time whether its garbage went.

const threads = 4;

function isCollected(): boolean {
  let garbage: unknown[] | undefined = Array.from({ length: 200_000 }, (_, n) => ({ n }));
  const before = getHeapStatistics().used_heap_size;
  garbage = garbage.length === 0 ? garbage : undefined;
  releaseWorkerGarbage();
  return getHeapStatistics().used_heap_size < before - 4 * 1024 * 1024 && garbage === undefined;
}

if (isMainThread) {
  const found = Array.from({ length: threads }, async () => {
    const worker = new Worker(new URL(import.meta.url));
    return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  });
  process.stdout.write(JSON.stringify(await Promise.all(found)));
} else parentPort?.postMessage(isCollected());

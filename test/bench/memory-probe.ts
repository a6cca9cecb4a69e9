import { appendFileSync } from "node:fs";
import { getHeapSpaceStatistics, getHeapStatistics, writeHeapSnapshot } from "node:v8";
import { threadId } from "node:worker_threads";

// NODE_OPTIONS="--import <this file>" MEMORY_PROBE=FILE: every thread of a process writes what its memory is made of,
// a line of JSON each quarter of a second. SIGUSR2 writes the main thread's heap beside FILE.

const file = process.env.MEMORY_PROBE ?? "memory.jsonl";
const mebibyte = 1024 * 1024;
const began = Date.now();

function line(): string {
  const { rss, external, arrayBuffers } = process.memoryUsage();
  const { malloced_memory, total_heap_size, used_heap_size, number_of_native_contexts } = getHeapStatistics();
  const spaces = Object.fromEntries(
    getHeapSpaceStatistics().map((one) => [
      one.space_name.replace("_space", ""),
      [mib(one.space_used_size), mib(one.physical_space_size)],
    ]),
  );
  return JSON.stringify({
    s: (Date.now() - began) / 1_000,
    pid: process.pid,
    threadId,
    rss: mib(rss),
    external: mib(external),
    arrayBuffers: mib(arrayBuffers),
    malloced: mib(malloced_memory),
    heap: [mib(used_heap_size), mib(total_heap_size)],
    contexts: number_of_native_contexts,
    spaces,
    cpu: Math.round(process.cpuUsage().user / 1_000),
  });
}

function mib(bytes: number): number {
  return Math.round(bytes / mebibyte);
}

setInterval(() => appendFileSync(file, `${line()}\n`), 250).unref();
if (threadId === 0) process.on("SIGUSR2", () => writeHeapSnapshot(`${file}.${Date.now()}.heapsnapshot`));

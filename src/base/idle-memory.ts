import { getHeapStatistics } from "node:v8";
import { type Clock, sleepFor } from "./clock.ts";
import { releaseGarbage } from "./memory.ts";

export interface IdleMemoryDeps {
  readonly clock: Clock;
  /** Of all threads, since the start. */
  readonly cpuMs?: () => number;
  readonly heapBytes?: () => number;
  readonly release?: () => void;
}

const lookMs = 30_000;
/** Busier than that, a pause would be felt. */
const idleShare = 0.05;
const worthBytes = 32 * 1024 * 1024;

/**
 * Gives memory back until `signal` aborts: once when little happens after the heap grew. V8 does so for pages that are
 * free as a whole only, and not while timers keep the program from being idle. The pause is 0.1 to 0.3 s.
 */
export async function releaseWhenIdle(deps: IdleMemoryDeps, signal: AbortSignal): Promise<void> {
  const { clock, cpuMs = usedCpuMs, heapBytes = committedBytes, release = releaseGarbage } = deps;
  let kept = heapBytes();
  while (!signal.aborted) {
    const before = cpuMs();
    await sleepFor(clock, lookMs, signal).catch(() => undefined);
    const isIdle = cpuMs() - before < lookMs * idleShare;
    if (signal.aborted || !isIdle || heapBytes() < kept + worthBytes) continue;
    release();
    kept = heapBytes();
  }
}

function usedCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function committedBytes(): number {
  return getHeapStatistics().total_heap_size;
}

import { getHeapStatistics } from "node:v8";
import { type Clock, sleepFor } from "./clock.ts";
import { releaseGarbage, releaseWorkerGarbage } from "./memory.ts";

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

/** So many ticks long nothing is asked of a worker that gives memory back. */
const quietTicks = 3;
const worthInWorkerBytes = 4 * 1024 * 1024;

/**
 * Gives a worker's memory back when nothing was asked of it for three ticks (of its own timer): after its start, and each
 * time that its heap has grown since.
 */
export class QuietRelease {
  readonly #heapBytes: () => number;
  readonly #release: () => void;
  #quiet = 0;
  #kept = 0;

  constructor({ heapBytes = committedBytes, release = releaseWorkerGarbage }: Omit<IdleMemoryDeps, "clock"> = {}) {
    this.#heapBytes = heapBytes;
    this.#release = release;
  }

  /** Something was asked. */
  worked(): void {
    this.#quiet = 0;
  }

  tick(): void {
    this.#quiet += 1;
    if (this.#quiet !== quietTicks || this.#heapBytes() < this.#kept + worthInWorkerBytes) return;
    this.#release();
    this.#kept = this.#heapBytes();
  }
}

function usedCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function committedBytes(): number {
  return getHeapStatistics().total_heap_size;
}

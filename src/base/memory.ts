import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const mebibyte = 1024 * 1024;

interface GcOptions {
  readonly type: "major";
  readonly execution: "sync";
  /** Of the last resort: again and again, as long as that finds more; what is free then goes back to the system. */
  readonly flavor?: "last-resort";
}

let gc: ((options: GcOptions) => void) | undefined;

/** Once; what is free stays with the process for some seconds. */
export function collectGarbage(): void {
  collect({});
}

/** A heap that is worth it: of a smaller one 2 % more would come back, for a tenth of the processor time of a start. */
const largeMiB = 48;

/**
 * Collects garbage now and gives the memory back. For the end of a start, which leaves much behind (parsed manifests,
 * modules' own set-up) in a heap that V8 shrinks only under load, or some seconds later: about 100 MiB with 2,000 resources.
 */
export function releaseGarbage(): void {
  const isLarge = getHeapStatistics().used_heap_size >= largeMiB * mebibyte;
  collect(isLarge ? { flavor: "last-resort" } : {});
}

/** The same for a worker's heap, whatever its size: half of it is left from its start. The pause is some 20 ms. */
export function releaseWorkerGarbage(): void {
  collect({ flavor: "last-resort" });
}

function collect(options: Pick<GcOptions, "flavor">): void {
  gc ??= exposedGc();
  gc?.({ type: "major", execution: "sync", ...options });
}

/** Flags are of the whole process: another thread may take this one back just when it is needed. */
const maxExposures = 10;

function exposedGc(): typeof gc {
  for (let tried = 0; tried < maxExposures; tried++) {
    setFlagsFromString("--expose-gc");
    const exposed: unknown = runInNewContext("globalThis.gc");
    setFlagsFromString("--no-expose-gc");
    if (typeof exposed === "function") return (options) => void exposed(options);
  }
  return undefined;
}

/** For workers that hold little and see many short-lived messages: a young generation that stays small. */
export const smallWorker = { maxYoungGenerationSizeMb: 8 } as const;

/** Of the young generation, of which there are two halves: V8 lets each grow to 64 MiB, and keeps them. */
const youngHalfMiB = 16;
/** How much the heap may grow from one full collection to the next; V8's own choice is up to threefold. */
const growthMiB = 48;
/** A heap that is smaller may grow up to this: with little in it a full collection finds the most to do, and gains the least. */
const smallHeapMiB = 128;
const leastGrowthPercent = 30;

/**
 * Keeps the heap of the main thread near what lives in it, until disposed of: less than half as large after many
 * Applications were synced at once. Set while the program runs, since whoever starts it may know of no flags.
 *
 * V8 would also learn from a start which objects live long, and put all of their kind where only full collections look:
 * with it what each of an event's objects points at. With a thousand Sensors that made six times as much old in some runs.
 */
export function boundHeap(): Disposable {
  const set = createFlags();
  setFlags("--no-allocation-site-pretenuring");
  const observer = new PerformanceObserver(() => {
    const usedMiB = getHeapStatistics().used_heap_size / mebibyte;
    const mayGrowMiB = Math.max(growthMiB, smallHeapMiB - usedMiB);
    set("heap-growing-percent", Math.max(leastGrowthPercent, Math.round((100 * mayGrowMiB) / usedMiB)));
    // It is multiplied by this when much survives. Not 1 from the start: it begins with 1 MiB, and may shrink.
    set("semi-space-growth-factor", youngHalf() < youngHalfMiB * mebibyte ? 2 : 1);
  });
  observer.observe({ entryTypes: ["gc"] });
  return {
    [Symbol.dispose]() {
      observer.disconnect();
      set("heap-growing-percent", 0);
      set("semi-space-growth-factor", 2);
      setFlags("--allocation-site-pretenuring");
    },
  };
}

/** A start that takes longer is work like any other. */
const longestStartMs = 10_000;

/**
 * Keeps V8 from optimizing until disposed of, for 10 s at most. For a start: it runs most things once, and gets no slower,
 * but what optimizing takes, in the arenas of each of V8's threads, stays with the process: 45 MiB with 2,000 resources.
 */
export function deferOptimizing(): Disposable {
  if (!mayOptimize()) return { [Symbol.dispose]: () => undefined };
  let isOver = false;
  const allow = (): void => {
    clearTimeout(late);
    if (isOver) return;
    isOver = true;
    deferrals -= 1;
    if (deferrals === 0) setFlags("--turbofan", "--maglev");
  };
  const late = setTimeout(allow, longestStartMs).unref();
  deferrals += 1;
  setFlags("--no-turbofan", "--no-maglev");
  return { [Symbol.dispose]: allow };
}

/** How many are under way in this process. */
let deferrals = 0;

function setFlags(...flags: readonly string[]): void {
  for (const flag of flags) setFlagsFromString(flag);
}

/** Not where whoever started the program has said how it compiles; without a JIT there is no WebAssembly. */
function mayOptimize(): boolean {
  const isSaid = process.execArgv.some((flag) => /^--(?:no-?)?(?:opt|turbofan|maglev|always)/.test(flag));
  return !isSaid && typeof WebAssembly !== "undefined";
}

function createFlags(): (name: string, value: number) => void {
  const known = new Map<string, number>();
  return (name, value) => {
    if (known.get(name) === value) return;
    known.set(name, value);
    setFlagsFromString(`--${name}=${value}`);
  };
}

function youngHalf(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
  return Math.max(young?.space_size ?? 0, young?.physical_space_size ?? 0) / 2;
}

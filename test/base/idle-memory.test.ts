import assert from "node:assert/strict";
import { test } from "node:test";
import { QuietRelease, releaseWhenIdle } from "../../src/base/idle-memory.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";

const mebibyte = 1024 * 1024;

/** Of each half minute: the processor's time in seconds, the heap at its end in MiB, and whether memory is given back. */
for (const [name, halfMinutes] of [
  [
    "not while much happens, then once",
    [
      [20, 200, false],
      [0.5, 200, true],
      [0.5, 105, false],
      [0.5, 105, false],
    ],
  ],
  [
    "not for little",
    [
      [0.5, 120, false],
      [0.5, 131, false],
      [0.5, 132, true],
    ],
  ],
  [
    "again after it grew again",
    [
      [0.5, 200, true],
      [20, 200, false],
      [0.5, 200, true],
    ],
  ],
] as const satisfies readonly (readonly [string, readonly (readonly [number, number, boolean])[]])[]) {
  test(`memory is given back when idle: ${name}`, async () => {
    const clock = createVirtualClock();
    const stop = new AbortController();
    let [cpu, heap, released] = [0, 100, 0];
    const release = async (): Promise<void> => {
      released += 1;
      heap = 100;
    };
    const deps = { clock, release, cpuMs: () => cpu * 1_000, heapBytes: () => heap * mebibyte };
    const running = releaseWhenIdle(deps, stop.signal);
    for (const [seconds, heapMiB, isReleased] of halfMinutes) {
      const before = released;
      cpu += seconds;
      heap = heapMiB;
      await clock.advance(30_000);
      assert.equal(released - before, isReleased ? 1 : 0, `${seconds} s, ${heapMiB} MiB`);
    }
    stop.abort();
    await running;
  });
}

test("a worker gives memory back after three quiet ticks, and again only after its heap grew", () => {
  let [heap, released] = [10, 0];
  const release = (): void => {
    released += 1;
    heap = 5;
  };
  const memory = new QuietRelease({ heapBytes: () => heap * mebibyte, release });
  const after = (...steps: readonly ("tick" | "work")[]): number => {
    for (const step of steps) step === "tick" ? memory.tick() : memory.worked();
    return released;
  };
  assert.equal(after("tick", "tick", "work", "tick", "tick"), 0, "it works");
  assert.equal(after("tick"), 1);
  assert.equal(after("tick", "tick", "tick", "tick"), 1, "once");
  heap = 8;
  assert.equal(after("work", "tick", "tick", "tick"), 1, "not for little");
  heap = 9;
  assert.equal(after("work", "tick", "tick", "tick"), 2);
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../harness/run.ts";

const mebibyte = 1024 * 1024;

// In a process of its own: what other tests left in this one's heap is not taken back.
test("keeps the young generation at two halves of 16 MiB, however much survives", async () => {
  const grow = async (...args: string[]): Promise<number> => {
    const { code, stdout, stderr } = await run(process.execPath, [
      join(import.meta.dirname, "memory-growth.ts"),
      ...args,
    ]);
    assert.equal(code, 0, stderr);
    return Number(stdout) / mebibyte;
  };
  const bound = await grow("bound");
  assert.ok(bound > 8 && bound <= 32, `${bound} MiB`);
  const free: number[] = []; // on a busy machine it grows in most runs only
  while (free.length < 8 && !free.some((size) => size > 32)) free.push(await grow("free"));
  assert.ok(Math.max(...free) > 32, `V8 keeps to the bound by itself: ${free.join(", ")} MiB`);
});

test("V8 optimizes nothing while a start is under way, and what runs much after it", async () => {
  const script = join(import.meta.dirname, "memory-optimizing.ts");
  const { code, stdout, stderr } = await run(process.execPath, ["--allow-natives-syntax", script]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), [false, false, true], "of two starts, of the one that is left, of none");
});

test("threads that give memory back at the same time do not hinder each other", async () => {
  const { code, stdout, stderr } = await run(process.execPath, [join(import.meta.dirname, "memory-threads.ts")]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), [true, true, true, true]);
});

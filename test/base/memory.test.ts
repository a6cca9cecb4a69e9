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
  const [bound, free] = await Promise.all([grow("bound"), grow("free")]);
  assert.ok(bound > 8 && bound <= 32, `${bound} MiB`);
  assert.ok(free > 32, `V8 keeps to the bound by itself: ${free} MiB`);
});

import assert from "node:assert/strict";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createRenderStore } from "../../../src/gitops/render/store.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const keyOf = (index: number): string => index.toString(16).padStart(64, "0");
const manifests = (text: string) => [{ kind: "A", data: text }];

async function open(maxBytes?: number) {
  const directory = await tempDir();
  const failures: unknown[] = [];
  const clock = createVirtualClock("2026-11-29T12:00:00Z");
  const path = join(directory.path, "kept");
  const options = { directory: path, clock, onFailure: (error: unknown) => void failures.push(error) };
  const store = createRenderStore(maxBytes === undefined ? options : { ...options, maxBytes });
  return { store, path, failures, clock, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

test("what is kept is found, by its key alone, and by nobody else on the machine", async () => {
  await using rig = await open();
  await rig.store.keep(keyOf(1), [{ kind: "A", big: 12345678901234567890n }]);
  assert.deepEqual((await rig.store.find(keyOf(1)))?.manifests, [{ kind: "A", big: 12345678901234567890n }]);
  assert.equal(await rig.store.find(keyOf(2)), undefined);
  const file = join(rig.path, "00", `${keyOf(1)}.json`);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(rig.failures, []);
});

test("those that were used last stay, so many bytes", async () => {
  await using rig = await open(10_000);
  for (let index = 1; index <= 8; index++) {
    await rig.store.keep(keyOf(index), manifests("x".repeat(1_900)));
    await rig.clock.advance(10_000);
    await rig.store.find(keyOf(1));
    await rig.store.find(keyOf(index));
  }
  const kept = (await readdir(rig.path, { recursive: true })).filter((name) => name.endsWith(".json"));
  const sizes = await Promise.all(kept.map(async (name) => (await stat(join(rig.path, name))).size));
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= 10_000);
  assert.notEqual(await rig.store.find(keyOf(1)), undefined, "it was used again and again");
  assert.equal(await rig.store.find(keyOf(2)), undefined);
  assert.notEqual(await rig.store.find(keyOf(8)), undefined);
});

test("a disk that cannot be written costs a rendering, not an error", async () => {
  await using rig = await open();
  await writeFile(rig.path, "a file where the folder should be");
  await rig.store.keep(keyOf(1), manifests("x"));
  assert.equal(rig.failures.length, 1);
  assert.equal(await rig.store.find(keyOf(1)), undefined);
});

import assert from "node:assert/strict";
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { createArtifactFolders } from "../../src/engine/artifact-folders.ts";
import { tempDir } from "../harness/temp-dir.ts";

const hour = 3_600;
const key = (number: number): string => number.toString(16).padStart(32, "0");

async function openFolders(hoursAgo: Readonly<Record<string, number>>) {
  const directory = await tempDir();
  for (const [name, hours] of Object.entries(hoursAgo)) {
    const path = join(directory.path, name);
    await mkdir(join(path, "mirror.git"), { recursive: true });
    await writeFile(join(path, "mirror.git", "HEAD"), "");
    const at = Date.now() / 1_000 - hours * hour;
    await utimes(path, at, at);
  }
  return {
    folders: createArtifactFolders(directory.path, systemClock),
    names: async () => (await readdir(directory.path)).sort(),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("folders of credentials that nobody used for a day go, unless they are open", async () => {
  const other = "0".repeat(31);
  const hours = { [key(1)]: 25, [key(2)]: 25, [key(3)]: 23, [key(4)]: 25, [other]: 99, [`gone-7-${key(9)}`]: 0 };
  await using world = await openFolders(hours);
  await world.folders.touch(key(4));
  await world.folders.touch(key(5)); // nothing was fetched for it
  assert.equal(await world.folders.tidy((name) => name === key(2)), 1);
  assert.deepEqual(await world.names(), [other, key(2), key(3), key(4)].sort());
  assert.equal(await world.folders.tidy(() => false), 1);
  assert.deepEqual(await world.names(), [other, key(3), key(4)].sort());
});

test("of tokens that change all the time the newest 200 folders stay", async () => {
  const young = Array.from({ length: 210 }, (_, index) => [key(index), index / 100]);
  await using world = await openFolders(Object.fromEntries(young));
  assert.equal(await world.folders.tidy((name) => name === key(209)), 10);
  const left = await world.names();
  assert.equal(left.length, 200);
  assert.deepEqual(
    [208, 200, 199, 198, 0].map((number) => left.includes(key(number))),
    [false, false, false, true, true],
  );
  assert.ok(left.includes(key(209)), "it is open");
});

test("where nothing was fetched yet there is nothing to remove", async () => {
  await using directory = await tempDir();
  assert.equal(await createArtifactFolders(join(directory.path, "none"), systemClock).tidy(() => false), 0);
});

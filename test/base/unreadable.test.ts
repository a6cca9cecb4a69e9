import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { whyUnreadable } from "../../src/base/unreadable.ts";
import { tempDir } from "../harness/temp-dir.ts";

test("why a file cannot be read is said in words, with the file that is in the way where it is another", async () => {
  await using dir = await tempDir();
  const why = (name: string, named?: string) =>
    readFile(join(dir.path, name)).catch((error: unknown) => whyUnreadable(error, named));
  assert.equal(await why("none"), "it does not exist");
  assert.equal(await why("none", join(dir.path, ".", "none")), "it does not exist");
  assert.equal(await why("none", dir.path), `it does not exist (${join(dir.path, "none")})`);
  assert.equal(await why("."), "it is a folder, not a file");
  const listed = await readdir(import.meta.filename).catch((error: unknown) => whyUnreadable(error));
  assert.equal(listed, "a part of its path is no folder");
  assert.equal(whyUnreadable(new Error("another")), "another");
  assert.equal(whyUnreadable("text"), "text");
});

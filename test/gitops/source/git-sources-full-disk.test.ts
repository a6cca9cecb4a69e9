import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createTestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { smallDiskMissing } from "../../harness/small-disk.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();
const name = "a full disk is said so, costs nobody what is there, and is over once there is room";
const disk = process.env.SMALL_DISK;

/** Takes all the room that is left. */
function fill(folder: string): string {
  const path = join(folder, "filling");
  assert.throws(() => execFileSync("dd", ["if=/dev/zero", `of=${path}`, "bs=4k"], { stdio: "pipe" }), /No space left/);
  return path;
}

async function fullDisk(folder: string): Promise<void> {
  await using repository = await createTestRepository();
  const { url } = repository;
  const first = await repository.commit({ "app/a": "1", "app/large": "x".repeat(70_000) });
  await using rig = await openSources({ directory: join(folder, "git") });
  const read = async (commit: string, path: string) => String(await rig.sources.read(url, commit, path, never));
  assert.equal(await read(first, "app/a"), "1");
  assert.equal((await read(first, "app/large")).length, 70_000);
  const more = Array.from({ length: 40 }, (_, n) => [`app/${n}`, randomBytes(20_000).toString("hex")]);
  const second = await repository.commit({ ...Object.fromEntries(more), "app/a": "2" });
  const filling = fill(folder);
  for (let attempt = 0; attempt < 2; attempt++) {
    await assert.rejects(rig.sources.fetch(url, {}, never), {
      code: "GIT_FAILED",
      message: `failed to fetch "${url}": write error: No space left on device`,
    });
    assert.equal((await read(first, "app/large")).length, 70_000, "what is there is read");
    await assert.rejects(rig.sources.checkout(url, first, "app", never), /no space left on device/);
  }
  await rm(filling);
  await rig.sources.fetch(url, {}, never);
  assert.deepEqual([await read(second, "app/a"), await read(second, "app/0")], ["2", more[0]?.[1]]);
}

// Git has to see the same file system: all of it runs in a namespace of its own.
if (disk !== undefined && existsSync(disk)) test(name, () => fullDisk(disk));
else {
  test(name, { skip: smallDiskMissing() ?? false }, async () => {
    await using folder = await tempDir();
    const script = 'mount -t tmpfs -o size=16m tmpfs "$0" && exec "$@"';
    const { NODE_TEST_CONTEXT: _own, ...env } = process.env;
    const args = ["--user", "--map-root-user", "--mount", "sh", "-c", script, folder.path];
    await promisify(execFile)("unshare", [...args, process.execPath, import.meta.filename], {
      env: { ...env, SMALL_DISK: folder.path },
      timeout: 60_000,
    });
  });
}

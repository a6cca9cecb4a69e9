import assert from "node:assert/strict";
import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { openGitSources } from "../../../src/gitops/source/git-sources.ts";
import { keepUnusedMs } from "../../../src/gitops/source/mirror-store.ts";
import { anonymousAccess, type FindAccess } from "../../../src/gitops/source/source.ts";
import { createTestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();

const mirrorsIn = async (directory: string): Promise<number> =>
  (await readdir(join(directory, "git"))).filter((name) => name.endsWith(".git")).length;

const inUse = (...urls: readonly string[]) => urls.map((url) => ({ url, project: "default" }));

test("mirrors that nobody used for a day go, those in use stay, and one that is wanted again is fetched again", async () => {
  await using used = await createTestRepository();
  await using unused = await createTestRepository();
  const clock = createVirtualClock(new Date().toISOString());
  await using rig = await openSources({ clock });
  for (const { url, commit } of [used, unused]) {
    await commit({ a: "1" });
    await rig.sources.resolve(url, "main", never);
  }
  assert.equal(await mirrorsIn(rig.directory), 2);
  await clock.advance(keepUnusedMs - 1);
  assert.equal(await rig.sources.dropUnused(inUse(`${used.url}/`)), 0);
  await clock.advance(1);
  assert.equal(await rig.sources.dropUnused(inUse(`${used.url}/`)), 1);
  assert.equal(await mirrorsIn(rig.directory), 1);
  assert.deepEqual(await readdir(join(rig.directory, "git", "work")), []);
  assert.ok(rig.sources.findRefs(used.url), "what is in use is still known");
  assert.equal(rig.sources.findRefs(unused.url), undefined);

  const commit = await unused.commit({ a: "2" });
  assert.equal((await rig.sources.resolve(unused.url, "main", never)).commit, commit);
  assert.equal(String(await rig.sources.read(unused.url, commit, "a", never)), "2");
  await clock.advance(keepUnusedMs);
  assert.equal(await rig.sources.dropUnused([]), 2, "now neither is in use");
  assert.equal(await rig.sources.dropUnused([]), 0);
  assert.equal((await rig.sources.resolve(unused.url, "main", never)).commit, commit);
});

test("a mirror that is used while others are removed stays whole", async () => {
  await using repository = await createTestRepository();
  const commit = await repository.commit({ a: "1" });
  const clock = createVirtualClock(new Date().toISOString());
  await using rig = await openSources({ clock });
  for (let round = 0; round < 5; round++) {
    await rig.sources.resolve(repository.url, "main", never);
    await clock.advance(keepUnusedMs);
    const dropping = rig.sources.dropUnused([]);
    for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
    const reading = rig.sources.read(repository.url, commit, "a", never);
    await dropping;
    assert.equal(String(await reading), "1");
  }
});

test("a mirror of an earlier process goes by its age", async () => {
  await using repository = await createTestRepository();
  await repository.commit({ a: "1" });
  await using first = await openSources();
  await first.sources.resolve(repository.url, "main", never);
  await using second = await openGitSources({
    directory: join(first.directory, "git"),
    tool: { command: "git", env: { PATH: process.env.PATH ?? "" } },
    access: () => anonymousAccess,
    allowLocal: true,
    clock: systemClock,
    log: silentLogger,
  });
  assert.equal(await second.dropUnused([]), 0);
  const [name = ""] = (await readdir(join(first.directory, "git"))).filter((file) => file.endsWith(".git"));
  const old = new Date(Date.now() - keepUnusedMs - 1_000);
  await utimes(join(first.directory, "git", name), old, old);
  assert.equal(await second.dropUnused(inUse(repository.url)), 0);
  assert.equal(await second.dropUnused([]), 1);
  assert.equal(await mirrorsIn(first.directory), 0);
});

test("while it is not known how repositories are reached, nothing is removed", async () => {
  await using repository = await createTestRepository();
  await repository.commit({ a: "1" });
  let isKnown = true;
  const access: FindAccess = () => {
    if (!isKnown) throw new EngineError("REPOSITORY_FAILED", "repository Secrets were not read yet");
    return anonymousAccess;
  };
  const clock = createVirtualClock(new Date().toISOString());
  await using rig = await openSources({ clock, access });
  await rig.sources.resolve(repository.url, "main", never);
  await clock.advance(keepUnusedMs);
  isKnown = false;
  await assert.rejects(rig.sources.dropUnused(inUse(repository.url)), { code: "REPOSITORY_FAILED" });
  assert.equal(await mirrorsIn(rig.directory), 1);
});

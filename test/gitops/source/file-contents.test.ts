import assert from "node:assert/strict";
import { test } from "node:test";
import { createContentCache } from "../../../src/gitops/source/file-contents.ts";
import { createTestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();

test("keeps what was used last, within its bytes, and no large file", () => {
  const cache = createContentCache(10_000);
  for (const id of ["a", "b", "c"]) cache.keep("m", id, Buffer.from(id.repeat(3_000)));
  assert.equal(cache.find("m", "a")?.length, 3_000);
  cache.keep("m", "d", Buffer.alloc(3_000));
  const held = ["a", "b", "c", "d"].filter((id) => cache.find("m", id) !== undefined);
  assert.deepEqual(held, ["a", "c", "d"]);
  const large = createContentCache();
  large.keep("m", "large", Buffer.alloc(70_000));
  assert.equal(large.find("m", "large"), undefined);
});

test("what one repository holds is not read through another that only names it", async () => {
  await using secret = await createTestRepository();
  await using other = await createTestRepository();
  await using rig = await openSources();
  const commit = await secret.commit({ "app/a": "secret" });
  const [entry] = await rig.sources.listFiles(secret.url, commit, "app", never);
  assert.ok(entry);
  for (const _twice of [1, 2]) {
    const contents = await rig.sources.readFiles(secret.url, [entry], 1_000, never);
    assert.equal(String(contents.get("app/a")), "secret");
  }
  const forged = await other.rawCommit([["100644", "a", entry.id]], "refs/heads/main");
  await assert.rejects(rig.sources.read(other.url, forged, "a", never), { code: "GIT_FAILED" });
  const listed = await rig.sources.listFiles(other.url, forged, "", never);
  await assert.rejects(rig.sources.readFiles(other.url, listed, 1_000, never), { code: "GIT_FAILED" });
});

test("what is kept counts for the limit of what is read together", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const commit = await repository.commit({ a: "x".repeat(600), b: "y".repeat(600) });
  const entries = await rig.sources.listFiles(repository.url, commit, "", never);
  assert.equal((await rig.sources.readFiles(repository.url, entries, 2_000, never)).size, 2);
  await assert.rejects(rig.sources.readFiles(repository.url, entries, 1_000, never), { code: "GIT_TOO_LARGE" });
});

test("what was cut out of a large piece is kept without the rest of it", () => {
  const cache = createContentCache();
  const large = Buffer.alloc(64 * 1024, "x");
  for (const id of ["a", "b"]) cache.keep("m", id, large.subarray(100, 1_100));
  const kept = ["a", "b"].map((id) => cache.find("m", id));
  assert.deepEqual(
    kept.map((content) => [content?.toString(), content?.buffer.byteLength]),
    kept.map(() => ["x".repeat(1_000), 1_000]),
  );
});

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestRepository, git } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { never, openSources, type SourceRig } from "./rig.ts";

failOnLeakedChildren();

/** A text long enough for a push to be sent as a difference from another. */
function lines(seed: number): string {
  return Array.from({ length: 200 }, (_, line) => `line ${line} of many: ${line === 100 ? seed : line}\n`).join("");
}

function many(seed: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`app/${index}`, lines(seed + index)]));
}

function differences(counts: readonly number[]): readonly number[] {
  return counts.slice(1).map((count, index) => count - (counts[index] ?? 0));
}

/** Whether the one mirror has an object. */
async function holds(rig: SourceRig, id: string): Promise<boolean> {
  const [name = ""] = (await readdir(join(rig.directory, "git"))).filter((entry) => entry.endsWith(".git"));
  const mirror = join(rig.directory, "git", name);
  return (await git(mirror, ["cat-file", "--batch-check"], id)).includes(" blob ");
}

for (const [name, before, pushed, read, fetches] of [
  ["changes a file that was read", { "app/a": lines(1) }, { "app/a": lines(2) }, "app", [1, 0]],
  ["adds a file", {}, { "app/a/new": "1" }, "app", [1, 0]],
  ["changes many", many(1), many(2), "app", [1, 0]],
  ["adds a large file, which nobody reads", {}, { "code/large": "x".repeat(1e5), "app/a": "1" }, "app", [1, 0]],
  ["adds a large file, which is read", {}, { "app/large": "x".repeat(1e5) }, "app", [1, 1]],
] as const) {
  test(`a push that ${name}: requests of the push and of its files are ${fetches}`, async () => {
    await using repository = await createTestRepository();
    await using rig = await openSources();
    const readTip = async () => {
      const { commit } = await rig.sources.resolve(repository.url, "main", never);
      await using _checkout = await rig.sources.checkout(repository.url, commit, read, never);
    };
    await repository.commit({ ...before, "app/x": "1" });
    await readTip();
    const counts = [await rig.count("fetch")];
    await repository.commit(pushed);
    await rig.sources.fetch(repository.url, {}, never);
    counts.push(await rig.count("fetch"));
    const hasLarge = await holds(rig, await repository.git("rev-parse", `HEAD:${Object.keys(pushed)[0]}`));
    assert.equal(hasLarge, !name.startsWith("adds a large"));
    await readTip();
    counts.push(await rig.count("fetch"));
    assert.deepEqual(differences(counts), fetches);
  });
}

test("where pushes change files that nobody reads, they are left", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const readApp = (commit: string) => rig.sources.read(repository.url, commit, "app", never);
  await readApp(await repository.commit({ app: lines(10), code: lines(20), more: lines(30) }));
  const held: boolean[] = [];
  for (const [file, value] of [
    ["code", 21], // not known yet: it comes, and the one that it is a difference from
    ["more", 31],
    ["app", 11], // is read: the next one comes at once
    ["app", 12],
  ] as const) {
    const commit = await repository.commit({ [file]: lines(value) });
    await rig.sources.fetch(repository.url, {}, never);
    held.push(await holds(rig, await repository.git("rev-parse", `HEAD:${file}`)));
    assert.equal(`${await repository.git("show", "HEAD:app")}\n`, String(await readApp(commit)));
  }
  assert.deepEqual(held, [true, false, false, true]);
});

test("a server that knows no filter by size is asked without, once", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  await repository.git("config", "uploadpackfilter.blob:limit.allow", "false");
  await repository.commit({ a: "0" });
  const asked: number[] = [];
  for (const text of ["1", "2", "3"]) {
    const before = await rig.count("fetch");
    const commit = await repository.commit({ a: text });
    await rig.sources.fetch(repository.url, {}, never);
    assert.equal(String(await rig.sources.read(repository.url, commit, "a", never)), text);
    asked.push((await rig.count("fetch")) - before);
  }
  assert.deepEqual(asked, [2, 3, 2], "of refs and of the file; the second push tries the filter");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { createGitCommand } from "../../../src/gitops/source/git-command.ts";
import { openObjectReader } from "../../../src/gitops/source/object-reader.ts";
import { defaultGitLimits } from "../../../src/gitops/source/source.ts";
import { createTreeCache, findObject, type NamedObject, readRoot } from "../../../src/gitops/source/tree.ts";
import { createTestRepository } from "../../harness/git-repository.ts";
import { tempDir } from "../../harness/temp-dir.ts";

function entries(count: number): ReadonlyMap<string, NamedObject> {
  return new Map(Array.from({ length: count }, (_, n) => [`f${n}`, { name: `f${n}`, kind: "file", id: String(n) }]));
}

test("folders are found by their id, and those kept first go when there are too many entries", () => {
  const cache = createTreeCache(10);
  cache.keep("a", entries(4));
  cache.keep("b", entries(4));
  cache.keep("b", entries(4)); // known already: counted once
  assert.deepEqual([cache.find("a")?.size, cache.find("b")?.size, cache.find("c")], [4, 4, undefined]);
  cache.keep("c", entries(3));
  assert.deepEqual([cache.find("a"), cache.find("b")?.size, cache.find("c")?.size], [undefined, 4, 3]);
});

test("a folder that alone has too many entries is not kept, and pushes out nothing", () => {
  const cache = createTreeCache(10);
  cache.keep("a", entries(4));
  cache.keep("big", entries(11));
  assert.deepEqual([cache.find("a")?.size, cache.find("big")], [4, undefined]);
});

test("of a new commit its folder and what that holds come in one request, and what is kept is not asked for", async () => {
  await using repository = await createTestRepository();
  await using directory = await tempDir();
  const commit = await repository.commit({ "app/a.yaml": "a: 1", "b.yaml": "b: 1" });
  const next = await repository.commit({ "b.yaml": "b: 2" });
  const tool = { command: "git", env: { PATH: process.env.PATH ?? "" } };
  const limits = defaultGitLimits;
  const command = createGitCommand({ tool, clock: systemClock, limits, directory: directory.path });
  const opened = openObjectReader(command, `${repository.path}/.git`);
  const asked: (readonly string[])[] = [];
  const { reader } = opened;
  const counted = {
    ...reader,
    ask(ids: readonly string[]) {
      asked.push(ids);
      reader.ask(ids);
    },
    async open(id: string) {
      const isAsked = asked.some((ids) => ids.includes(id));
      if (!isAsked) asked.push([id]);
      return reader.open(id);
    },
  };
  const trees = createTreeCache();
  const names: (string | undefined)[] = [];
  for (const one of [commit, next]) {
    const root = await readRoot(counted, one, trees);
    for (const path of ["app/a.yaml", "b.yaml", "c.yaml"]) {
      names.push((await findObject(counted, root ?? "", path.split("/"), trees))?.name);
    }
  }
  const missing = await readRoot(counted, "0".repeat(40), trees);
  await opened.close();
  assert.deepEqual(names, ["a.yaml", "b.yaml", undefined, "a.yaml", "b.yaml", undefined]);
  assert.equal(missing, undefined);
  // Each commit once, and the folder `app`, which both have.
  assert.equal(asked.length, 4);
});

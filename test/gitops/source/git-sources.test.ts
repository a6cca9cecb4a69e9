import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { lstat, readdir, readFile, readlink, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();

test("resolves every way to name a revision", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const first = await repository.commit({ "a.yaml": "1" });
  await repository.git("tag", "v1.0.0");
  await repository.git("branch", "feature/x");
  const second = await repository.commit({ "a.yaml": "2" });
  await repository.git("tag", "-a", "annotated", "-m", "Tag", first);
  await repository.git("tag", "both", first);
  await repository.git("branch", "both", second);
  await repository.git("update-ref", "refs/pull/7/head", first);
  for (const [name, revision, commit] of [
    ["empty", "", second],
    ["HEAD", "HEAD", second],
    ["a branch", "main", second],
    ["a branch with a slash", "feature/x", first],
    ["a tag", "v1.0.0", first],
    ["an annotated tag: its commit", "annotated", first],
    ["a full ref", "refs/heads/main", second],
    ["a full ref of a tag", "refs/tags/both", first],
    ["a branch before a tag", "both", second],
    ["a full commit", first, first],
    ["a commit in capitals", first.toUpperCase(), first],
    ["a short commit", first.slice(0, 7), first],
    ["neither branch nor tag", "refs/pull/7/head", first],
  ] as const) {
    const resolved = await rig.sources.resolve(repository.url, revision, never);
    assert.deepEqual([name, resolved.commit], [name, commit]);
    assert.equal(resolved.revision, revision === "" ? "HEAD" : revision);
  }
  for (const revision of [
    "gone",
    "abc",
    "0123456",
    "0".repeat(40),
    "--upload-pack=x",
    "main^",
    "a\nb",
    "refs/heads/*",
  ]) {
    await assert.rejects(rig.sources.resolve(repository.url, revision, never), {
      name: "TerminalError",
      code: "GIT_REVISION_NOT_FOUND",
      message: `unable to resolve '${revision}' to a commit SHA`,
    });
  }
});

test("an empty repository has no HEAD, and one once something is pushed", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  await assert.rejects(rig.sources.resolve(repository.url, "", never), { code: "GIT_REVISION_NOT_FOUND" });
  const commit = await repository.commit({ a: "1" });
  assert.equal((await rig.sources.resolve(repository.url, "", never)).commit, commit);
});

test("finds what is newer than the last fetch, and forgets branches that are gone", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  await repository.commit({ a: "1" });
  await rig.sources.fetch(repository.url, {}, never);
  await repository.git("checkout", "-q", "-b", "new");
  const commit = await repository.commit({ a: "2" });
  assert.equal((await rig.sources.resolve(repository.url, "new", never)).commit, commit);
  const newest = await repository.commit({ a: "3" });
  assert.equal((await rig.sources.resolve(repository.url, newest.slice(0, 9), never)).commit, newest);
  await repository.git("checkout", "-q", "main");
  await repository.git("branch", "-D", "new");
  await rig.sources.fetch(repository.url, {}, never);
  await assert.rejects(rig.sources.resolve(repository.url, "new", never), { code: "GIT_REVISION_NOT_FOUND" });
});

test("100 callers make one fetch, and as many spellings one mirror", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const commit = await repository.commit({ a: "1" });
  const urls = [repository.url, repository.path, `${repository.url}/`];
  const asked = Array.from({ length: 100 }, (_, index) =>
    rig.sources.resolve(urls[index % urls.length] ?? "", "main", never),
  );
  assert.deepEqual(new Set((await Promise.all(asked)).map((resolved) => resolved.commit)), new Set([commit]));
  await Promise.all(asked.map(() => rig.sources.fetch(repository.url, { commit }, never)));
  assert.equal(await rig.count("fetch"), 1);
  assert.equal((await readdir(join(rig.directory, "git"))).filter((name) => name.endsWith(".git")).length, 1);
});

test("who asks while a fetch runs shares the next one", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  await repository.commit({ a: "1" });
  const first = rig.sources.fetch(repository.url, {}, never);
  while ((await rig.count("fetch")) === 0) await new Promise((resolve) => setImmediate(resolve));
  const commit = await repository.commit({ a: "2" });
  const later = await Promise.all(Array.from({ length: 20 }, () => rig.sources.fetch(repository.url, {}, never)));
  await first;
  assert.deepEqual(new Set(later.map(({ refs }) => refs.get("HEAD"))), new Set([commit]));
  assert.equal(await rig.count("fetch"), 2);
});

test("pushes that arrive twice, late and in the wrong order fetch nothing and never turn back", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const commits: string[] = [];
  for (const text of ["1", "2", "3"]) commits.push(await repository.commit({ a: text }));
  const [old, middle, tip] = commits;
  const ref = "refs/heads/main";
  const outcomes: boolean[] = [];
  for (const commit of [tip, middle, tip, old]) {
    outcomes.push((await rig.sources.fetch(repository.url, { commit: commit!, ref }, never)).fetched);
    assert.equal((await rig.sources.resolve(repository.url, "main", never)).commit, tip);
  }
  outcomes.push((await rig.sources.fetch(repository.url, { commit: old! }, never)).fetched);
  assert.deepEqual(outcomes, [true, false, false, false, false]);
  const next = await repository.commit({ a: "4" });
  assert.equal((await rig.sources.fetch(repository.url, { commit: next, ref }, never)).fetched, true);
  assert.equal((await rig.sources.resolve(repository.url, "main", never)).commit, next);
  assert.equal(await rig.sources.isAncestor(repository.url, old!, next, never), true);
  assert.equal(await rig.sources.isAncestor(repository.url, next, old!, never), false);
});

test("a branch that was set back is followed", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const first = await repository.commit({ a: "1" });
  await repository.commit({ a: "2" });
  await rig.sources.fetch(repository.url, {}, never);
  await repository.git("reset", "-q", "--hard", first);
  const forced = await repository.commit({ a: "3" });
  const { refs } = await rig.sources.fetch(repository.url, { commit: forced, ref: "refs/heads/main" }, never);
  assert.equal(refs.get("refs/heads/main"), forced);
});

test("one listing shows all tips", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const commit = await repository.commit({ a: "1" });
  await repository.git("tag", "-a", "v1", "-m", "One");
  const tips = await Promise.all([1, 2, 3].map(() => rig.sources.tips(repository.url, never)));
  assert.deepEqual(
    [...tips[0]!],
    [
      ["HEAD", commit],
      ["refs/heads/main", commit],
      ["refs/tags/v1", commit],
    ],
  );
  assert.equal(await rig.count("ls-remote"), 1);
});

test("the id of a folder changes only with what is in it", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const first = await repository.commit({ "apps/one/a.yaml": "1", "apps/two/a.yaml": "1", "x.yaml": "1" });
  const second = await repository.commit({ "apps/two/a.yaml": "2" });
  const ids = (commit: string) =>
    Promise.all(
      ["apps/one", "./apps//two/", "x.yaml", ""].map((path) => rig.sources.treeId(repository.url, commit, path, never)),
    );
  const [before, after] = [await ids(first), await ids(second)];
  assert.deepEqual(
    before.map((id, index) => id === after[index]),
    [true, false, true, false],
  );
  assert.equal(before[3], await repository.git("rev-parse", `${first}^{tree}`));
  assert.equal(await rig.sources.treeId(repository.url, first, "apps/three", never), undefined);
});

test("what a push made of a branch that is read is known with its fetch", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const { url } = repository;
  const before = await repository.commit({ "app/a": "1" });
  await repository.git("branch", "unread", await repository.commit({ "app/a": "2" }));
  await repository.git("reset", "-q", "--hard", before);
  await rig.sources.resolve(url, "main", never);
  await rig.sources.treeId(url, before, "app", never);
  const after = await repository.commit({ "app/a": "3" });
  await rig.sources.fetch(url, {}, never);
  // Who asks now does not ask Git: there is nothing that it could read.
  const [mirror = ""] = globSync("git/*.git", { cwd: rig.directory });
  await rename(join(rig.directory, mirror, "objects"), join(rig.directory, "objects"));
  const calls = await rig.calls();
  assert.equal(await rig.sources.treeId(url, after, "app", never), await repository.git("rev-parse", `${after}:app`));
  assert.equal(await rig.sources.treeId(url, after, "none", never), undefined);
  assert.equal(await rig.calls(), calls, "nor mend the mirror");
});

test("lists, reads and checks out one folder, and fetches its files in one request", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  await repository.commit({
    "other/big.txt": "x".repeat(1000),
    "app/a.yaml": "a",
    "app/deep/b.sh": "b",
    "app/ü n.txt": "",
  });
  await repository.git("update-index", "--chmod=+x", "app/deep/b.sh");
  await repository.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},app/module`);
  await repository.git("commit", "-q", "-m", "Add a module");
  const commit = await repository.git("rev-parse", "HEAD");
  const files = await rig.sources.listFiles(repository.url, commit, "app", never);
  assert.deepEqual(
    files.map(({ path, kind }) => [path, kind]),
    [
      ["app/a.yaml", "file"],
      ["app/deep/b.sh", "executable"],
      ["app/module", "submodule"],
      ["app/ü n.txt", "file"],
    ],
  );
  assert.equal(String(await rig.sources.read(repository.url, commit, "app/a.yaml", never)), "a");
  const before = await rig.count("fetch");
  const checkout = await rig.sources.checkout(repository.url, commit, "app", never);
  assert.equal((await rig.count("fetch")) - before, 1);
  assert.deepEqual(await readdir(checkout.root), ["app"]);
  assert.deepEqual((await readdir(checkout.folder)).sort(), ["a.yaml", "deep", "module", "ü n.txt"]);
  assert.equal(await readFile(join(checkout.folder, "deep/b.sh"), "utf8"), "b");
  assert.equal((await lstat(join(checkout.folder, "deep/b.sh"))).mode & 0o111, 0o111);
  assert.deepEqual(checkout.submodules, ["app/module"]);
  await checkout[Symbol.asyncDispose]();
  await assert.rejects(lstat(checkout.root), { code: "ENOENT" });
  await using again = await rig.sources.checkout(repository.url, commit, "app", never);
  assert.equal((await rig.count("fetch")) - before, 1, "the second time everything is there");
  assert.equal(again.entries.length, 4);
});

test("100 checkouts at once fetch their files in few requests", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const names = Array.from({ length: 100 }, (_, index) => `apps/app-${index}`);
  const commit = await repository.commit(Object.fromEntries(names.map((name) => [`${name}/a.yaml`, name])));
  const texts = names.map(async (name) => {
    await using checkout = await rig.sources.checkout(repository.url, commit, name, never);
    return readFile(join(checkout.folder, "a.yaml"), "utf8");
  });
  assert.deepEqual(await Promise.all(texts), names);
  const fetches = await rig.count("fetch");
  assert.ok(fetches <= 30, `${fetches} fetches`);
});

test("keeps links that stay inside", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const commit = await repository.rawCommit(
    [
      ["100644", "a", "text"],
      ["120000", "b", "./a"],
    ],
    "refs/heads/main",
  );
  await using checkout = await rig.sources.checkout(repository.url, commit, ".", never);
  assert.equal(await readlink(join(checkout.folder, "b")), "./a");
  assert.equal(await readFile(join(checkout.folder, "b"), "utf8"), "text");
});

test("says who made a commit, when and why", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const commit = await repository.commit({ a: "1" }, "Change two\nlines\n\nBecause of this");
  await repository.git("tag", "-a", "-m", "first", "v1.0.0");
  assert.deepEqual(await rig.sources.commitInfo(repository.url, commit, never), {
    commit,
    author: "Ada",
    email: "ada@example.com",
    date: "2026-01-02T01:04:05.000Z",
    subject: "Change two lines",
    message: "Change two\nlines\n\nBecause of this",
    tags: ["v1.0.0"],
  });
});

test("a path that is not there, no folder, or outside has the message that Argo CD users know", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const commit = await repository.commit({ "app/a.yaml": "1" });
  for (const [path, message] of [
    ["gone", "gone: app path does not exist"],
    ["app/a.yaml/b", "app/a.yaml/b: app path does not exist"],
    ["app/a.yaml", "app/a.yaml: app path is not a directory"],
    ["/app", "/app: app path is absolute"],
    ["app/../..", "app/../..: app path outside root"],
  ] as const) {
    const checkout = rig.sources.checkout(repository.url, commit, path, never);
    await assert.rejects(checkout, { name: "TerminalError", code: "GIT_PATH_INVALID", message });
  }
  await assert.rejects(rig.sources.read(repository.url, commit, "app", never), /app: is not a file/);
});

test("a mirror survives the process and locks that a killed one left", async () => {
  await using repository = await createTestRepository();
  await using first = await openSources();
  const commit = await repository.commit({ a: "1" });
  await first.sources.resolve(repository.url, "main", never);
  const directory = join(first.directory, "git");
  const [name] = (await readdir(directory)).filter((entry) => entry.endsWith(".git"));
  await writeFile(join(directory, name!, "packed-refs.lock"), "");
  await writeFile(join(directory, name!, "refs", "heads", "main.lock"), "");
  const next = await repository.commit({ a: "2" });
  await using second = await openSources({ directory });
  assert.equal((await second.sources.resolve(repository.url, "main", never)).commit, next);
  assert.equal(await second.sources.isAncestor(repository.url, commit, next, never), true);
});

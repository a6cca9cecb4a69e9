import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gitTree } from "../../../src/gitops/source/git-tree.ts";
import { anonymousAccess } from "../../../src/gitops/source/source.ts";
import { parseGitmodules, submoduleUrl } from "../../../src/gitops/source/submodules.ts";
import { createTestRepository, type TestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();

for (const [parent, url, expected] of [
  ["https://h/org/app.git", "../lib.git", "https://h/org/lib.git"],
  ["https://h/org/app.git/", "../../other/lib", "https://h/other/lib"],
  ["https://h/org/app", "./sub", "https://h/org/app/sub"],
  ["git@h:org/app.git", "../lib.git", "git@h:org/lib.git"],
  ["git@h:app.git", "../lib.git", "git@h:lib.git"],
  ["ssh://git@h:22/org/app", "../lib", "ssh://git@h:22/org/lib"],
  ["/srv/app", "../lib", "/srv/lib"],
  ["/srv/app", "file:///srv/lib", "file:///srv/lib"],
  ["https://h/app", "git@other:lib", "git@other:lib"],
  ["https://h/app", "file:///etc", /submodule "m" is the local path/],
  ["https://h/app", "/etc", /submodule "m" is the local path/],
  ["git@h:app", "/etc", /local path/],
  ["https://h/app", "ext::sh -c id", /is no URL/],
  ["https://h/app", "-upload-pack=x", /is no URL/],
  ["https://h/app", "git://h/lib", /protocol "git"/],
] as const) {
  test(`${url} of ${parent}`, () => {
    const module = { path: "m", url };
    if (typeof expected === "string") assert.equal(submoduleUrl(parent, module), expected);
    else assert.throws(() => submoduleUrl(parent, module), { code: "GIT_REFUSED", message: expected });
  });
}

test("reads .gitmodules as Git does", () => {
  const text = [
    '[submodule "a"]\n\tpath = libs/a\n\turl = ../a.git ; a comment\n\tbranch = x',
    '[ submodule "b" ]\nurl="https://h/b#1"\nPATH = "b c"',
    '[submodule "no url"]\n path = x',
    '[other "c"]\npath = c\nurl = c',
  ].join("\n");
  assert.deepEqual(parseGitmodules(text), [
    { path: "libs/a", url: "../a.git" },
    { path: "b c", url: "https://h/b#1" },
  ]);
  assert.throws(() => parseGitmodules('[submodule "x"]\npath=../x\nurl=y'), { code: "GIT_PATH_INVALID" });
});

/** `app` has `lib` at libs/lib, which has `base` at base. */
async function nested() {
  const stack = new AsyncDisposableStack();
  const [base, lib, app] = [
    stack.use(await createTestRepository()),
    stack.use(await createTestRepository()),
    stack.use(await createTestRepository()),
  ];
  const add = async (to: TestRepository, what: TestRepository, path: string): Promise<string> => {
    await to.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", what.url, path);
    return to.commit({});
  };
  await base.commit({ "base.yaml": "base" });
  await lib.commit({ "lib.yaml": "lib", "x/y.yaml": "y" });
  await add(lib, base, "base");
  await app.commit({ "app/a.yaml": "a", "z.yaml": "z" });
  const commit = await add(app, lib, "libs/lib");
  const rig = stack.use(await openSources());
  return {
    app,
    lib,
    base,
    rig,
    commit,
    tree: gitTree(rig.sources, app.url, commit),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("files of submodules are files of the tree", async () => {
  await using world = await nested();
  const { tree } = world;
  const files = await tree.listFiles("libs", never);
  assert.deepEqual(
    files.map(({ path }) => path),
    ["libs/lib/.gitmodules", "libs/lib/base/base.yaml", "libs/lib/lib.yaml", "libs/lib/x/y.yaml"],
  );
  const contents = await tree.readFiles(files.slice(1), 1_000, never);
  assert.deepEqual([...contents.values()].map(String).sort(), ["base", "lib", "y"]);
  assert.deepEqual(
    [...contents.keys()].sort(),
    files.slice(1).map(({ path }) => path),
  );
  await assert.rejects(tree.readFiles(files.slice(1), 5, never), { code: "GIT_TOO_LARGE" });
  assert.equal(String(await tree.read("libs/lib/base/base.yaml", never)), "base");
  assert.deepEqual(
    (await tree.listFiles("libs/lib/x", never)).map(({ path }) => path),
    ["libs/lib/x/y.yaml"],
  );
  assert.match((await tree.treeId("libs/lib/x", never)) ?? "", /^[0-9a-f]{40}$/);
  assert.equal(await tree.treeId("libs/lib/none", never), undefined);
});

test("a checkout has the files of submodules, also of a folder within one", async () => {
  await using world = await nested();
  await using all = await world.tree.checkout("", never);
  assert.equal(await readFile(join(all.root, "libs/lib/base/base.yaml"), "utf8"), "base");
  assert.deepEqual(all.submodules, []);
  await using part = await world.tree.checkout("libs/lib/x", never);
  assert.equal(await readFile(join(part.root, "libs/lib/x/y.yaml"), "utf8"), "y");
  assert.equal(part.folder, join(part.root, "libs/lib/x"));
});

test("submodules that nobody reads are not fetched", async () => {
  await using world = await nested();
  const before = await world.rig.count("fetch");
  await world.tree.listFiles("app", never);
  assert.equal((await world.rig.count("fetch")) - before, 2, "the repository, and .gitmodules");
});

test("where submodules are switched off their folders are empty, and nothing of them is fetched", async () => {
  await using world = await nested();
  let isOn = false;
  await using rig = await openSources({ readsSubmodules: () => isOn });
  const tree = gitTree(rig.sources, world.app.url, world.commit);
  assert.deepEqual(
    (await tree.listFiles("libs", never)).map(({ path, kind }) => [path, kind]),
    [["libs/lib", "submodule"]],
  );
  assert.equal(await tree.treeId("libs/lib/x", never), undefined);
  await using all = await tree.checkout("", never);
  assert.deepEqual(all.submodules, ["libs/lib"]);
  isOn = true;
  assert.equal((await tree.listFiles("libs", never)).length, 4);
});

test("a submodule that leads nowhere says so", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const modules = `[submodule "m"]\npath = m\nurl = ../none\n[submodule "o"]\npath = o\nurl = ${repository.url}\n`;
  await repository.commit({ ".gitmodules": modules });
  for (const path of ["m", "n", "o"]) {
    await repository.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},${path}`);
  }
  await repository.git("commit", "-q", "-m", "Submodules");
  const tree = gitTree(rig.sources, repository.url, await repository.git("rev-parse", "HEAD"));
  await assert.rejects(tree.listFiles("m", never), { code: "GIT_REPOSITORY_NOT_FOUND" });
  await assert.rejects(tree.listFiles("", never), { code: "GIT_REPOSITORY_NOT_FOUND" });
  await assert.rejects(tree.listFiles("o", never), { code: "GIT_REVISION_NOT_FOUND" });
  await assert.rejects(tree.listFiles("n", never), { code: "GIT_PATH_INVALID" });
});

/** Commits of one repository, each with `count` submodules that are the commit before it: as near to a loop as ids allow. */
async function chain(length: number, count: number) {
  const repository = await createTestRepository();
  const names = Array.from({ length: count }, (_, index) => `m${String(index).padStart(3, "0")}`);
  const modules = names.map((name) => `[submodule "${name}"]\npath = ${name}\nurl = ${repository.url}\n`).join("");
  let commit = await repository.commit({ "a.yaml": "a" });
  for (let depth = 0; depth < length; depth++) {
    const entries = names.map((name) => ["160000", name, commit] as const);
    commit = await repository.rawCommit([["100644", ".gitmodules", modules], ...entries], "refs/heads/main");
  }
  return { repository, commit, [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose]() };
}

for (const [name, length, count, code, message] of [
  ["deeper than five", 6, 1, "GIT_REFUSED", /submodule "m000" is over 5 submodules deep/],
  ["a thousand in all", 2, 40, "GIT_TOO_LARGE", /more than the 1000 submodules allowed/],
] as const) {
  test(`submodules within submodules are refused beyond ${name}`, async () => {
    await using world = await chain(length, count);
    await using rig = await openSources();
    const tree = gitTree(rig.sources, world.repository.url, world.commit);
    await assert.rejects(tree.listFiles("", never), { code, message });
    await assert.rejects(tree.checkout("", never), { code, message });
  });
}

test("a submodule on the same server is read with the credentials of its repository", async () => {
  await using world = await nested();
  const asked: string[] = [];
  const basic = { username: "me", password: "pw" };
  const access = (repository: string) => {
    asked.push(repository);
    return repository === world.app.url ? { ...anonymousAccess, basic } : anonymousAccess;
  };
  await using rig = await openSources({ access });
  const submodules = rig.sources.ofProject("p").forSubmodulesOf(world.app.url);
  assert.equal((await submodules.resolve(world.lib.url, "main", never)).revision, "main");
  // Others do not read what was fetched so.
  assert.equal(rig.sources.findRefs(world.lib.url), undefined);
  assert.notEqual(submodules.findRefs(world.lib.url), undefined);
});

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createTestRepository, git, type TestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { never, openSources, type SourceRig } from "./rig.ts";

failOnLeakedChildren();

async function leftovers(rig: SourceRig): Promise<readonly string[]> {
  return readdir(join(rig.directory, "git", "work")).catch(() => []);
}

const file = "100644";
const link = "120000";

describe("trees that are refused", () => {
  let repository: TestRepository;
  let rig: SourceRig;

  before(async () => {
    repository = await createTestRepository();
    rig = await openSources();
  });

  after(async () => {
    await rig[Symbol.asyncDispose]();
    await repository[Symbol.asyncDispose]();
  });

  for (const [name, entries, code, message] of [
    ["a link out of the tree", [[link, "a", "../../x"]], "GIT_REFUSED", /symbolic link "a" leads out of it/],
    ["an absolute link", [[link, "a", "/etc/passwd"]], "GIT_REFUSED", /symbolic link "a"/],
    ["a link without a target", [[link, "a", ""]], "GIT_REFUSED", /symbolic link "a"/],
    ["a file named ..", [[file, "..", "x"]], "GIT_REFUSED", /an entry "\.\."/],
    ["a file named with a slash", [[file, "../x", "x"]], "GIT_REFUSED", /an entry "\.\.\/x"/],
    ["a file named .git", [[file, ".GIT", "x"]], "GIT_REFUSED", /an entry "\.GIT"/],
    [
      "a name twice, as link and file",
      [
        [link, "a", "b"],
        [file, "a", "x"],
      ],
      "GIT_REFUSED",
      /two entries "a"/,
    ],
    ["an odd mode", [["010644", "a", "x"]], "GIT_REFUSED", /mode "010644"/],
  ] as const) {
    test(`${name} is refused, and nothing is left`, async () => {
      const commit = await repository.rawCommit(entries, "refs/heads/main");
      const expected = { name: "TerminalError", code, message };
      await assert.rejects(rig.sources.checkout(repository.url, commit, "", never), expected);
      assert.deepEqual(await leftovers(rig), []);
    });
  }
});

test("names that are no UTF-8 are refused where they stand; odd ones, and such that differ in case alone, are not", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const latin = Buffer.concat([Buffer.from(join(repository.path, "latin/caf")), Buffer.from([0xe9])]);
  await mkdir(join(repository.path, "latin"));
  await writeFile(latin, "x");
  const names = ["-rf", "A", "a", "a\nb", "caf\u00e9", "x\ty"];
  const commit = await repository.commit(Object.fromEntries(names.map((name) => [`odd/${name}`, `of ${name}`])));
  const message = /^the repository is refused: a folder of it has an entry "caf\ufffd"$/;
  await assert.rejects(rig.sources.checkout(repository.url, commit, "latin", never), { code: "GIT_REFUSED", message });
  await using checkout = await rig.sources.checkout(repository.url, commit, "odd", never);
  assert.deepEqual((await readdir(checkout.folder)).sort(), names);
  for (const name of names) assert.equal(await readFile(join(checkout.folder, name), "utf8"), `of ${name}`);
});

test("nothing is written through a link to a folder", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const inner = await repository.rawCommit([[file, "f", "x"]], "refs/heads/inner");
  const tree = await repository.git("rev-parse", `${inner}^{tree}`);
  const commit = await repository.rawCommit(
    [
      ["40000", "a", tree],
      [link, "b", "a"],
    ],
    "refs/heads/main",
  );
  await using checkout = await rig.sources.checkout(repository.url, commit, "", never);
  assert.deepEqual((await readdir(join(checkout.root, "b"))).sort(), ["f"]);
});

for (const [name, limits, message] of [
  ["too many files", { maxFiles: 5 }, /more than 5 files/],
  ["too many bytes", { maxCheckoutBytes: 50 }, /larger than the 50 bytes/],
] as const) {
  test(`a folder with ${name} is refused, a smaller one is not`, async () => {
    await using repository = await createTestRepository();
    await using rig = await openSources({ limits });
    const names = Array.from({ length: 10 }, (_, index) => `app/${index}`);
    const commit = await repository.commit({
      ...Object.fromEntries(names.map((path) => [path, "0123456789"])),
      "small/a": "1",
    });
    const expected = { code: "GIT_TOO_LARGE", message };
    await assert.rejects(rig.sources.checkout(repository.url, commit, "app", never), expected);
    assert.deepEqual(await leftovers(rig), []);
    await using small = await rig.sources.checkout(repository.url, commit, "small", never);
    assert.equal(small.entries.length, 1);
  });
}

test("trees that name each other over and over end at the limit", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources({ limits: { maxFiles: 1_000 } });
  let tree = await repository.git(
    "rev-parse",
    `${await repository.rawCommit([[file, "f", "x"]], "refs/heads/x")}^{tree}`,
  );
  let commit = "";
  for (let depth = 0; depth < 20; depth++) {
    commit = await repository.rawCommit(
      [
        ["40000", "a", tree],
        ["40000", "b", tree],
      ],
      "refs/heads/main",
    );
    tree = await repository.git("rev-parse", `${commit}^{tree}`);
  }
  await assert.rejects(rig.sources.listFiles(repository.url, commit, "", never), { code: "GIT_TOO_LARGE" });
});

test("a file that is too large is refused, and the next read works", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources({ limits: { maxFileBytes: 1_000 } });
  const commit = await repository.commit({ large: "x".repeat(100_000), small: "ok" });
  await assert.rejects(rig.sources.read(repository.url, commit, "large", never), { code: "GIT_TOO_LARGE" });
  assert.equal(String(await rig.sources.read(repository.url, commit, "small", never)), "ok");
});

test("a repository that is too large is refused, and starts anew in the next process", async () => {
  await using repository = await createTestRepository();
  const limits = { maxMirrorBytes: 100_000 };
  await using rig = await openSources({ limits });
  await repository.git("config", "uploadpack.allowFilter", "false");
  await repository.commit({ large: Array.from({ length: 100_000 }, () => Math.random()).join() });
  await assert.rejects(rig.sources.fetch(repository.url, {}, never), { code: "GIT_TOO_LARGE" });
  await repository.git("checkout", "-q", "--orphan", "small");
  await repository.git("rm", "-q", "-r", "-f", ".");
  const commit = await repository.commit({ small: "1" });
  await repository.git("branch", "-D", "main");
  await using next = await openSources({ limits, directory: join(rig.directory, "git") });
  assert.equal((await next.sources.resolve(repository.url, "small", never)).commit, commit);
});

test("protocols that run programs are refused before Git sees them", async () => {
  await using rig = await openSources();
  const mark = join(rig.directory, "mark");
  for (const url of [
    `ext::touch ${mark}`,
    `ext::touch%20${mark}`,
    `--upload-pack=touch ${mark}`,
    "git://127.0.0.1/x",
  ]) {
    await assert.rejects(rig.sources.fetch(url, {}, never), { code: "GIT_REFUSED" });
    await assert.rejects(rig.sources.tips(url, never), { code: "GIT_REFUSED" });
  }
  assert.equal(existsSync(mark), false);
  assert.equal(await rig.seen(), "");
});

test("local paths are refused where they are not allowed", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources({ allowLocal: false });
  await assert.rejects(rig.sources.tips(repository.url, never), { code: "GIT_REFUSED", message: /local path/ });
});

test("hooks, filters and attributes of a repository do nothing", async () => {
  await using repository = await createTestRepository();
  await using rig = await openSources();
  const mark = join(rig.directory, "mark");
  const commit = await repository.commit({
    ".gitattributes": "a filter=evil export-ignore\nb export-subst\nc text eol=crlf\n",
    a: "a\n",
    b: "$Format:%H$\n",
    c: "c\n",
  });
  await git(repository.path, ["config", "filter.evil.smudge", `touch ${mark}`]);
  await using checkout = await rig.sources.checkout(repository.url, commit, "", never);
  const texts = await Promise.all(["a", "b", "c"].map((name) => readFile(join(checkout.root, name), "utf8")));
  assert.deepEqual(texts, ["a\n", "$Format:%H$\n", "c\n"]);
  assert.equal(existsSync(mark), false);
});

import assert from "node:assert/strict";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gitTree } from "../../../src/gitops/source/git-tree.ts";
import { createTestRepository, type TestRepository } from "../../harness/git-repository.ts";
import { createSshSigner, gpgMissing } from "../../harness/gpg.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();

const id = /^[0-9a-f]{64}$/;

/** A repository whose ids are made with SHA-256: two commits, the first of them with a tag. */
async function open() {
  const repository = await createTestRepository("sha256");
  const first = await repository.commit({ "app/a.yaml": "a: 1\n", "app/deep/b.yaml": "b" });
  await repository.git("tag", "-a", "-m", "Release", "v1.0.0");
  const second = await repository.commit({ "app/a.yaml": "a: 2\n" });
  return {
    repository,
    first,
    second,
    url: repository.url,
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

test("a repository whose ids are made with SHA-256 is read as any other", async () => {
  await using world = await open();
  const { repository, first, second, url } = world;
  await using rig = await openSources();
  const { sources } = rig;
  assert.equal((await sources.tips(url, never)).get("refs/heads/main"), second);
  for (const [revision, commit] of [
    ["", second],
    ["main", second],
    ["1.x", first],
    ["v1.0.0", first],
    [first, first],
    [first.toUpperCase(), first],
    [first.slice(0, 7), first],
    [first.slice(0, 50), first],
  ] as const) {
    const resolved = await sources.resolve(url, revision, never);
    assert.match(resolved.commit, id);
    assert.deepEqual([revision, resolved.commit], [revision, commit]);
  }
  assert.deepEqual(
    (await sources.listFiles(url, second, "app", never)).map(({ path }) => path),
    ["app/a.yaml", "app/deep/b.yaml"],
  );
  assert.match((await sources.treeId(url, second, "app", never)) ?? "", id);
  assert.equal(String(await sources.read(url, first, "app/a.yaml", never)), "a: 1\n");
  await using checkout = await sources.checkout(url, second, "app", never);
  assert.equal(await readFile(join(checkout.folder, "a.yaml"), "utf8"), "a: 2\n");
  assert.equal((await sources.commitInfo(url, first, never)).tags.join(), "v1.0.0");
  assert.equal(await sources.isAncestor(url, first, second, never), true);

  const third = await repository.commit({ "app/a.yaml": "a: 3\n" });
  const wanted = { commit: third, ref: "refs/heads/main", before: second };
  assert.equal((await sources.fetch(url, wanted, never)).fetched, true);
  assert.equal((await sources.fetch(url, { commit: first, ref: "refs/heads/main" }, never)).fetched, false);
  // 40 digits are an id of another kind of repository, not a part of one of this.
  for (const revision of [first.slice(0, 40), "1".repeat(64), "1".repeat(40), "0123456"]) {
    const message = `unable to resolve '${revision}' to a commit SHA`;
    await assert.rejects(sources.resolve(url, revision, never), { code: "GIT_REVISION_NOT_FOUND", message });
  }
  // The next process finds the mirror, and knows it.
  await using next = await openSources({ directory: join(rig.directory, "git") });
  assert.equal(String(await next.sources.read(url, third, "app/a.yaml", never)), "a: 3\n");
  assert.equal(await next.count("fetch"), 0, "the file came with its push");
});

test("commits signed in a repository of SHA-256 are verified", { skip: gpgMissing() ?? false }, async () => {
  await using ada = await createSshSigner();
  await using world = await open();
  const { repository, url } = world;
  await repository.git(...ada.options, "commit", "-q", "--allow-empty", "-S", "-m", "Signed");
  const commit = await repository.git("rev-parse", "HEAD");
  await using rig = await openSources();
  const verify = (mode: "head" | "strict") =>
    rig.sources.verify(url, { commit, revision: "main" }, { mode, keys: [ada.key] }, never);
  assert.deepEqual(await verify("head"), []);
  const found = await verify("strict");
  assert.match(found.join("\n"), new RegExp(`^(?:GIT/GPG: .* ${"[0-9a-f]{64}"} by .*: unsigned\n?){2}$`));
});

async function withSubmodule(app: TestRepository, module: TestRepository): Promise<string> {
  await app.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", module.url, "lib");
  return app.commit({});
}

test("submodules of a repository of SHA-256 are read", async () => {
  await using world = await open();
  await using app = await createTestRepository("sha256");
  await app.commit({ "a.yaml": "a" });
  const commit = await withSubmodule(app, world.repository);
  await using rig = await openSources();
  const files = await gitTree(rig.sources, app.url, commit).listFiles("lib/app", never);
  assert.deepEqual(
    files.map(({ path }) => path),
    ["lib/app/a.yaml", "lib/app/deep/b.yaml"],
  );
});

test("a repository that was made anew with the other kind of ids is followed, to and fro", async () => {
  await using one = await createTestRepository();
  await using world = await open();
  const old = await one.commit({ a: "sha1" });
  await using rig = await openSources();
  const { sources } = rig;
  assert.equal((await sources.resolve(one.url, "main", never)).commit, old);
  const [here, there] = [join(one.path, ".git"), join(world.repository.path, ".git")];
  const aside = `${here}-aside`;
  await rename(here, aside);
  await rename(there, here);
  await sources.fetch(one.url, {}, never);
  assert.equal(String(await sources.read(one.url, world.second, "app/a.yaml", never)), "a: 2\n");
  await rm(here, { recursive: true });
  await rename(aside, here);
  await sources.fetch(one.url, {}, never);
  assert.equal(String(await sources.read(one.url, old, "a", never)), "sha1");
});

test("a Git that knows no SHA-256 says what is wanted", async () => {
  await using world = await open();
  await using rig = await openSources();
  // As versions before 2.29 answer.
  const command = join(rig.directory, "git-old");
  const usage = 'echo "error: unknown option \\`object-format=sha256\'" >&2; exit 129';
  await writeFile(command, `#!/bin/sh\ncase "$*" in *--object-format*) ${usage};; esac\nexec git "$@"\n`, {
    mode: 0o755,
  });
  await using old = await openSources({ tool: { command, env: { PATH: process.env.PATH ?? "" } } });
  await assert.rejects(old.sources.fetch(world.url, {}, never), {
    code: "TOOL_MISSING",
    message: /SHA-256, which the git on PATH does not know: install Git 2\.29 or newer$/,
  });
});

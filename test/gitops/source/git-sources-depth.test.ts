import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { anonymousAccess } from "../../../src/gitops/source/source.ts";
import { createTestRepository, git, type TestRepository } from "../../harness/git-repository.ts";
import { createSshSigner, gpgMissing } from "../../harness/gpg.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { never, openSources, type SourceRig } from "./rig.ts";

failOnLeakedChildren();

/** Projects by how many commits their Secret says; each has credentials of its own. */
async function openCut(depths: Readonly<Record<string, number | undefined>> = { "": 1 }) {
  const access = (_repository: string, project: string) => {
    const depth = depths[project];
    return { ...anonymousAccess, scope: project, ...(depth === undefined ? {} : { depth }) };
  };
  return openSources({ access });
}

/** Commits of `main` that each mirror has. */
async function lengths({ directory }: SourceRig): Promise<readonly number[]> {
  const mirrors = globSync("git/*.git", { cwd: directory });
  const counts = mirrors.map((path) => git(join(directory, path), ["rev-list", "--count", "main"]));
  return (await Promise.all(counts)).map(Number).sort((a, b) => a - b);
}

async function commits(repository: TestRepository, from: number, to: number): Promise<readonly string[]> {
  const made: string[] = [];
  for (let n = from; n <= to; n++) made.push(await repository.commit({ "app/a.yaml": `n: ${n}\n` }));
  return made;
}

test("with a depth the last commits are fetched, now and with each push; tags and ranges mean what they did", async () => {
  await using repository = await createTestRepository();
  const [first = "", second = ""] = await commits(repository, 1, 2);
  await repository.git("tag", "-a", "-m", "Release", "v1.1.0", second);
  await repository.git("branch", "old", first);
  const tip = (await commits(repository, 3, 5)).at(-1) ?? "";
  await using rig = await openCut();
  const { sources } = rig;
  const { url } = repository;
  assert.equal((await sources.resolve(url, "", never)).commit, tip);
  assert.deepEqual(await lengths(rig), [1]);
  assert.equal((await sources.resolve(url, "1.x", never)).commit, second);
  assert.equal(String(await sources.read(url, first, "app/a.yaml", never)), "n: 1\n");
  assert.equal(await rig.count("fetch"), 2, "all refs, and a file");

  const [, pushed = ""] = await commits(repository, 6, 7);
  await sources.fetch(url, { commit: pushed, ref: "refs/heads/main" }, never);
  assert.deepEqual(await lengths(rig), [1]);
  assert.equal(String(await sources.read(url, pushed, "app/a.yaml", never)), "n: 7\n");
  // What was the tip is there, though its history and that of the new one are cut off from each other.
  const before = await rig.count("fetch");
  assert.equal(String(await sources.read(url, tip, "app/a.yaml", never)), "n: 5\n");
  assert.equal((await rig.count("fetch")) - before, 1, "the file");
});

test("what is before the depth is fetched when somebody asks for it", async () => {
  await using repository = await createTestRepository();
  const [first = "", second = "", third = "", , fifth = ""] = await commits(repository, 1, 5);
  await using rig = await openCut();
  const { sources } = rig;
  const { url } = repository;
  await sources.fetch(url, {}, never);
  // By its id, which most servers give: alone.
  assert.equal((await sources.resolve(url, third, never)).commit, third);
  assert.equal(String(await sources.read(url, third, "app/a.yaml", never)), "n: 3\n");
  // Whether it is in the branch: what came after it, a week before it at most.
  assert.equal(await sources.isAncestor(url, second, fifth, never), true);
  assert.equal(await sources.isAncestor(url, fifth, second, never), false);
  // By a part of its id: all that there is, from then on.
  await using short = await openCut();
  assert.equal((await short.sources.resolve(url, first.slice(0, 9), never)).commit, first);
  assert.deepEqual(await lengths(short), [5]);
  const [sixth = ""] = await commits(repository, 6, 6);
  await short.sources.fetch(url, { commit: sixth }, never);
  assert.deepEqual(await lengths(short), [6]);
  await assert.rejects(sources.resolve(url, "0123456", never), { code: "GIT_REVISION_NOT_FOUND" });
  await assert.rejects(sources.resolve(url, "1".repeat(40), never), { code: "GIT_REVISION_NOT_FOUND" });
});

test("a server that gives no commit by its id gives its history", async () => {
  await using repository = await createTestRepository();
  const [first = ""] = await commits(repository, 1, 3);
  await using folder = await tempDir();
  const command = join(folder.path, "git-0");
  // By the older protocol tips of branches are given alone.
  await writeFile(command, `#!/bin/sh\nexec git -c protocol.version=0 "$@"\n`, { mode: 0o755 });
  const tool = { command, env: { PATH: process.env.PATH ?? "" } };
  await using rig = await openSources({ access: () => ({ ...anonymousAccess, depth: 1 }), tool });
  assert.equal((await rig.sources.resolve(repository.url, first, never)).commit, first);
  assert.deepEqual(await lengths(rig), [3]);
});

test("each Secret has the depth that it says, from when it says it", async () => {
  await using repository = await createTestRepository();
  await commits(repository, 1, 6);
  const depths: Record<string, number | undefined> = { one: 1, three: 3, all: undefined };
  await using rig = await openCut(depths);
  const fetchAll = () =>
    Promise.all(Object.keys(depths).map((name) => rig.sources.ofProject(name).fetch(repository.url, {}, never)));
  await fetchAll();
  assert.deepEqual(await lengths(rig), [1, 3, 6]);
  depths.one = 2;
  depths.three = undefined;
  depths.all = 4;
  await fetchAll();
  assert.deepEqual(await lengths(rig), [2, 6, 6], "what is there stays");
});

test("signatures of a whole history are looked at beyond the depth", { skip: gpgMissing() ?? false }, async () => {
  await using ada = await createSshSigner();
  await using repository = await createTestRepository();
  await repository.commit({ a: "1" });
  for (const message of ["Seal\n\nArgocd-gpg-seal: looked at", "Next", "Last"]) {
    await repository.git(...ada.options, "commit", "-q", "--allow-empty", "-S", "-m", message);
  }
  await using rig = await openCut();
  const { commit } = await rig.sources.resolve(repository.url, "main", never);
  const verify = (mode: "head" | "strict") =>
    rig.sources.verify(repository.url, { commit, revision: "main" }, { mode, keys: [ada.key] }, never);
  assert.deepEqual(await verify("head"), []);
  assert.deepEqual(await lengths(rig), [1]);
  assert.deepEqual(await verify("strict"), []);
});

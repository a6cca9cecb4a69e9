import assert from "node:assert/strict";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gitTree } from "../../../src/gitops/source/git-tree.ts";
import { parseLfsPointer } from "../../../src/gitops/source/lfs.ts";
import { anonymousAccess, type RepositoryAccess } from "../../../src/gitops/source/source.ts";
import { gitLfsMissing, type LfsServer, oidOf, startLfsServer } from "../../harness/git-lfs.ts";
import { git } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { sshdMissing, startSshd } from "../../harness/sshd.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();
const skip = gitLfsMissing() ?? false;
const large = Buffer.from("large ".repeat(1_000));

/** Pushed by the real git-lfs. Gives the commit. */
async function push(server: LfsServer): Promise<string> {
  await using folder = await tempDir();
  const path = join(folder.path, "clone");
  await git(folder.path, ["clone", "-q", server.pushUrl, "clone"]);
  await git(path, ["lfs", "install", "--local"]);
  await git(path, ["config", "lfs.locksverify", "false"]);
  await git(path, ["lfs", "track", "*.bin"]);
  await writeFile(join(path, "large.bin"), large);
  await symlink("large.bin", join(path, "link.bin"));
  await git(path, ["add", "-A"]);
  await git(path, ["commit", "-q", "-m", "Large"]);
  await git(path, ["push", "-q", "origin", "HEAD"]);
  return await git(path, ["rev-parse", "HEAD"]);
}

const access = (own: Partial<RepositoryAccess>) => () => ({ ...anonymousAccess, ...own });

test("large files stand in place of their pointers where the Secret says so", { skip }, async () => {
  await using server = await startLfsServer();
  const commit = await push(server);
  assert.deepEqual([...server.objects.keys()], [oidOf(large)]);
  await using rig = await openSources({ access: access({ hasLfs: true }) });
  const tree = gitTree(rig.sources, server.url, commit);
  assert.ok((await tree.read("large.bin", never)).equals(large));
  assert.equal(String(await tree.read("a.txt", never)), "small");
  assert.match((await tree.treeId("link.bin", never)) ?? "", /^link:/);
  const entries = (await tree.listFiles("", never)).filter(({ path }) => path === "large.bin");
  assert.ok((await tree.readFiles(entries, 10_000, never)).get("large.bin")?.equals(large));
  await assert.rejects(tree.readFiles(entries, 1_000, never), { code: "GIT_TOO_LARGE" });
  await using checkout = await tree.checkout("", never);
  assert.ok((await readFile(join(checkout.root, "large.bin"))).equals(large));

  await using plain = await openSources();
  const pointers = gitTree(plain.sources, server.url, commit);
  assert.match(String(await pointers.read("large.bin", never)), /^version https:/);
  assert.notEqual(await pointers.treeId("", never), await tree.treeId("", never));
});

test("a server that lacks the file, sends another one, or wants credentials is told of", { skip }, async () => {
  const token = `Basic ${Buffer.from("me:s3cret").toString("base64")}`;
  await using server = await startLfsServer();
  const commit = await push(server);
  await using rig = await openSources({ access: access({ hasLfs: true }) });
  const read = (): Promise<Buffer> => gitTree(rig.sources, server.url, commit).read("large.bin", never);
  server.objects.set(oidOf(large), Buffer.from("x".repeat(large.length)));
  await assert.rejects(read(), { code: "GIT_FAILED", message: /another file than the one/ });
  server.objects.set(oidOf(large), Buffer.alloc(64 * 1024 * 1024));
  await assert.rejects(read(), { code: "GIT_TOO_LARGE", message: /larger than the 6001 bytes allowed/ });
  server.objects.clear();
  await assert.rejects(read(), { code: "GIT_FAILED", message: /has no file/ });
  const led = (download: object): string => JSON.stringify({ objects: [{ oid: oidOf(large), actions: { download } }] });
  for (const [lie, message] of [
    ["<html>Log in</html>", /its answer is no JSON, as a server of LFS files gives it/],
    ['{"objects": [', /its answer is no JSON/],
    ["[]", /it has no file/],
    ['{"objects": [null]}', /it has no file/],
    [led({ href: "file:///etc/passwd" }), /it has no file/],
    [led({ href: 7, header: ["x"] }), /it has no file/],
    [led({ href: "http://169.254.169.254/latest", header: { "Metadata-Flavor": "x" } }), /is a link-local or metadata/],
    [led({ href: `${server.url}/objects/none`, header: { "a b\n": "c" } }), /failed to read ".*\/objects\/none"/],
  ] as const) {
    server.lie = lie;
    await assert.rejects(read(), { message }, lie);
  }

  await using closed = await startLfsServer(token);
  closed.objects.set(oidOf(large), large);
  const files = rig.sources.findLfs(closed.url);
  const pointer = { oid: oidOf(large), bytes: large.length };
  await assert.rejects(files!.fetch(pointer, 10_000, never), { code: "GIT_AUTH_FAILED" });
  const basic = { username: "me", password: "s3cret" };
  await using allowed = await openSources({ access: access({ hasLfs: true, basic }) });
  assert.ok((await allowed.sources.findLfs(closed.url)!.fetch(pointer, 10_000, never)).equals(large));
});

test("over ssh the server says where its large files are", { skip: sshdMissing() ?? skip }, async () => {
  await using server = await startLfsServer("Given by-ssh");
  server.objects.set(oidOf(large), large);
  const answer = JSON.stringify({ href: `${server.url}/info/lfs`, header: { Authorization: "Given by-ssh" } });
  const forced = `test "$SSH_ORIGINAL_COMMAND" = "git-lfs-authenticate team/demo.git download" && echo '${answer}'`;
  await using sshd = await startSshd({ forced });
  const { privateKey: sshPrivateKey, knownHosts } = sshd;
  await using rig = await openSources({ access: access({ hasLfs: true, sshPrivateKey, knownHosts }) });
  const pointer = { oid: oidOf(large), bytes: large.length };
  const fetched = await rig.sources.findLfs(sshd.urlOf("/team/demo.git"))!.fetch(pointer, 10_000, never);
  assert.ok(fetched.equals(large));
  const odd = rig.sources.findLfs(sshd.urlOf("/team/demo;id.git"))!.fetch(pointer, 10_000, never);
  await assert.rejects(odd, { code: "GIT_REFUSED" });
});

for (const [text, isPointer] of [
  [`version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12\n`, true],
  [`version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize x\n`, false],
  [`version https://git-lfs.github.com/spec/v1\noid md5:${"0".repeat(32)}\nsize 12\n`, false],
  [`# version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12\n`, false],
  [`version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12\n${"x".repeat(1024)}`, false],
] as const) {
  test(`${isPointer ? "a" : "no"} pointer: ${JSON.stringify(text.slice(0, 130))}`, () => {
    assert.equal(parseLfsPointer(Buffer.from(text)) !== undefined, isPointer);
  });
}

import assert from "node:assert/strict";
import { globSync, readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { anonymousAccess, type RepositoryAccess } from "../../../src/gitops/source/source.ts";
import { createTestRepository, type TestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { type SshServer, sshdMissing, startSshd } from "../../harness/sshd.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();
const skip = sshdMissing() ?? false;

const access = (own: Partial<RepositoryAccess>) => () => ({ ...anonymousAccess, ...own });

test("reads a private repository with its key, from a host that is known", { skip }, async () => {
  await using server = await startSshd();
  await using repository = await createTestRepository();
  const first = await repository.commit({ "web/a.yaml": "a: 1\n" });
  const { privateKey: sshPrivateKey, knownHosts } = server;
  await using rig = await openSources({ access: access({ sshPrivateKey, knownHosts }) });
  const url = server.urlOf(repository.path);
  assert.equal((await rig.sources.resolve(url, "main", never)).commit, first);
  assert.equal(String(await rig.sources.read(url, first, "web/a.yaml", never)), "a: 1\n");
  const second = await repository.commit({ "web/a.yaml": "a: 2\n" });
  assert.equal((await rig.sources.tips(url, never)).get("refs/heads/main"), second);
  await rig.sources.fetch(url, { commit: second }, never);
  assert.equal(String(await rig.sources.read(url, second, "web/a.yaml", never)), "a: 2\n");
  assert.doesNotMatch(await rig.seen(), /PRIVATE KEY/);
  const files = globSync("git/**/*", { cwd: rig.directory }).filter((path) =>
    statSync(join(rig.directory, path)).isFile(),
  );
  for (const path of files) assert.doesNotMatch(readFileSync(join(rig.directory, path), "latin1"), /PRIVATE KEY/, path);
});

describe("servers that refuse", { skip }, () => {
  const stack = new AsyncDisposableStack();
  let server: SshServer;
  let other: SshServer;
  let repository: TestRepository;

  before(async () => {
    server = stack.use(await startSshd());
    other = stack.use(await startSshd());
    repository = stack.use(await createTestRepository());
    await repository.commit({ a: "1" });
  });

  after(() => stack.disposeAsync());

  for (const [name, own, code, message] of [
    ["another key", { sshPrivateKey: "other" }, "GIT_AUTH_FAILED", /did not take the SSH key/],
    ["no key", {}, "GIT_AUTH_FAILED", /did not take the SSH key/],
    ["a key that is none", { sshPrivateKey: "no key\n" }, "GIT_AUTH_FAILED", /did not take the SSH key/],
    ["an unknown host", { sshPrivateKey: "user", knownHosts: "" }, "GIT_HOST_UNKNOWN", /argocd-ssh-known-hosts-cm/],
    ["a host with another key", { sshPrivateKey: "user", knownHosts: "false" }, "GIT_HOST_UNKNOWN", /host key/],
  ] as const) {
    test(`says what is wrong with ${name}`, async () => {
      const keys: Record<string, string> = { user: server.privateKey, other: server.otherKey };
      const hosts: Record<string, string> = {
        "": "",
        false: other.knownHosts.replace(String(other.port), String(server.port)),
      };
      const given: Partial<RepositoryAccess> = {
        knownHosts: "knownHosts" in own ? (hosts[own.knownHosts] ?? "") : server.knownHosts,
        ...("sshPrivateKey" in own ? { sshPrivateKey: keys[own.sshPrivateKey] ?? own.sshPrivateKey } : {}),
      };
      await using rig = await openSources({ access: access(given) });
      const expected = { name: "TerminalError", code, message };
      await assert.rejects(rig.sources.resolve(server.urlOf(repository.path), "", never), expected);
    });
  }
});

test("an unknown host is taken where the Secret says so", { skip }, async () => {
  await using server = await startSshd();
  await using repository = await createTestRepository();
  const first = await repository.commit({ a: "1" });
  await using rig = await openSources({
    access: access({ sshPrivateKey: server.privateKey, isHostKeyIgnored: true }),
  });
  assert.equal((await rig.sources.resolve(server.urlOf(repository.path), "", never)).commit, first);
});

/** In place of connect-proxy: goes straight to where it is told, and writes that down. */
const straight = `#!/usr/bin/env node
const args = process.argv.slice(2);
const { SOCKS5_USER, SOCKS5_PASSWD } = process.env;
require("node:fs").writeFileSync(__dirname + "/asked", [...args, SOCKS5_USER, SOCKS5_PASSWD].join(" "));
const socket = require("node:net").connect(Number(args.at(-1)), args.at(-2));
process.stdin.pipe(socket).pipe(process.stdout);
`;

test("a SOCKS proxy is reached by connect-proxy, and where that is missing it is said", { skip }, async () => {
  await using server = await startSshd();
  await using repository = await createTestRepository();
  const first = await repository.commit({ a: "1" });
  await using folder = await tempDir();
  const path = join(folder.path, "connect-proxy");
  const { privateKey: sshPrivateKey, knownHosts } = server;
  const own = { sshPrivateKey, knownHosts, proxy: "socks5://me:s3%40cret@127.0.0.1:1080" };
  const tool = { command: "git", env: { PATH: `${folder.path}:${process.env.PATH}` } };
  await using rig = await openSources({ access: access(own), tool });
  const url = server.urlOf(repository.path);
  await assert.rejects(rig.sources.tips(url, never), {
    code: "TOOL_MISSING",
    message: /: ssh reaches a SOCKS proxy by the program connect-proxy, which is not on PATH: install it$/,
  });
  await writeFile(path, straight, { mode: 0o755 });
  assert.equal((await rig.sources.tips(url, never)).get("refs/heads/main"), first);
  assert.equal(
    readFileSync(join(folder.path, "asked"), "utf8"),
    `-S 127.0.0.1:1080 -5 127.0.0.1 ${server.port} me s3@cret`,
  );
});

test("a path that a shell would read otherwise stays a path", { skip }, async () => {
  await using server = await startSshd();
  const { privateKey: sshPrivateKey, knownHosts } = server;
  await using rig = await openSources({ access: access({ sshPrivateKey, knownHosts }) });
  const paths = ["/x;touch$IFS/tmp/y", "/$(id)", "/`id`", "/'a'"];
  const refused = (path: string): Promise<void> =>
    assert.rejects(rig.sources.tips(server.urlOf(path), never), { code: "GIT_REPOSITORY_NOT_FOUND" }, path);
  await Promise.all(paths.map(refused));
});

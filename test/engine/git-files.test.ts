import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import { createGitFiles } from "../../src/engine/git-files.ts";
import type { Parts } from "../../src/engine/parts.ts";
import type { GitFile } from "../../src/events/triggers/trigger.ts";
import { anonymousAccess } from "../../src/gitops/source/source.ts";
import { createTestRepository, type TestRepository } from "../harness/git-repository.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { type SshServer, sshdMissing, startSshd } from "../harness/sshd.ts";
import { tempDir } from "../harness/temp-dir.ts";

failOnLeakedChildren();

const skip = sshdMissing();
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** What the engine gives triggers, over a directory of its own; `knownHosts` are users' `argocd-ssh-known-hosts-cm`. */
async function open(knownHosts: string) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempDir());
  const parts = {
    config: { git: { command: "git", env: { PATH: process.env.PATH ?? "" } } },
    dataDir: { file: (name: string) => join(folder.path, name) },
    clock: systemClock,
    log: silentLogger,
    metrics: createMetrics(),
  };
  const served = { localPathOf: () => undefined };
  // Only these of the many parts are used.
  const files = createGitFiles(parts as unknown as Parts, served as never, (repository, project) => {
    assert.equal(project, "", "credentials of projects are theirs");
    return { ...anonymousAccess, knownHosts, basic: { username: "an", password: `application's, of ${repository}` } };
  });
  stack.use(files);
  const owned = stack.move();
  return { read: files.read, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function startServer(): Promise<
  AsyncDisposable & { server: SshServer; repository: TestRepository; file: GitFile }
> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startSshd());
  const repository = stack.use(await createTestRepository());
  await repository.commit({ "workflows/build.yaml": "one", "top.yaml": "top" });
  const url = server.urlOf(repository.path);
  const owned = stack.move();
  const file = { url, revision: "main", path: "workflows/build.yaml", sshKey: server.privateKey };
  return { server, repository, file, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test("a file is read over ssh with the trigger's key, as the server has it now", { skip }, async () => {
  await using world = await startServer();
  const { server, repository, file } = world;
  await using files = await open(server.knownHosts);
  assert.equal(String(await files.read(file, soon())), "one");
  const first = await repository.git("rev-parse", "HEAD");
  await repository.commit({ "workflows/build.yaml": "two" });
  await repository.git("tag", "v1");
  assert.equal(String(await files.read(file, soon())), "two");
  assert.equal(String(await files.read({ ...file, revision: first }, soon())), "one");
  for (const revision of ["v1", "refs/tags/v1", "refs/heads/main", "HEAD"]) {
    assert.equal(String(await files.read({ ...file, revision }, soon())), "two", revision);
  }
  await repository.git("tag", "-a", "both", "-m", "two", "v1");
  await repository.git("branch", "both", first);
  assert.equal(String(await files.read({ ...file, revision: "both" }, soon())), "one");
  assert.equal(String(await files.read({ ...file, revision: "both", isTag: true }, soon())), "two");
  assert.equal(String(await files.read({ ...file, path: "top.yaml" }, soon())), "top");
  const both = await Promise.all([files.read(file, soon()), files.read(file, soon())]);
  assert.deepEqual(both.map(String), ["two", "two"]);
});

test("what is wrong is told, and what one key fetched no other reads", { skip }, async () => {
  await using world = await startServer();
  const { server, repository, file } = world;
  await using files = await open(server.knownHosts);
  assert.equal(String(await files.read(file, soon())), "one");
  await repository.rawCommit([["120000", "link.yaml", "/etc/passwd"]], "refs/heads/link");
  const link = { ...file, revision: "link", path: "link.yaml" };
  await assert.rejects(files.read(link, soon()), { code: "GIT_PATH_INVALID" });
  const { sshKey: _key, ...keyless } = file;
  for (const wrong of [{ ...file, sshKey: server.otherKey }, keyless]) {
    await assert.rejects(files.read(wrong, soon()), { code: "GIT_AUTH_FAILED" });
  }
  await assert.rejects(files.read({ ...file, sshKey: "no key" }, soon()), (error: Error) => {
    assert.doesNotMatch(error.message, /no key/);
    return true;
  });
  await assert.rejects(files.read({ ...file, revision: "none" }, soon()), { code: "GIT_REVISION_NOT_FOUND" });
  await assert.rejects(files.read({ ...file, path: "workflows" }, soon()), { code: "GIT_PATH_INVALID" });
  await assert.rejects(files.read({ ...file, path: "../x" }, soon()), { code: "GIT_PATH_INVALID" });
  await assert.rejects(files.read({ ...file, url: `${file.url}-gone` }, soon()), { code: "GIT_REPOSITORY_NOT_FOUND" });
  await assert.rejects(files.read({ ...file, url: "file:///etc" }, soon()), { code: "GIT_REFUSED" });
});

test("an unknown host is refused, unless the trigger says that any may answer", { skip }, async () => {
  await using world = await startServer();
  await using files = await open("");
  await assert.rejects(files.read(world.file, soon()), { message: /[Hh]ost key/ });
  assert.equal(String(await files.read({ ...world.file, ignoreHostKey: true }, soon())), "one");
});

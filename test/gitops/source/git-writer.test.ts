import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { createGitWriter, type Restored, type Restoring } from "../../../src/gitops/source/git-writer.ts";
import { anonymousAccess } from "../../../src/gitops/source/source.ts";
import { git } from "../../harness/git-repository.ts";
import { gitPassword, startGitServer } from "../../harness/git-server.ts";

const signal = (): AbortSignal => AbortSignal.timeout(30_000);
const seed = { "web/a.txt": "1", "web/sub/b.txt": "1", "other/c.txt": "1", "a.txt": "1" };

test("a folder is brought back by a commit on top of its branch, and nothing is ever forced", async () => {
  await using remote = await startGitServer();
  await remote.server.createServedRepository("shop", seed);
  const folder = join(remote.directory, "clone");
  await git(remote.directory, ["clone", "--quiet", remote.server.pushUrlOf("shop"), folder]);
  const run = (...args: string[]): Promise<string> => git(folder, args);
  const good = await run("rev-parse", "HEAD");
  await git(folder, ["rm", "--quiet", "web/sub/b.txt"]);
  for (const [path, text] of [
    ["web/a.txt", "2"],
    ["web/new.txt", "2"],
    ["other/c.txt", "2"],
  ] as const) {
    await run(
      "update-index",
      "--add",
      "--cacheinfo",
      `100644,${await git(folder, ["hash-object", "-w", "--stdin"], text)},${path}`,
    );
  }
  await run("commit", "--quiet", "-m", "Bad");
  await run("tag", "v1");
  await run("push", "--quiet", "origin", "HEAD", "v1");
  const bad = await run("rev-parse", "HEAD");
  const branch = await run("rev-parse", "--abbrev-ref", "HEAD");

  const tool = { command: "git", env: { PATH: process.env.PATH ?? "" } };
  const writer = createGitWriter({ directory: join(remote.directory, "work"), tool, clock: systemClock });
  const rights = { ...anonymousAccess, basic: { username: "git", password: gitPassword } };
  const asked = { repository: remote.server.urlOf("shop"), rights, branch, path: "web", from: good, message: "Back" };
  const restore = async (more: Partial<Restoring> = {}): Promise<Restored> => {
    const made = await writer.restore({ ...asked, ...more }, signal());
    assert.ok(made, "a commit");
    return made;
  };
  assert.equal(await writer.restore({ ...asked, from: bad }, signal()), undefined, "it is what it was");
  const filesAt = async (commit: string): Promise<string> => {
    await run("fetch", "--quiet", "origin");
    const names = (await run("ls-tree", "-r", "--name-only", commit)).split("\n");
    const texts = await Promise.all(names.map((name) => run("show", `${commit}:${name}`)));
    return names.map((name, index) => `${name}=${texts[index]}`).join(" ");
  };

  const refused: readonly (readonly [name: string, more: Partial<Restoring>, code: string, message: RegExp])[] = [
    ["a tag", { branch: "v1" }, "GIT_REVISION_NOT_FOUND", /no branch "v1": only those are written/],
    ["no such branch", { branch: "nope" }, "GIT_REVISION_NOT_FOUND", /no branch "nope"/],
    ["no name of a branch", { to: "a..b" }, "GIT_REFUSED", /"a\.\.b" is no name of a branch/],
    ["what is no folder there", { path: "web/a.txt" }, "GIT_PATH_INVALID", /is no folder at/],
    ["what is nowhere", { path: "nowhere" }, "GIT_PATH_INVALID", /is no folder at/],
    ["what is outside", { path: "../web" }, "GIT_PATH_INVALID", /outside root/],
    [
      "a wrong password",
      { rights: { ...rights, basic: { username: "git", password: "x" } } },
      "GIT_AUTH_FAILED",
      /push to/,
    ],
  ];
  for (const [name, more, code, message] of refused) {
    await assert.rejects(restore(more), (error) => {
      assert.ok(error instanceof EngineError, name);
      assert.deepEqual([error.code, message.test(error.message)], [code, true], `${name}: ${error.message}`);
      return true;
    });
  }

  const proposed = await restore({ to: "back/web" });
  assert.deepEqual([proposed.ref, proposed.before], ["refs/heads/back/web", bad]);
  assert.equal(await filesAt("origin/back/web"), "a.txt=1 other/c.txt=2 web/a.txt=1 web/sub/b.txt=1");
  assert.equal(await run("rev-parse", `origin/${branch}`), bad, "the branch stays where it is");
  await run(
    "push",
    "--quiet",
    "origin",
    `${await run("commit-tree", `${bad}^{tree}`, "-p", bad, "-m", "Other")}:refs/heads/taken`,
  );
  await assert.rejects(restore({ to: "taken" }), { code: "GIT_REFUSED", message: /has commits that this one/ });

  const once = { to: "once", key: "sensor/back/e1" };
  const first = await restore(once);
  assert.deepEqual(
    await restore(once),
    { ...first, before: first.commit },
    "the same effect again is no second commit",
  );
  await run("fetch", "--quiet", "origin");
  assert.equal(await run("log", "-1", "--format=%B", first.commit), "Back\nEffect: sensor/back/e1");
  const done = await restore({ branch: "", message: "Back\n\nbody" });
  assert.equal(done.ref, `refs/heads/${branch}`);
  await run("fetch", "--quiet", "origin");
  assert.equal(await run("log", "-1", "--format=%P %an %B", done.commit), `${bad} Tiphys Back\n\nbody`);
  assert.equal(await run("rev-parse", `origin/${branch}`), done.commit);
  const whole = await restore({ path: "." });
  assert.equal(await filesAt(whole.commit), "a.txt=1 other/c.txt=1 web/a.txt=1 web/sub/b.txt=1");
  assert.equal(await run("rev-parse", `${whole.commit}^{tree}`), await run("rev-parse", `${good}^{tree}`));
});

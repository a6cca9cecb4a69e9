import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TerminalError } from "../../src/base/errors.ts";
import { git } from "../harness/git-repository.ts";
import { gitPassword, startGitServer, type TestGitServer } from "../harness/git-server.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { waitFor } from "../harness/wait.ts";

failOnLeakedChildren();

const files = { "guestbook/deployment.yaml": "kind: Deployment\n", "README.md": "ü\n" };
const zeros = "0".repeat(40);

/** A served repository and a clone of it that may push. */
async function openClone(options: Parameters<typeof startGitServer>[0] = {}) {
  const rig = await startGitServer(options);
  await rig.server.createServedRepository("demo", files);
  await git(rig.directory, ["clone", "-q", rig.server.pushUrlOf("demo"), "clone"]);
  const clone = join(rig.directory, "clone");
  return { ...rig, clone, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

async function commit(clone: string, text: string): Promise<string> {
  await writeFile(join(clone, "guestbook/deployment.yaml"), text);
  await git(clone, ["commit", "-q", "-a", "-m", "Change"]);
  return git(clone, ["rev-parse", "HEAD"]);
}

test("anybody may clone; the first commit has the files", async () => {
  await using rig = await startGitServer();
  await rig.server.createServedRepository("demo", files);
  await git(rig.directory, ["clone", "-q", rig.server.urlOf("demo"), "clone"]);
  assert.equal(await readFile(join(rig.directory, "clone", "README.md"), "utf8"), "ü\n");
  assert.equal(await git(join(rig.directory, "clone"), ["rev-list", "--count", "main"]), "1");
});

test("a repository that is there is left as it is", async () => {
  await using rig = await openClone();
  const head = await commit(rig.clone, "kind: Other\n");
  await git(rig.clone, ["push", "-q"]);
  await rig.server.createServedRepository("demo", { other: "1" });
  assert.match(await git(rig.directory, ["ls-remote", rig.server.urlOf("demo"), "main"]), new RegExp(`^${head}`));
});

test("a push with the password is told with the refs that it changed", async () => {
  await using rig = await openClone();
  const first = await git(rig.clone, ["rev-parse", "HEAD"]);
  const second = await commit(rig.clone, "kind: Other\n");
  await git(rig.clone, ["tag", "v1"]);
  await git(rig.clone, ["push", "-q", "origin", "main", "v1"]);
  await waitFor("the push", () => rig.pushes.length === 1);
  const changes = [
    { name: "refs/heads/main", old: first, new: second },
    { name: "refs/tags/v1", old: zeros, new: second },
  ];
  assert.deepEqual(rig.pushes[0], { repository: "demo", url: rig.server.urlOf("demo"), refs: changes });
  await git(rig.clone, ["push", "-q", "origin", ":v1"]);
  await waitFor("the next push", () => rig.pushes.length === 2);
  assert.deepEqual(rig.pushes[1]?.refs, [{ name: "refs/tags/v1", old: second, new: zeros }]);
  await git(rig.clone, ["push", "-q", "origin", "main"]);
  assert.equal(rig.pushes.length, 2, "nothing changed, nothing is told");
});

test("pushes at the same time are told apart", async () => {
  await using rig = await openClone();
  const names = Array.from({ length: 6 }, (_, index) => `branch-${index}`);
  const push = (name: string) => git(rig.clone, ["push", "-q", "origin", `main:${name}`]);
  await Promise.all(names.map(push));
  await waitFor("all pushes", () => rig.pushes.length === names.length);
  const told = rig.pushes.map(({ refs }) => refs.map(({ name }) => name));
  assert.deepEqual(
    told.sort(),
    names.map((name) => [`refs/heads/${name}`]),
  );
});

test("a push that Git refuses is not told", async () => {
  await using rig = await openClone();
  await commit(rig.clone, "kind: Other\n");
  await git(rig.clone, ["push", "-q"]);
  await git(rig.clone, ["reset", "-q", "--hard", "HEAD~1"]);
  await commit(rig.clone, "kind: Third\n");
  await assert.rejects(git(rig.clone, ["push", "-q"]), /rejected/);
  await waitFor("the accepted push", () => rig.pushes.length === 1);
  assert.equal(rig.pushes.length, 1);
});

test("a push without the password, or with another, changes nothing", async () => {
  await using rig = await openClone();
  await commit(rig.clone, "kind: Other\n");
  const wrong = rig.server.pushUrlOf("demo").replace(encodeURIComponent(gitPassword), "wrong");
  for (const url of [rig.server.urlOf("demo"), wrong]) {
    await assert.rejects(
      git(rig.clone, ["push", "-q", url, "main"]),
      /terminal prompts disabled|Authentication failed/,
    );
  }
  const raw = { method: "POST", headers: { "content-type": "application/x-git-receive-pack-request" } };
  assert.equal((await call(rig, "/demo.git/git-receive-pack", raw)).status, 401);
  assert.equal(rig.pushes.length, 0);
});

test("a larger push than allowed is refused", async () => {
  await using rig = await openClone({ maxPushBytes: 20_000 });
  const noise = Array.from({ length: 20_000 }, () => Math.random().toString(36)).join("");
  await commit(rig.clone, noise);
  await assert.rejects(git(rig.clone, ["push", "-q"]));
  assert.equal(rig.pushes.length, 0);
  assert.equal(
    await git(rig.directory, ["ls-remote", rig.server.urlOf("demo"), "main"]).then((text) => text.length),
    56,
  );
});

interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function call(rig: TestGitServer, path: string, options: CallOptions = {}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: "127.0.0.1", port: rig.server.port, path, agent: false, ...options },
      (incoming) => {
        let text = "";
        incoming.on("data", (chunk) => {
          text += String(chunk);
        });
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, text }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end();
  });
}

test("only the requests of Git are answered", async () => {
  await using rig = await startGitServer();
  await rig.server.createServedRepository("demo", files);
  const upload = "info/refs?service=git-upload-pack";
  for (const [path, status, options] of [
    [`/demo.git/${upload}`, 200, {}],
    [`/demo.git/${upload}`, 403, { headers: { host: "evil.example" } }],
    [`/demo.git/${upload}`, 404, { method: "POST" }],
    ["/demo.git/info/refs", 404, {}],
    ["/demo.git/info/refs?service=git-upload-archive", 404, {}],
    ["/demo.git/info/refs?service=git-receive-pack", 401, {}],
    ["/demo.git/HEAD", 404, {}],
    ["/demo.git/config", 404, {}],
    [`/other.git/${upload}`, 404, {}],
    [`/../repos/demo.git/${upload}`, 404, {}],
    [`/%2e%2e.git/${upload}`, 404, {}],
    [`/...git/${upload}`, 404, {}],
    [`/demo/../demo.git/${upload}`, 404, {}],
    [`//demo.git/${upload}`, 404, {}],
  ] as const) {
    assert.deepEqual([path, (await call(rig, path, options)).status], [path, status]);
  }
});

test("names and paths that lead elsewhere are refused, and leave nothing", async () => {
  await using rig = await startGitServer();
  for (const name of ["", "..", "a/b", "A", "x.git", "a..b", "-a", "a\n"]) {
    await assert.rejects(rig.server.createServedRepository(name, files), TerminalError);
  }
  for (const path of ["../x", "/x", "a//b", ".git/config", "a/.GIT/x", 'a"b', "a\nb", ""]) {
    await assert.rejects(rig.server.createServedRepository("demo", { [path]: "1" }), { code: "CONFIG_INVALID" });
  }
  assert.deepEqual(await readdir(join(rig.directory, "repos")), ["hooks"]);
});

test("a client that goes before its answer leaves nothing that waits for it", { timeout: 30_000 }, async () => {
  await using rig = await startGitServer();
  await rig.server.createServedRepository("demo", files);
  const { port } = rig.server;
  const asked = `GET /demo.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  const goes = async (afterMs: number): Promise<void> => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    await new Promise<void>((resolve) => socket.write(asked, () => resolve()));
    await sleep(afterMs);
    socket.destroy();
  };
  // More than are served at once: places that are not given back would keep the next one waiting.
  for (let n = 0; n < 24; n++) await goes(n % 8);
  assert.match(await git(rig.directory, ["ls-remote", rig.server.urlOf("demo")]), /refs\/heads\/main/);
});

test("an end of the server ends requests under way", async () => {
  const rig = await startGitServer();
  await rig.server.createServedRepository("demo", files);
  const authorization = `Basic ${Buffer.from(`git:${gitPassword}`).toString("base64")}`;
  const headers = { authorization, "content-type": "application/x-git-receive-pack-request", "content-length": "1000" };
  const options = { host: "127.0.0.1", port: rig.server.port, path: "/demo.git/git-receive-pack", method: "POST" };
  const hanging = request({ ...options, headers, agent: false });
  const broken = new Promise((resolve) => hanging.on("error", resolve));
  hanging.write("0");
  await waitFor("the child", () => process.getActiveResourcesInfo().includes("ProcessWrap"));
  await rig[Symbol.asyncDispose]();
  await broken;
});

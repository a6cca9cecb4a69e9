import assert from "node:assert/strict";
import { once } from "node:events";
import { globSync, readFileSync, statSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { anonymousAccess } from "../../../src/gitops/source/source.ts";
import { git } from "../../harness/git-repository.ts";
import { startGitServer } from "../../harness/git-server.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { waitFor } from "../../harness/wait.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();

const basic = (username: string, password: string) => () => ({ ...anonymousAccess, basic: { username, password } });

/** A server of the test's own; `onRequest` may leave requests without an answer. */
async function startServer(onRequest: RequestListener) {
  const server = createServer(onRequest);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

test("reads a served repository, and follows a push to it", async () => {
  await using served = await startGitServer();
  await using rig = await openSources();
  await served.server.createServedRepository("demo", { "app/a.yaml": "1", "other/b.yaml": "2" });
  const url = served.server.urlOf("demo");
  const first = await rig.sources.resolve(url, "HEAD", never);
  assert.equal(String(await rig.sources.read(url, first.commit, "app/a.yaml", never)), "1");
  await git(served.directory, ["clone", "-q", served.server.pushUrlOf("demo"), "clone"]);
  const clone = join(served.directory, "clone");
  await writeFile(join(clone, "app/a.yaml"), "new");
  await git(clone, ["commit", "-q", "-a", "-m", "Change"]);
  await git(clone, ["push", "-q"]);
  const push = await waitFor("the push", () => served.pushes[0]);
  const [change] = push.refs;
  const outcome = await rig.sources.fetch(push.url, { commit: change!.new, ref: change!.name }, never);
  assert.equal(outcome.fetched, true);
  const { commit } = await rig.sources.resolve(url, "", never);
  assert.equal(commit, change!.new);
  await using checkout = await rig.sources.checkout(url, commit, "app", never);
  assert.equal(await readFile(join(checkout.folder, "a.yaml"), "utf8"), "new");
});

test("mirrors hold no file that nobody asked for", async () => {
  await using served = await startGitServer();
  await using rig = await openSources();
  await served.server.createServedRepository("demo", { "app/a.yaml": "1", "big.bin": "x".repeat(100_000) });
  const url = served.server.urlOf("demo");
  const { commit } = await rig.sources.resolve(url, "", never);
  await using _checkout = await rig.sources.checkout(url, commit, "app", never);
  const mirror = join(rig.directory, "git");
  const names = globSync("*.git", { cwd: mirror });
  const objects = await git(rig.directory, [
    "-C",
    join(mirror, names[0]!),
    "cat-file",
    "--batch-all-objects",
    "--batch-check",
  ]);
  assert.equal(objects.split("\n").filter((line) => line.includes(" blob ")).length, 1);
});

test("a repository of this machine comes with its files, in one request", async () => {
  await using served = await startGitServer();
  const localPathOf = (url: string): string => join(served.directory, "repos", url.split("/").at(-1) ?? "");
  await using rig = await openSources({ allowLocal: false, localPathOf });
  await served.server.createServedRepository("demo", { "app/a.yaml": "1" });
  const url = served.server.urlOf("demo");
  const { commit } = await rig.sources.resolve(url, "", never);
  assert.equal((await rig.sources.read(url, commit, "app/a.yaml", never)).toString(), "1");
  assert.equal(await rig.count("fetch"), 1);
});

for (const [name, status, headers, code, message] of [
  ["no repository", 404, {}, "GIT_REPOSITORY_NOT_FOUND", /repository not found/],
  [
    "a repository for others",
    401,
    { "www-authenticate": 'Basic realm="x"' },
    "GIT_AUTH_FAILED",
    /authentication required/,
  ],
  ["a forbidden repository", 403, {}, "GIT_AUTH_FAILED", /authorization failed/],
  ["an error of the server", 500, {}, "GIT_FAILED", /500/],
] as const) {
  test(`${name} has the message that Argo CD users know`, async () => {
    await using server = await startServer((_request, response) => response.writeHead(status, headers).end());
    await using rig = await openSources();
    const url = `${server.url}/x.git`;
    const isTerminal = code !== "GIT_FAILED";
    const expected = { name: isTerminal ? "TerminalError" : "EngineError", code, message };
    await assert.rejects(rig.sources.resolve(url, "", never), expected);
    await assert.rejects(rig.sources.tips(url, never), expected);
  });
}

test("a local repository that is not there is not found either", async () => {
  await using rig = await openSources();
  const expected = { name: "TerminalError", code: "GIT_REPOSITORY_NOT_FOUND" };
  await assert.rejects(rig.sources.resolve(`${rig.directory}/none`, "", never), expected);
});

function forward(incoming: IncomingMessage, outgoing: ServerResponse, port: number): void {
  const { method, url: path, headers } = incoming;
  const options = { host: "127.0.0.1", port, method, path, headers: { ...headers, host: `127.0.0.1:${port}` } };
  const onward = request(options, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(outgoing);
  });
  incoming.pipe(onward);
}

/** Asks for a password before it passes a request on to a served repository. */
async function startPrivateServer(secret: string) {
  const stack = new AsyncDisposableStack();
  const served = stack.use(await startGitServer());
  await served.server.createServedRepository("demo", { a: "1" });
  const expected = `Basic ${Buffer.from(`me:${secret}`).toString("base64")}`;
  const server = stack.use(
    await startServer((incoming, response) => {
      const { authorization = "" } = incoming.headers;
      if (authorization === expected) return forward(incoming, response, served.server.port);
      response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    }),
  );
  return { url: `${server.url}/demo.git`, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("credentials reach the server, and neither process list, files nor errors", async () => {
  const secret = "s3cr3t $(id) 'quoted\" %41";
  await using server = await startPrivateServer(secret);
  await using rig = await openSources({ access: basic("me", secret) });
  const { commit } = await rig.sources.resolve(server.url, "main", never);
  assert.match(commit, /^[0-9a-f]{40}$/);
  await using wrong = await openSources({ access: basic("me", "wr0ng-password") });
  await assert.rejects(wrong.sources.resolve(server.url, "main", never), (error: Error) => {
    assert.match(error.message, /authentication required/);
    assert.doesNotMatch(`${error.stack}`, /wr0ng/);
    return true;
  });
  for (const one of [rig, wrong]) assert.doesNotMatch(await one.seen(), /s3cr3t|wr0ng|czNj/);
  const files = globSync("git/**/*", { cwd: rig.directory }).filter((path) =>
    statSync(join(rig.directory, path)).isFile(),
  );
  assert.ok(files.length > 3);
  for (const path of files) assert.ok(!readFileSync(join(rig.directory, path)).includes("s3cr3t"), path);
});

test("credentials in the URL are used where no others are known", async () => {
  await using server = await startPrivateServer("p@ss");
  await using rig = await openSources();
  const url = server.url.replace("//", "//me:p%40ss@");
  await rig.sources.resolve(url, "main", never);
  assert.doesNotMatch(await rig.seen(), /p%40ss|p@ss/);
});

test("a server that redirects does not get credentials sent elsewhere", async () => {
  const seen: string[] = [];
  await using thief = await startServer((request, response) => {
    seen.push(request.headers.authorization ?? "none");
    response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
  });
  await using server = await startServer((request, response) => {
    response.writeHead(302, { location: `${thief.url}${request.url}` }).end();
  });
  await using rig = await openSources({ access: basic("me", "secret") });
  await assert.rejects(rig.sources.tips(`${server.url}/x.git`, never), { code: "GIT_AUTH_FAILED" });
  assert.deepEqual(new Set(seen), new Set(["none"]));
});

test("a server that hangs times out, and only its own callers wait", async () => {
  let asked = 0;
  await using hanging = await startServer(() => {
    asked += 1; // and never answers
  });
  await using served = await startGitServer();
  await served.server.createServedRepository("demo", { a: "1" });
  const limits = { listTimeoutMs: 1_500, fetchTimeoutMs: 1_500, maxChildrenPerHost: 2, maxRemoteChildren: 4 };
  await using rig = await openSources({ limits });
  const stuck = Array.from({ length: 6 }, (_, index) => rig.sources.fetch(`${hanging.url}/${index}.git`, {}, never));
  const outcomes = Promise.allSettled(stuck);
  await waitFor("two to hang", () => asked >= 2);
  const { commit } = await rig.sources.resolve(served.server.urlOf("demo"), "", never);
  assert.match(commit, /^[0-9a-f]{40}$/);
  assert.ok(asked <= 4, "two fetches and two lists: the others of the host wait, and hold no place");
  for (const outcome of await outcomes) {
    assert.equal(outcome.status, "rejected");
    assert.equal(outcome.status === "rejected" && outcome.reason.code, "TOOL_TIMEOUT");
  }
});

test("a server that takes the request and is silent is given up after the time of a list of refs, not of a fetch", async () => {
  await using hanging = await startServer(() => undefined);
  await using rig = await openSources({ limits: { listTimeoutMs: 400, fetchTimeoutMs: 60_000 } });
  const url = `${hanging.url}/x.git`;
  const began = performance.now();
  const message = `failed to list refs of "${url}": the server does not answer: git ls-remote did not end within 0.4 s (reposerver.git.request.timeout)`;
  await assert.rejects(rig.sources.resolve(url, "", never), { code: "TOOL_TIMEOUT", message });
  assert.ok(performance.now() - began < 20_000);
  const again = performance.now();
  await assert.rejects(rig.sources.resolve(url, "", never), { code: "TOOL_TIMEOUT", message });
  assert.ok(performance.now() - again < 300, "a failure of a moment ago is the answer");
});

test("an abort ends Git and what it started", async () => {
  let open = 0;
  await using hanging = await startServer((request) => {
    open += 1;
    request.socket.once("close", () => {
      open -= 1;
    });
  });
  await using rig = await openSources();
  const stop = new AbortController();
  const fetching = rig.sources.fetch(`${hanging.url}/x.git`, {}, stop.signal);
  const other = rig.sources.fetch(`${hanging.url}/x.git`, {}, stop.signal);
  await waitFor("the connection", () => open === 1);
  stop.abort(new Error("no longer wanted"));
  await assert.rejects(fetching, /no longer wanted/);
  await assert.rejects(other, /no longer wanted/);
  await waitFor("the connection to be closed by Git's helper", () => open === 0);
  await waitFor("the child to be gone", () => !process.getActiveResourcesInfo().includes("ProcessWrap"));
});

test("a caller that leaves does not end the fetch of the others", async () => {
  await using served = await startGitServer();
  await served.server.createServedRepository("demo", { a: "1" });
  await using rig = await openSources();
  const stop = new AbortController();
  const url = served.server.urlOf("demo");
  const leaving = rig.sources.fetch(url, {}, stop.signal);
  const staying = rig.sources.fetch(url, {}, never);
  stop.abort(new Error("left"));
  await assert.rejects(leaving, /left/);
  assert.equal((await staying).fetched, true);
  assert.equal(await rig.count("fetch"), 1);
});

test("a missing git says so", async () => {
  await using rig = await openSources({ tool: { command: "no-such-git", env: { PATH: "/usr/bin" } } });
  const expected = { name: "TerminalError", code: "TOOL_MISSING" };
  await assert.rejects(rig.sources.tips("https://example.com/x", never), expected);
});

import assert from "node:assert/strict";
import { rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { createRepositoryPoller } from "../../../src/controllers/applications/repository-poller.ts";
import { never } from "../../gitops/source/rig.ts";
import { createTestRepository, git } from "../../harness/git-repository.ts";
import { startGitServer } from "../../harness/git-server.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { intervalMs, openWorld, used } from "./poller-rig.ts";

failOnLeakedChildren();

const zeros = "0".repeat(40);

test("the first look is no move; what is moved, new or gone after that is told once", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  const first = await repository.commit({ a: "1" });
  await repository.git("branch", "old");
  await repository.git("tag", "v1");
  world.urls.add(repository.url);
  world.start();
  await world.pass(2 * intervalMs);
  assert.deepEqual([world.changes, world.fetches], [[], []]);
  const second = await repository.commit({ a: "2" });
  await repository.git("branch", "-D", "old");
  await repository.git("tag", "v2", first);
  await repository.git("update-ref", "refs/pull/1/head", second);
  await world.pass(2 * intervalMs);
  assert.deepEqual(world.changes, [
    {
      url: repository.url,
      refs: [
        { name: "HEAD", old: first, new: second },
        { name: "refs/heads/main", old: first, new: second },
        { name: "refs/tags/v2", old: zeros, new: first },
        { name: "refs/heads/old", old: first, new: zeros },
      ],
      defaultBranch: "refs/heads/main",
    },
  ]);
  assert.equal(world.fetches.length, 1);
  assert.equal((await world.sources.resolve(repository.url, "main", never)).commit, second);
  assert.deepEqual(world.lines, []);
});

test("a move that a push has brought here is told, and not fetched again", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  world.urls.add(repository.url);
  await repository.commit({ a: "1" });
  world.start();
  await world.pass(2_000);
  const commit = await repository.commit({ a: "2" });
  await world.sources.fetch(repository.url, {}, never);
  await world.pass(intervalMs);
  assert.deepEqual(
    world.changes.map(({ refs }) => refs.map((ref) => ref.new)),
    [[commit, commit]],
  );
  assert.deepEqual(world.fetches, []);
});

test("only refs that nobody follows moved: nothing is told", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  const first = await repository.commit({ a: "1" });
  world.urls.add(repository.url);
  world.start();
  await world.pass(intervalMs);
  await repository.git("update-ref", "refs/pull/1/head", first);
  await repository.git("update-ref", "refs/notes/x", first);
  await world.pass(2 * intervalMs);
  assert.deepEqual([world.changes, world.fetches], [[], []]);
});

test("the first push to an empty repository is a move", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  world.urls.add(repository.url);
  world.start();
  await world.pass(intervalMs);
  const first = await repository.commit({ a: "1" });
  await world.pass(intervalMs);
  const refs = ["HEAD", "refs/heads/main"].map((name) => ({ name, old: zeros, new: first }));
  assert.deepEqual(world.changes, [{ url: repository.url, refs, defaultBranch: "refs/heads/main" }]);
});

test("what moved between the first fetch and the first look is told", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  const first = await repository.commit({ a: "1" });
  await repository.git("tag", "file", await repository.git("rev-parse", "main:a"));
  await world.sources.resolve(repository.url, "main", never);
  const second = await repository.commit({ a: "2" });
  world.urls.add(repository.url);
  world.start();
  await world.pass(1_000);
  const refs = ["HEAD", "refs/heads/main"].map((name) => ({ name, old: first, new: second }));
  assert.deepEqual(world.changes, [{ url: repository.url, refs, defaultBranch: "refs/heads/main" }]);
});

const branches: readonly [string, readonly string[], readonly string[], string | undefined][] = [
  ["one branch at HEAD", ["branch dev"], ["commit"], "refs/heads/main"],
  ["HEAD moves to another branch", ["branch dev", "commit"], ["symbolic-ref HEAD refs/heads/dev"], "refs/heads/dev"],
  ["two that moved together: the usual name", ["branch dev"], ["commit", "branch -f dev"], "refs/heads/main"],
  ["a new one beside it: the one that was there", ["branch -m trunk"], ["commit", "branch main"], "refs/heads/trunk"],
  ["two unusual names that moved together", ["branch -m a", "branch b"], ["commit", "branch -f b"], undefined],
];

for (const [what, before, after, expected] of branches) {
  test(`the default branch with ${what} is ${expected}`, async () => {
    await using repository = await createTestRepository();
    await using world = await openWorld();
    const run = async (commands: readonly string[]): Promise<void> => {
      for (const command of commands) {
        if (command === "commit") await repository.commit({ a: `${Math.random()}` });
        else await repository.git(...command.split(" "));
      }
    };
    await run(["commit", ...before]);
    world.urls.add(repository.url);
    world.start();
    await world.pass(intervalMs);
    await run(after);
    await world.pass(intervalMs);
    assert.equal(world.changes.length, 1);
    assert.equal(world.changes[0]?.defaultBranch, expected);
  });
}

test("a move that could not be passed on is told again, with what moved since", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  const first = await repository.commit({ a: "1" });
  world.urls.add(repository.url);
  world.start();
  await world.pass(intervalMs);
  world.onMoved = () => Promise.reject(new Error("the bus is away"));
  await repository.commit({ a: "2" });
  await world.pass(intervalMs);
  const third = await repository.commit({ a: "3" });
  world.onMoved = () => undefined;
  await world.pass(2 * intervalMs);
  assert.deepEqual(
    world.changes.map(({ refs }) => refs[0]),
    [{ name: "HEAD", old: first, new: third }],
  );
  assert.deepEqual(world.lines, [
    `warn repository could not be polled, will retry: ${repository.url} the bus is away`,
    `info repository is polled again: ${repository.url}`,
  ]);
});

test("a repository that fails is said once, asked less and less often, and holds up no other", async () => {
  await using repository = await createTestRepository();
  await using other = await createTestRepository();
  await using world = await openWorld();
  const first = await repository.commit({ a: "1" });
  await other.commit({ a: "1" });
  for (const { url } of [repository, other]) world.urls.add(url);
  world.start();
  await world.pass(intervalMs);
  await rename(join(repository.path, ".git"), join(repository.path, "away"));
  world.polls.length = 0;
  await world.pass(20 * intervalMs);
  const at = (url: string) => world.polls.filter((poll) => poll.url === url).map(({ second }) => second);
  const gaps = at(repository.url).flatMap((second, index, all) =>
    index === 0 ? [] : [second - (all[index - 1] ?? 0)],
  );
  assert.deepEqual([...new Set(gaps)], [120, 240], "and is found again within some minutes of its return");
  assert.ok(at(other.url).length >= 19);
  assert.equal(world.lines.length, 1);
  assert.match(world.lines[0] ?? "", /^warn repository could not be polled, will retry: file:.* repository not found$/);
  await rename(join(repository.path, "away"), join(repository.path, ".git"));
  const second = await repository.commit({ a: "2" });
  await world.pass(8 * intervalMs);
  assert.deepEqual(world.changes[0]?.refs[0], { name: "HEAD", old: first, new: second });
  assert.match(world.lines[1] ?? "", /^info repository is polled again/);
  assert.equal(world.lines.length, 2);
});

test("many repositories are asked eight at once, then spread over the interval, each once in it", async () => {
  await using repository = await createTestRepository();
  await using folder = await tempDir();
  await using world = await openWorld();
  await repository.commit({ a: "1" });
  for (let index = 0; index < 40; index++) {
    const path = join(folder.path, `repository-${index}`);
    await symlink(repository.path, path);
    world.urls.add(path);
  }
  world.start();
  await world.pass(intervalMs);
  assert.equal(world.atOnce.most, 8);
  const first = world.polls.filter(({ second }) => second === 0);
  assert.equal(first.length, 40);
  assert.equal(new Set(first.map(({ url }) => url)).size, 40);
  const rest = world.polls.slice(40).map(({ second }) => second);
  assert.equal(rest.length, 40, "each once more within the interval");
  for (const half of [0, 1]) assert.ok(rest.some((second) => Math.floor(second / 60) === half));
  world.polls.length = 0;
  await world.pass(intervalMs);
  assert.equal(new Set(world.polls.map(({ url }) => url)).size, 40);
  assert.equal(world.polls.length, 40);
});

test("jitter is added to each interval", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld(60_000, () => 0.5);
  await repository.commit({ a: "1" });
  world.urls.add(repository.url);
  world.start();
  await world.pass(6 * intervalMs);
  const seconds = world.polls.map(({ second }) => second).slice(2); // after the spread one, whole seconds
  const gaps = seconds.slice(1).map((second, index) => second - (seconds[index] ?? 0));
  assert.ok(gaps.length >= 1);
  assert.deepEqual([...new Set(gaps)], [150]);
});

test("a repository that is used no longer is forgotten", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  await repository.commit({ a: "1" });
  world.urls.add(repository.url);
  world.start();
  await world.pass(intervalMs);
  world.urls.clear();
  await world.pass(1_000); // one that was due by then may still have been asked
  const polls = world.polls.length;
  await world.pass(2 * intervalMs);
  assert.equal(world.polls.length, polls);
  await repository.commit({ a: "2" });
  world.urls.add(repository.url);
  await world.pass(intervalMs);
  assert.ok(world.polls.length > polls);
  assert.deepEqual(world.changes, []);
});

test("one that comes back before it would have been asked again is asked at once, and as often as before", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  await repository.commit({ a: "1" });
  world.urls.add(repository.url);
  world.start();
  await world.pass(2 * intervalMs);
  world.urls.clear();
  await world.pass(4_000);
  world.urls.add(repository.url);
  world.polls.length = 0;
  await world.pass(3_000);
  // Its own second of the interval, which its URL gives it, may be one of these.
  assert.ok([1, 2].includes(world.polls.length), `${world.polls.length} polls`);
  await world.pass(2 * intervalMs);
  assert.ok(world.polls.length <= 4, `${world.polls.length} polls`);
});

test("spellings of one repository are one; another is tried when one is refused, and kept", async () => {
  await using host = await startGitServer();
  await using world = await openWorld();
  await host.server.createServedRepository("demo", { a: "1" });
  const url = host.server.urlOf("demo");
  for (const spelling of [url.replace(/\.git$/, ""), url]) world.urls.add(spelling);
  world.start();
  await world.pass(6 * intervalMs);
  const [refused, ...taken] = world.polls.map((poll) => poll.url);
  assert.equal(refused, url.replace(/\.git$/, ""));
  assert.ok(taken.length >= 3);
  assert.deepEqual([...new Set(taken)], [url]);
  assert.equal(world.lines.length, 2);
});

test("credentials of a URL are used, and neither told nor logged", async () => {
  await using host = await startGitServer();
  await using world = await openWorld();
  await host.server.createServedRepository("demo", { a: "1" });
  const url = host.server.pushUrlOf("demo");
  const { password } = new URL(url);
  world.urls.add(url);
  world.start();
  await world.pass(intervalMs);
  await createBranch(host.directory, url);
  await world.pass(2 * intervalMs);
  await host.server[Symbol.asyncDispose]();
  await world.pass(2 * intervalMs);
  assert.deepEqual(
    world.changes.map((change) => [change.url, change.refs[0]?.name]),
    [[host.server.urlOf("demo"), "refs/heads/next"]],
  );
  assert.equal(world.lines.length, 1);
  assert.ok(!JSON.stringify([world.changes, world.lines]).includes(password));
});

test("taken over from another engine: what that one may not have told is missed, what it told is not", async () => {
  await using repository = await createTestRepository();
  await repository.commit({ a: "1" });
  const told = new Map<string, string>();
  await using first = await openWorld(0, () => 0, told);
  first.urls.add(repository.url);
  first.start();
  await first.pass(2 * intervalMs);
  await using second = await openWorld(0, () => 0, told);
  second.urls.add(repository.url);
  second.start();
  await second.pass(intervalMs);
  assert.deepEqual([...first.missed, ...second.missed], [], "nothing has moved");
  await first.stop();
  await second.stop();
  await repository.commit({ a: "2" });
  await using third = await openWorld(0, () => 0, told);
  await third.sources.fetch(repository.url, {}, never); // a look was here before the first poll
  third.urls.add(repository.url);
  third.start();
  await third.pass(intervalMs);
  assert.deepEqual(third.missed, [repository.url]);
  assert.deepEqual(third.changes, []);
  await third.pass(2 * intervalMs);
  assert.equal(third.missed.length, 1, "told once");
});

async function createBranch(directory: string, url: string): Promise<void> {
  await git(directory, ["clone", "-q", url, "clone"]);
  await git(join(directory, "clone"), ["push", "-q", "origin", "main:next"]);
}

test("a poll on demand tells what moved before it resolves, whether the repository is in use or not", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  const first = await repository.commit({ a: "1" });
  world.start();
  await world.poller.pollNow(used(repository.url), never);
  assert.deepEqual([world.polls.length, world.changes.length], [1, 0]);
  world.urls.add(repository.url);
  const second = await repository.commit({ a: "2" });
  await world.poller.pollNow(used(`${repository.url}/`), never);
  assert.deepEqual(world.changes[0]?.refs[0], { name: "HEAD", old: first, new: second });
});

test("polls on demand during a poll share one that begins after it", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  await repository.commit({ a: "1" });
  world.urls.add(repository.url);
  world.start();
  await world.pass(intervalMs);
  const gate = Promise.withResolvers<void>();
  world.beforeTips = () => gate.promise;
  world.polls.length = 0;
  const begun = world.poller.pollNow(used(repository.url), never);
  assert.equal(world.polls.length, 1);
  const later = [1, 2, 3].map(() => world.poller.pollNow(used(repository.url), never));
  gate.resolve();
  await Promise.all([begun, ...later]);
  assert.equal(world.polls.length, 2);
});

test("a poll on demand that fails says why; who leaves disturbs no other", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  await repository.commit({ a: "1" });
  world.start();
  await assert.rejects(world.poller.pollNow(used(`${repository.url}-none`), never), {
    code: "GIT_REPOSITORY_NOT_FOUND",
  });
  await assert.rejects(world.poller.pollNow(used("ftp://host/x"), never), { code: "GIT_REFUSED" });
  const gate = Promise.withResolvers<void>();
  world.beforeTips = () => gate.promise;
  const leaving = new AbortController();
  const left = world.poller.pollNow(used(repository.url), leaving.signal);
  const stays = world.poller.pollNow(used(repository.url), never);
  leaving.abort(new Error("left"));
  await assert.rejects(left, /left/);
  gate.resolve();
  await stays;
});

test("a stop ends what is under way and what waits, and is no failure", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  await repository.commit({ a: "1" });
  world.urls.add(repository.url);
  world.beforeTips = (signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  world.start();
  const asked = [1, 2].map(() => assert.rejects(world.poller.pollNow(used(repository.url), never), /stopped/));
  await world.stop();
  await Promise.all(asked);
  await assert.rejects(world.poller.pollNow(used(repository.url), never), /stopped/);
  assert.deepEqual(world.lines, []);
});

test("a failure to say what is in use ends the run, and whatever is under way", async () => {
  await using repository = await createTestRepository();
  await using world = await openWorld();
  await repository.commit({ a: "1" });
  const broken = createRepositoryPoller({
    sources: world.sources,
    repositories: () => {
      throw new Error("no list");
    },
    onMoved: () => undefined,
    pace: () => ({ intervalMs, jitterMs: 0 }),
    random: () => 0,
    clock: createVirtualClock(),
    log: silentLogger,
  });
  const asked = assert.rejects(broken.pollNow(used(repository.url), never), /no list/);
  await assert.rejects(broken.run(never), /no list/);
  await asked;
});

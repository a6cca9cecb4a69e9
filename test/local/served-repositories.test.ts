import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { mkdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { type Logger, silentLogger } from "../../src/base/log.ts";
import type { Push } from "../../src/local/git-server.ts";
import { openServedRepositories, type ServedRepositories } from "../../src/local/served-repositories.ts";
import { freePort } from "../harness/free-port.ts";
import { git } from "../harness/git-repository.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";

failOnLeakedChildren();

interface World extends AsyncDisposable {
  readonly path: string;
  readonly dataDir: string;
  readonly manifests: string;
  readonly pushes: readonly Push[];
  /** `<message> <fields as JSON>` */
  readonly warnings: readonly string[];
  seed(name: string, content: string | Uint8Array): Promise<string>;
  open(options?: { readonly manifests?: string; readonly port?: number }): Promise<ServedRepositories>;
  clone(url: string, folder?: string): Promise<string>;
}

async function openWorld(): Promise<World> {
  const directory = await tempDir();
  const { path } = directory;
  const pushes: Push[] = [];
  const warnings: string[] = [];
  const warn = (message: string, fields?: object) => void warnings.push(`${message} ${JSON.stringify(fields)}`);
  const log: Logger = { ...silentLogger, warn };
  const dataDir = join(path, "data");
  await mkdir(dataDir);
  return {
    path,
    dataDir,
    manifests: join(path, "manifests"),
    pushes,
    warnings,
    async seed(name, content) {
      const file = join(path, "manifests", "repositories", name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      return file;
    },
    open: ({ manifests = join(path, "manifests"), port = 0 } = {}) =>
      openServedRepositories({
        dataDir: { file: (name) => join(dataDir, name) },
        manifests,
        host: "127.0.0.1",
        port,
        tool: { command: "git", env: { PATH: process.env.PATH ?? "" } },
        onPush: (push) => void pushes.push(push),
        clock: systemClock,
        log,
      }),
    async clone(url, folder = "clone") {
      await git(path, ["clone", "-q", url, folder]);
      return join(path, folder);
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("each folder of repositories/ is a served repository with its files", async () => {
  await using world = await openWorld();
  const binary = Uint8Array.from({ length: 256 }, (_, index) => index);
  await world.seed("shop/base/deployment.yaml", "kind: Deployment\n");
  await world.seed("shop/charts/redis.tgz", binary);
  await world.seed("shop/__proto__", "a name like any other");
  await world.seed("shop/.gitignore", "*.log\n");
  await world.seed("blog/empty", "");
  await using served = await world.open();
  assert.deepEqual(served.repositories, ["blog", "shop"]);
  const clone = await world.clone(served.urlOf("shop"));
  assert.deepEqual((await git(clone, ["ls-files"])).split("\n"), [
    ".gitignore",
    "__proto__",
    "base/deployment.yaml",
    "charts/redis.tgz",
  ]);
  assert.equal(await readFile(join(clone, "base/deployment.yaml"), "utf8"), "kind: Deployment\n");
  assert.deepEqual(Uint8Array.from(await readFile(join(clone, "charts/redis.tgz"))), binary);
  assert.equal(await readFile(join(await world.clone(served.urlOf("blog"), "b"), "empty"), "utf8"), "");
  assert.deepEqual(world.warnings, []);
});

test("a repository is seeded once: what was pushed stays, also without its folder", async () => {
  await using world = await openWorld();
  await world.seed("shop/a.yaml", "a: 1\n");
  let pushed = "";
  {
    await using served = await world.open();
    const clone = await world.clone(served.pushUrlOf("shop"));
    await writeFile(join(clone, "a.yaml"), "a: 2\n");
    await git(clone, ["commit", "-q", "-a", "-m", "Change"]);
    await git(clone, ["push", "-q"]);
    pushed = await git(clone, ["rev-parse", "HEAD"]);
    await waitFor("the push", () => world.pushes.length === 1);
    assert.equal(world.pushes[0]?.refs[0]?.new, pushed);
  }
  await world.seed("shop/a.yaml", "a: 3\n");
  await world.seed("late/b.yaml", "b: 1\n");
  {
    await using served = await world.open();
    assert.deepEqual(served.repositories, ["late", "shop"]);
    assert.equal((await git(world.path, ["ls-remote", served.urlOf("shop"), "main"])).slice(0, 40), pushed);
  }
  await rm(world.manifests, { recursive: true });
  await using served = await world.open();
  assert.deepEqual(served.repositories, ["late", "shop"]);
});

test("the password is made at the first start, kept, and for its owner only", async () => {
  await using world = await openWorld();
  await world.seed("shop/a.yaml", "a: 1\n");
  const passwords: string[] = [];
  for (let start = 0; start < 2; start++) {
    await using served = await world.open();
    passwords.push(new URL(served.pushUrlOf("shop")).password);
  }
  const file = join(world.dataDir, "git-password");
  assert.equal(passwords[0], (await readFile(file, "utf8")).trim());
  assert.equal(passwords[0], passwords[1]);
  assert.ok((passwords[0]?.length ?? 0) >= 32);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test("hidden files, links and loose files are left out, and the log says so", async () => {
  await using world = await openWorld();
  const secret = join(world.path, "secret");
  await mkdir(join(secret, "deep"), { recursive: true });
  await writeFile(join(secret, "key"), "k");
  const file = await world.seed("shop/a.yaml", "a: 1\n");
  await world.seed("shop/.git/config", "[core]");
  await world.seed("shop/deep/.env", "E=1");
  await world.seed("loose.yaml", "a: 1\n");
  await world.seed(".hidden/a.yaml", "a: 1\n");
  await symlink(join(secret, "key"), join(dirname(file), "key"));
  await symlink(secret, join(dirname(file), "folder"));
  await symlink(secret, join(world.manifests, "repositories", "linked"));
  await using served = await world.open();
  assert.deepEqual(served.repositories, ["shop"]);
  assert.equal(await git(await world.clone(served.urlOf("shop")), ["ls-files"]), "a.yaml");
  assert.equal(world.warnings.length, 2);
  assert.match(world.warnings[0] ?? "", /^only folders .*\["linked","loose.yaml"\]/);
  assert.match(world.warnings[1] ?? "", /^hidden .*"count":4,"names":\[".git","folder","key","deep\/.env"\]/);
});

const refused: readonly [string, (world: World) => Promise<unknown>, string, RegExp][] = [
  ["a name that no repository may have", (world) => world.seed("Shop/a", "1"), "CONFIG_INVALID", /"Shop" is no name/],
  ["a file name that Git cannot be told", (world) => world.seed('shop/a"b', "1"), "CONFIG_INVALID", /"a"b" is no path/],
  [
    "over 1,000 files",
    async (world) => {
      for (let index = 0; index < 1_001; index++) await world.seed(`shop/${index % 9}/${index}`, "");
    },
    "CONFIG_INVALID",
    /repositories\/shop" holds over 1000 files/,
  ],
  [
    "over 1,000 folders",
    async (world) => {
      await world.seed("shop/a", "1");
      const folders = Array.from({ length: 1_001 }, (_, index) =>
        join(world.manifests, "repositories/shop", `${index}`),
      );
      for (const folder of folders) await mkdir(folder);
    },
    "CONFIG_INVALID",
    /repositories\/shop" holds over 1000 folders/,
  ],
  [
    "over 10 MiB in all",
    async (world) => {
      for (const name of ["a", "b"]) await truncate(await world.seed(`shop/${name}`, ""), 5 * 1024 * 1024);
      await world.seed("shop/c", "1");
    },
    "CONFIG_INVALID",
    /repositories\/shop" holds over 10485760 bytes/,
  ],
];

for (const [what, prepare, code, message] of refused) {
  test(`the start fails on ${what}, and leaves no half of it`, async () => {
    await using world = await openWorld();
    await prepare(world);
    await assert.rejects(world.open(), { name: "TerminalError", code, message });
    assert.ok(!existsSync(join(world.dataDir, "repos", "shop.git")));
    await rm(world.manifests, { recursive: true });
    await using served = await world.open();
    assert.deepEqual(served.repositories, []);
  });
}

test("exactly 1,000 files of 10 MiB are taken", async () => {
  await using world = await openWorld();
  await truncate(await world.seed("shop/0", ""), 10 * 1024 * 1024);
  for (let index = 1; index < 1_000; index++) await world.seed(`shop/${index}`, "");
  await using served = await world.open();
  assert.deepEqual(served.repositories, ["shop"]);
});

test("one file of manifests, or none, seeds nothing", async () => {
  await using world = await openWorld();
  const file = await world.seed("shop/a.yaml", "a: 1\n");
  for (const manifests of [file, join(world.path, "nowhere")]) {
    await using served = await world.open({ manifests });
    assert.deepEqual(served.repositories, []);
  }
});

test("knows its own URLs from those of others", async () => {
  await using world = await openWorld();
  await world.seed("shop/a.yaml", "a: 1\n");
  await using served = await world.open();
  const { port } = served.server;
  const path = join(world.dataDir, "repos", "shop.git");
  for (const [url, expected] of [
    [served.urlOf("shop"), path],
    [served.pushUrlOf("shop"), path],
    [`http://localhost:${port}/shop.git`, path],
    [`HTTP://LOCALHOST:${port}/shop.git/`, path],
    [`https://127.0.0.1:${port}/shop.git`, undefined],
    [`http://127.0.0.1:${port + 1}/shop.git`, undefined],
    ["http://127.0.0.1/shop.git", undefined],
    [`http://example.com:${port}/shop.git`, undefined],
    [`http://127.0.0.1:${port}/shop`, undefined],
    [`http://127.0.0.1:${port}/a/shop.git`, undefined],
    [`http://127.0.0.1:${port}/%2e%2e%2fshop.git`, undefined],
    [`http://127.0.0.1:${port}/..git`, undefined],
    [`http://127.0.0.1:${port}/shop.git?x=1`, undefined],
    ["git@example.com:shop.git", undefined],
    ["", undefined],
  ] as const) {
    assert.deepEqual([url, served.localPathOf(url)], [url, expected]);
  }
  assert.equal(await git(world.path, ["ls-remote", "--heads", path]).then((text) => text.slice(41)), "refs/heads/main");
});

test("says which branch HEAD names", async () => {
  await using world = await openWorld();
  await world.seed("shop/a.yaml", "a: 1\n");
  await using served = await world.open();
  assert.equal(await served.headRefOf("shop"), "refs/heads/main");
  const path = served.localPathOf(served.urlOf("shop")) ?? "";
  await git(path, ["symbolic-ref", "HEAD", "refs/heads/release/1"]);
  assert.equal(await served.headRefOf("shop"), "refs/heads/release/1");
  await git(path, ["update-ref", "--no-deref", "HEAD", await git(path, ["rev-parse", "main"])]);
  assert.equal(await served.headRefOf("shop"), undefined);
  assert.equal(await served.headRefOf("none"), undefined);
  assert.equal(await served.headRefOf("../repos/shop"), undefined);
});

test("a port in use is said; a start that fails gives its port back", async () => {
  await using world = await openWorld();
  const port = await freePort();
  const file = await world.seed("Shop/a.yaml", "a: 1\n");
  await assert.rejects(world.open({ port }), { code: "CONFIG_INVALID" });
  await rm(dirname(file), { recursive: true });
  await using served = await world.open({ port });
  assert.equal(served.server.port, port);
  await assert.rejects(world.open({ port }), { code: "PORT_IN_USE" });
});
